import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '@node-rs/crc32'
import type { Store } from '../../connectors/store.ts'
import { checksums, crcText } from '../../core/checksums.ts'
import type { RunContext } from '../../core/context.ts'
import { PreconditionFailed } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { type Compared, type Comparison, joinedSql, keyHashes, type Pair, pairOf } from './compare.ts'
import type { Relation, Side } from './side.ts'

/** How many rows a sample has at most. */
export const SAMPLE_ROWS = 1000

/** What a sample is made of. */
export interface Sampling {
  readonly db: DuckDB
  readonly before: Side
  readonly after: Side
  readonly comparison: Comparison
  readonly ctx: Pick<RunContext, 'signal'>
}

/**
 * Writes rows that differ as Parquet, of each kind as many as there is room for, the same ones each time: `kind` (added, removed, changed), `key`, `before` and `after` as structs of texts, and in `columns` the names of those
 * that changed.
 */
export async function writeSample({ db, before, after, comparison, ctx }: Sampling, path: string): Promise<void> {
  const compared: Compared = { key: comparison.key, columns: comparison.columns.map(({ name }) => name) }
  const pair = pairOf(before, after, compared)
  const differs = compared.columns.map((_, i) => `b.h${i} <> a.h${i}`).join(' OR ') || 'false'
  const kind = `CASE WHEN a.k1 IS NULL THEN 'removed' WHEN b.k1 IS NULL THEN 'added' WHEN ${differs} THEN 'changed' END`
  const different = `SELECT ${kind} AS kind, {'k1': coalesce(b.k1, a.k1), 'k2': coalesce(b.k2, a.k2)} AS k FROM ${joinedSql(pair, compared)}`
  const least = `SELECT kind, min(k, ${SAMPLE_ROWS}) AS ks FROM (${different}) WHERE kind IS NOT NULL GROUP BY kind`
  await db.run(
    `CREATE OR REPLACE TEMP TABLE picked AS SELECT kind, k.k1 AS k1, k.k2 AS k2 FROM (SELECT kind, unnest(ks) AS k, generate_subscripts(ks, 1) AS n FROM (${least})) ORDER BY n, kind LIMIT ${SAMPLE_ROWS}`,
    undefined,
    ctx.signal,
  )
  try {
    await db.run(`COPY (${pickedRows(pair, compared)}) TO ${quoteLiteral(path)} (FORMAT parquet)`, undefined, ctx.signal)
  } finally {
    await db.run('DROP TABLE IF EXISTS picked')
  }
}

function pickedRows(pair: Pair, { key, columns }: Compared): string {
  const side = (of: Relation) => {
    const values = columns.map((name, i) => `CAST(${of.column(name)} AS VARCHAR) AS v${i}`)
    const keys = key.map((name, i) => `CAST(${of.column(name)} AS VARCHAR) AS n${i}`)
    return `(SELECT * FROM (SELECT ${[...keyHashes(of, pair, key), ...keys, ...values].join(', ')} FROM ${of.sql}) SEMI JOIN picked USING (k1, k2))`
  }
  const struct = (of: 'b' | 'a') =>
    columns.length === 0
      ? 'NULL'
      : `CASE WHEN ${of}.k1 IS NOT NULL THEN {${columns.map((name, i) => `${quoteIdentifier(name)}: ${of}.v${i}`).join(', ')}} END`
  const names = columns.map((name, i) => `CASE WHEN b.v${i} IS DISTINCT FROM a.v${i} THEN ${quoteLiteral(name)} END`)
  const keyText = key.map((name, i) => `${quoteIdentifier(name)}: CASE WHEN b.k1 IS NULL THEN a.n${i} ELSE b.n${i} END`)
  const changed =
    columns.length === 0 ? 'NULL' : `CASE WHEN kind = 'changed' THEN list_filter([${names.join(', ')}], lambda x: x IS NOT NULL) END`
  return `SELECT kind, {${keyText.join(', ')}} AS key, ${changed} AS columns, ${struct('b')} AS before, ${struct('a')} AS after FROM picked LEFT JOIN ${side(pair.before)} AS b USING (k1, k2) LEFT JOIN ${side(pair.after)} AS a USING (k1, k2) ORDER BY kind, key`
}

/** Writes a sample into the store, under a name that says what is in it. Gives its key. */
export async function putSample(
  sampling: Sampling & {
    readonly name: (sha256: string) => string
    readonly store: Store
    readonly ctx: Pick<RunContext, 'signal' | 'workspace'>
  },
): Promise<string> {
  const { name, store, ctx } = sampling
  const path = join(ctx.workspace, 'sample.parquet')
  await writeSample(sampling, path)
  // A thousand rows.
  const bytes = await readFile(path)
  const sums = checksums()
  sums.add(bytes)
  const key = name(sums.result().sha256)
  try {
    await store.put(key, { bytes }, { ifAbsent: true, crc32c: crcText(crc32c(bytes)), contentType: 'application/vnd.apache.parquet' })
  } catch (error) {
    // The same rows, of a run that was killed.
    if (!(error instanceof PreconditionFailed)) throw error
  }
  return key
}
