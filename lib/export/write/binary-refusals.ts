import { quoteIdentifier } from '../../core/quote.ts'
import { parseType } from '../../engines/types.ts'
import type { CommonContract } from '../contract/table-contract.ts'
import { anyWithin } from '../contract/within.ts'
import type { Refusal } from './refusal.ts'

/** What no value of a Parquet or Arrow file may be: dates and times there have no infinity, and readers would see some day instead. */
export function binaryRefusals({ columns }: CommonContract): readonly Refusal[] {
  return Object.entries(columns).flatMap(([column, type]): readonly Refusal[] => {
    const value = `t.${quoteIdentifier(column)}`
    const when = anyWithin(value, parseType(type), ['date', 'timestamp', 'timestamptz'], (each) => `NOT isfinite(${each})`)
    if (when === undefined) return []
    const hint = 'make it NULL in a transform, or a date that says as much to the readers'
    return [{ column, when, value: `CAST(${value} AS VARCHAR)`, what: 'is infinite, which the format has not for dates and times,', hint }]
  })
}
