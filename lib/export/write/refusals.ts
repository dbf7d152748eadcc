import { quoteIdentifier } from '../../core/quote.ts'
import type { FormatContract } from '../contract/export.ts'
import { binaryRefusals } from './binary-refusals.ts'
import { csvRefusals } from './csv-refusals.ts'
import { jsonRefusals } from './json-refusals.ts'
import type { Refusal } from './refusal.ts'
import { xlsxRefusals } from './xlsx-refusals.ts'

/** What no value of a delivery may be. */
export function refusalsOf(contract: FormatContract): readonly Refusal[] {
  const absent = contract.notNull.map((column): Refusal => {
    const when = `t.${quoteIdentifier(column)} IS NULL`
    return {
      column,
      when,
      value: 'NULL',
      what: 'is NULL',
      hint: 'the contract says notNull: fill the column in a transform, or change the contract',
    }
  })
  return [...absent, ...ofFormat(contract)]
}

function ofFormat(contract: FormatContract): readonly Refusal[] {
  switch (contract.format) {
    case 'csv':
      return csvRefusals(contract)
    case 'ndjson':
      return jsonRefusals(contract)
    case 'arrow':
    case 'parquet':
      return binaryRefusals(contract)
    case 'xlsx':
      return xlsxRefusals(contract)
  }
}
