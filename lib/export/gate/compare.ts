import { CheckError } from '../../core/errors.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Relation, Side } from './side.ts'

/** What differs between two deliveries of one export. */
export interface Comparison {
  /** The columns whose values name a row. */
  readonly key: readonly string[]
  /** Rows of the first and of the second. */
  readonly before: number
  readonly after: number
  readonly added: number
  readonly removed: number
  /** Rows of one key in both. */
  readonly kept: number
  /** Those of them that have another value anywhere. */
  readonly changed: number
  /** Columns that both have, but for the key, and in how many of the kept rows their value is another one. */
  readonly columns: readonly { readonly name: string; readonly changed: number }[]
  /** Columns that only the second has, and only the first. */
  readonly newColumns: readonly string[]
  readonly goneColumns: readonly string[]
}

/** Columns of the two sides of a comparison. */
export interface Compared {
  readonly key: readonly string[]
  /** That both have, besides the key. */
  readonly columns: readonly string[]
}

/** Two relations that are compared, column by column of one type each. */
export interface Pair {
  readonly before: Relation
  readonly after: Relation
  /** Columns that are values; the others are texts. */
  readonly values: ReadonlySet<string>
}

/** Two sides in the form in which they are compared: by values where both have plain ones of one type, else by texts. It comes to the same. */
export function pairOf(before: Side, after: Side, { key, columns }: Compared): Pair {
  const values = [...key, ...columns].filter((name) => before.plain?.(name) !== undefined && before.plain(name) === after.plain?.(name))
  return { before: before.withValues?.(values) ?? before, after: after.withValues?.(values) ?? after, values: new Set(values) }
}

/** What two sides can be compared by. */
export function comparedColumns(before: Side, after: Side, key: readonly string[]): Compared {
  return { key, columns: after.columns.filter((name) => before.columns.includes(name) && !key.includes(name)) }
}

/**
 * Compares two sides by key. One join of the hashes of keys (128 bits) and values or texts (32 bits each): texts of any length take the same room, and what does not fit into memory is spilled. A changed value has the hash of the old one
 * once in four thousand million times.
 * @throws CheckError where a key names several rows, with one that does
 */
export async function compareSides(
  db: DuckDB,
  before: Side,
  after: Side,
  key: readonly string[],
  signal: AbortSignal,
): Promise<Comparison> {
  return (await compareByKey(db, before, after, key, signal)) ?? refuseKey(db, { before, after }, key, signal)
}

/** The same; undefined where a key names several rows. */
export async function compareByKey(
  db: DuckDB,
  before: Side,
  after: Side,
  key: readonly string[],
  signal: AbortSignal,
): Promise<Comparison | undefined> {
  const compared = comparedColumns(before, after, key)
  const { columns } = compared
  const differs = columns.map((_, i) => `b.h${i} <> a.h${i}`)
  const counts = [
    'count(*) FILTER (WHERE a.k1 IS NULL) AS removed',
    'count(*) FILTER (WHERE b.k1 IS NULL) AS added',
    'count(*) FILTER (WHERE a.k1 IS NOT NULL AND b.k1 IS NOT NULL) AS kept',
    `count(*) FILTER (WHERE ${differs.join(' OR ') || 'false'}) AS changed`,
    ...differs.map((differ, i) => `count(*) FILTER (WHERE ${differ}) AS c${i}`),
  ]
  const [found] = await db.meta(
    `SELECT ${counts.join(', ')} FROM ${joinedSql(pairOf(before, after, compared), compared)}`,
    undefined,
    signal,
  )
  const count = (name: string) => Number(found?.[name] ?? 0)
  const [removed, added, kept] = [count('removed'), count('added'), count('kept')]
  if (removed + kept !== before.rows || added + kept !== after.rows) return undefined
  return {
    ...{ key, before: before.rows, after: after.rows, added, removed, kept, changed: count('changed') },
    columns: columns.map((name, i) => ({ name, changed: count(`c${i}`) })),
    newColumns: after.columns.filter((name) => !before.columns.includes(name)),
    goneColumns: before.columns.filter((name) => !after.columns.includes(name)),
  }
}

/** Both sides' hashes beside each other by key: `b` the first, `a` the second; NULLs where one has no such row. */
export function joinedSql(pair: Pair, compared: Compared): string {
  const hashed = (relation: Relation) => `(${hashedSql(relation, pair, compared)})`
  return `${hashed(pair.before)} AS b FULL JOIN ${hashed(pair.after)} AS a ON b.k1 = a.k1 AND b.k2 = a.k2`
}

function hashedSql(relation: Relation, pair: Pair, { key, columns }: Compared): string {
  const hashes = columns.map((name, i) => `CAST(hash(${relation.column(name)}) & 4294967295 AS UINTEGER) AS h${i}`)
  return `SELECT ${[...keyHashes(relation, pair, key), ...hashes].join(', ')} FROM ${relation.sql}`
}

/** `k1` and `k2`: two hashes of a row's key that do not follow from each other. Of texts, the second is that of another text; of values, whose own hashes are as good as unique, that of their hashes, which are put together another way. */
export function keyHashes(relation: Relation, { values }: Pair, key: readonly string[]): readonly string[] {
  const columns = key.map((name) => relation.column(name))
  const others = key.map((name, i) => (values.has(name) ? `hash(${columns[i]})` : `concat('k', ${columns[i]})`))
  return [`hash(${columns.join(', ')}) AS k1`, `hash(${others.join(', ')}) AS k2`]
}

async function refuseKey(
  db: DuckDB,
  { before, after }: { readonly before: Side; readonly after: Side },
  key: readonly string[],
  signal: AbortSignal,
): Promise<never> {
  const several = async (side: Side, where: string): Promise<string | undefined> => {
    const columns = key.map((name, i) => `${side.column(name)} AS k${i}`)
    const [found] = await db.meta(
      `SELECT *, count(*) AS n FROM (SELECT ${columns.join(', ')} FROM ${side.sql}) GROUP BY ALL HAVING n > 1 ORDER BY ALL LIMIT 1`,
      undefined,
      signal,
    )
    return found && `${key.map((name, i) => `${name}=${found[`k${i}`] ?? 'NULL'}`).join(' ')} stands in ${found.n} rows of ${where}`
  }
  const example = (await several(after, 'what is new')) ?? (await several(before, 'the last delivery')) ?? ''
  throw new CheckError(`the gate's key (${key.join(', ')}) names several rows, and nothing can be compared by it: ${example}`, {
    value: example.slice(0, 200),
    hint: 'name columns in gate.key that no two rows share as texts, in this delivery and in the last one',
  })
}
