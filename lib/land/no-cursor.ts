import type { RunContext } from '../core/context.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'

interface Asked {
  readonly dataset: string
  readonly key: readonly string[]
  readonly cursor: string
}

/** @throws CheckError for the first of key and cursor that a row does not have */
export async function refuseNulls({ dataset, key, cursor }: Asked, read: string, db: DuckDB, ctx: RunContext): Promise<never> {
  for (const column of [...key, cursor]) {
    const [row] = await db.meta(`SELECT count(*) AS nulls FROM ${read} WHERE ${quoteIdentifier(column)} IS NULL`, undefined, ctx.signal)
    if (row?.nulls !== '0')
      throw new CheckError(
        `${row?.nulls} ${row?.nulls === '1' ? 'row' : 'rows'} of "${dataset}" ${row?.nulls === '1' ? 'has' : 'have'} no ${column}, which is ${column === cursor ? 'the cursor' : 'in the key'}`,
        {
          ...{ stage: 'land', pipeline: ctx.pipeline, dataset, column },
          hint:
            column === cursor
              ? 'a row without a cursor would never be read again: give it a value with columns: { … }'
              : 'choose a key that every row has',
        },
      )
  }
  throw new RangeError('no column has the NULL that was counted')
}

/** Nothing comes after infinity or NaN: no newer row would ever be read. @throws CheckError for rows with such a cursor */
export async function refuseInfinity({ dataset, cursor }: Asked, read: string, db: DuckDB, ctx: RunContext): Promise<void> {
  const at = quoteIdentifier(cursor)
  const [found] = await db.meta(
    `SELECT count(*) AS rows, CAST(max(${at}) AS VARCHAR) AS value FROM ${read} WHERE NOT isfinite(${at})`,
    undefined,
    ctx.signal,
  )
  if (!found || found.rows === '0') return
  const { rows, value } = found
  throw new CheckError(
    `${rows} ${rows === '1' ? 'row' : 'rows'} of "${dataset}" ${rows === '1' ? 'has' : 'have'} no finite ${cursor}, which is the cursor: ${value}`,
    {
      ...{ stage: 'land', pipeline: ctx.pipeline, dataset, column: cursor, ...(value !== null && { value }) },
      hint: 'after such a row nothing newer would ever be read: leave it out (where:), or give it a value with columns: { … }',
    },
  )
}
