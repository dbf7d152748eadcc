import type { Dataset } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB } from './duckdb.ts'
import { relationOfFiles } from './relation.ts'

/**
 * Counts the dataset's rows by their merge key.
 * @throws CheckError for a NULL in a key, or a key that the dataset has twice, naming it
 */
export async function checkMergeKeys(
  db: DuckDB,
  { table, dataset, key }: { readonly table: string; readonly dataset: Dataset; readonly key: readonly string[] },
  signal: AbortSignal,
): Promise<number> {
  const names = key.map(quoteIdentifier)
  const relation = relationOfFiles(Object.fromEntries(key.map((name) => [name, dataset.columns[name] ?? ''])), dataset.files)
  const refuse = (message: string, value?: string): never => {
    throw new CheckError(`merge into "${table}" ${message}`, {
      table,
      dataset: dataset.name,
      column: key.join(', '),
      ...(value !== undefined && { value }),
    })
  }
  const [counts] = await db.meta(
    `SELECT count(*) FILTER (WHERE ${names.map((name) => `${name} IS NULL`).join(' OR ')}) AS nulls, count(*) AS total FROM (${relation})`,
    {},
    signal,
  )
  if (counts?.nulls !== '0') refuse(`has NULL in its key (${key.join(', ')}) in ${counts?.nulls} of ${counts?.total} rows`)
  const texts = names.map((name, i) => `left(CAST(${name} AS VARCHAR), 100) AS k${i}`)
  const [twice] = await db.meta(
    `SELECT ${texts.join(', ')}, n, count(*) OVER () AS keys FROM (SELECT ${names.join(', ')}, count(*) AS n FROM (${relation}) GROUP BY ALL HAVING count(*) > 1) ORDER BY ${names.join(', ')} LIMIT 1`,
    {},
    signal,
  )
  if (!twice) return Number(counts?.total)
  const value = key.map((name, i) => `${name}=${twice[`k${i}`]}`).join(' ')
  return refuse(`has ${twice.n} rows of one key, ${value}${twice.keys === '1' ? '' : `; ${twice.keys} keys have more than one row`}`, value)
}
