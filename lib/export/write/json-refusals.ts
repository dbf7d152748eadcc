import { quoteIdentifier } from '../../core/quote.ts'
import { parseType } from '../../engines/types.ts'
import type { CommonContract } from '../contract/table-contract.ts'
import { anyWithin } from '../contract/within.ts'
import type { Refusal } from './refusal.ts'

/** What no value of a JSON file may be: JSON has no NaN and no infinity, and ISO 8601 has four digits for a year. */
export function jsonRefusals({ columns }: CommonContract): readonly Refusal[] {
  return Object.entries(columns).flatMap(([column, text]): readonly Refusal[] => {
    const [value, type] = [`t.${quoteIdentifier(column)}`, parseType(text)]
    const refusal = (when: string | undefined, what: string, hint: string): readonly Refusal[] =>
      when === undefined ? [] : [{ column, when, value: `CAST(${value} AS VARCHAR)`, what, hint }]
    return [
      ...refusal(
        anyWithin(value, type, ['float32', 'float64'], (each) => `NOT isfinite(${each})`),
        'is NaN or infinite, which JSON has not,',
        'make it NULL in a transform, or a text that says as much to the readers',
      ),
      ...refusal(
        anyWithin(
          value,
          type,
          ['date', 'timestamp', 'timestamptz'],
          (each) => `NOT isfinite(${each}) OR year(${each}) NOT BETWEEN 1 AND 9999`,
        ),
        'is infinite, or not in the years 1 to 9999 of ISO 8601,',
        'make it NULL in a transform, or a date that says as much to the readers',
      ),
      ...refusal(
        anyWithin(
          value,
          type,
          ['json'],
          (each) => `regexp_matches(regexp_replace(CAST(${each} AS VARCHAR), '"(\\\\.|[^"\\\\])*"', '', 'g'), '(?i)nan|inf')`,
        ),
        'holds NaN or Infinity, which DuckDB takes for JSON and other readers do not,',
        'make it NULL in a transform, or a text that says as much to the readers',
      ),
    ]
  })
}
