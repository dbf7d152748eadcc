import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { parseType } from '../../engines/types.ts'
import { csvValue } from '../../formats/csv-values.ts'
import { unfitPattern } from '../../formats/encodings.ts'
import { isFormula } from '../../formats/formulas.ts'
import type { Contract } from '../contract/contract.ts'
import { isTextual } from './delivered-text.ts'
import type { Refusal } from './refusal.ts'

/** What no value of a CSV file may be: a formula, a character that the encoding has not, where the contract says so. */
export function csvRefusals(contract: Contract): readonly Refusal[] {
  const { columns, encoding, formulas, unfit } = contract
  const pattern = unfit === 'fail' ? unfitPattern(encoding) : undefined
  const texts = Object.entries(columns).filter(([, type]) => isTextual(parseType(type)))
  return texts.flatMap(([column, type]): Refusal[] => {
    const value = csvValue(`t.${quoteIdentifier(column)}`, parseType(type), contract)
    return [
      ...(formulas === 'reject'
        ? [
            {
              ...{ column, value, when: isFormula(value, contract), what: 'is a formula to a spreadsheet' },
              hint: 'the contract says formulas: "reject"; "escape" puts an apostrophe before it, "raw" is for readers that are programs',
            },
          ]
        : []),
      ...(pattern === undefined
        ? []
        : [
            {
              ...{ column, value, when: `regexp_matches(${value}, ${quoteLiteral(pattern)})` },
              ...{
                what: `has a character that ${encoding} has not`,
                hint: 'write the file in utf-8, or say unfit: "replace" in the contract',
              },
            },
          ]),
    ]
  })
}
