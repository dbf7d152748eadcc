import type { Dataset } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { relationOfFiles } from '../engines/relation.ts'
import { parseType } from '../engines/types.ts'
import { csvValue } from '../formats/csv-values.ts'
import { unfitPattern } from '../formats/encodings.ts'
import { isFormula } from '../formats/formulas.ts'
import type { Contract } from './contract.ts'
import { isTextual } from './delivered-text.ts'
import { orderColumns } from './order.ts'

/** Something that no value of a column may be. */
interface Refusal {
  readonly column: string
  /** SQL over the row `t`. */
  readonly when: string
  /** SQL of the value, as text. */
  readonly value: string
  readonly what: string
  readonly hint: string
}

/**
 * Holds what the contract says of single values: `notNull`, `formulas: 'reject'`, and `unfit: 'fail'`. One scan of the columns in question; none where the contract says nothing of the kind.
 * @throws CheckError with how many rows are refused, the first one's order columns, its column and its value
 */
export async function checkValues(db: DuckDB, dataset: Dataset, contract: Contract, signal: AbortSignal): Promise<void> {
  const refusals = refusalsOf(contract)
  if (refusals.length === 0) return
  const key = orderColumns(contract).map(
    ({ name }) => `${quoteLiteral(`${name}=`)} || coalesce(CAST(t.${quoteIdentifier(name)} AS VARCHAR), 'NULL')`,
  )
  const flags = refusals.flatMap(({ when, value }, i) => [`${when} AS c${i}`, `CASE WHEN ${when} THEN ${value} END AS v${i}`])
  const rows = `SELECT row_number() OVER () AS place, concat_ws(' ', ${key.join(', ')}) AS row_key, ${flags.join(', ')} FROM (${relationOfFiles(contract.columns, dataset.files)}) AS t`
  const found = refusals.flatMap((_, i) => [
    `count(*) FILTER (WHERE c${i}) AS n${i}`,
    `arg_min(row_key, place) FILTER (WHERE c${i}) AS k${i}`,
    `arg_min(v${i}, place) FILTER (WHERE c${i}) AS v${i}`,
  ])
  const [row] = await db.meta(`SELECT ${found.join(', ')} FROM (${rows})`, undefined, signal)
  for (const [i, { column, what, hint }] of refusals.entries()) {
    const count = Number(row?.[`n${i}`] ?? 0)
    if (count === 0) continue
    const value = row?.[`v${i}`] ?? undefined
    throw new CheckError(`"${column}" ${what} in ${count} of ${dataset.rows} rows, first in ${row?.[`k${i}`]?.slice(0, 200)}`, {
      column,
      ...(value !== undefined && { value: value.slice(0, 200) }),
      hint,
    })
  }
}

function refusalsOf(contract: Contract): readonly Refusal[] {
  const { columns, encoding, formulas, notNull, unfit } = contract
  const absent = notNull.map((column): Refusal => {
    const when = `t.${quoteIdentifier(column)} IS NULL`
    return {
      column,
      when,
      value: 'NULL',
      what: 'is NULL',
      hint: 'the contract says notNull: fill the column in a transform, or change the contract',
    }
  })
  const pattern = unfit === 'fail' ? unfitPattern(encoding) : undefined
  const texts = Object.entries(columns).filter(([, type]) => isTextual(parseType(type)))
  const words = texts.flatMap(([column, type]): Refusal[] => {
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
  return [...absent, ...words]
}
