import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { readParquet } from '../../formats/parquet.ts'
import { contentOf } from '../../land/content-hash.ts'
import type { MadeDataset } from './job.ts'

/** How a dataset differs from what it was the first time. */
export interface Difference {
  /** Whose values differ; empty where whole rows do, or their order alone. */
  readonly columns: readonly string[]
  /** How many rows: of those that both have by key, and of those that one has. */
  readonly rows: number
  readonly of: number
  /** Rows come in another order, and are the same. */
  readonly order?: true
  /** One row: its key where there is one, and what it was and is. */
  readonly example?: { readonly key: Values; readonly was: Values; readonly became: Values }
  /** Only floats differ, and by less than 1e-9 of their value. */
  readonly lastDigits?: true
  /** The columns of which that is so, whatever the others do; known where there is a key. */
  readonly near?: readonly string[]
}

type Values = Readonly<Record<string, string | null>>

/** Compares a dataset with what it was the first time: whatever the order of rows, or (`ordered`) in it. `keys`: sets of columns that may be a key. Undefined where they are the same. */
export async function compareDatasets(
  db: DuckDB,
  first: MadeDataset,
  then: MadeDataset,
  { keys, ordered, signal }: { readonly keys: readonly (readonly string[])[]; readonly ordered: boolean; readonly signal?: AbortSignal },
): Promise<Difference | undefined> {
  const [before, after] = [await contentOf(db, first.files, first.columns, signal), await contentOf(db, then.files, then.columns, signal)]
  if (before.hash === after.hash) {
    if (!ordered || (await hashInOrder(db, ofFiles(first), signal)) === (await hashInOrder(db, ofFiles(then), signal))) return undefined
    return { columns: [], rows: first.rows, of: first.rows, order: true }
  }
  const names = Object.keys(first.columns)
  for (const [table, { files }] of [
    ['__first', first],
    ['__then', then],
  ] as const)
    await db.run(`CREATE OR REPLACE TEMP VIEW ${table} AS SELECT ${names.map(asText).join(', ')} FROM ${readParquet(files)}`)
  const key = await keyOf(db, names, keys)
  const found = key ? await byKey(db, first, key) : await bySets(db, names)
  return found
}

function ofFiles({ files }: MadeDataset): string {
  return `SELECT * FROM ${readParquet(files)}`
}

/** A hash of the rows of a SELECT in their order: a projection keeps its input's. */
export async function hashInOrder(db: DuckDB, select: string, signal?: AbortSignal): Promise<string> {
  const numbered = `SELECT row_number() OVER () AS place, hash(t::VARCHAR) AS content FROM (${select}) AS t`
  const [row] = await db.meta(`SELECT count(*) AS n, sum(hash(place, content)) AS h FROM (${numbered})`, undefined, signal)
  return `${row?.n} ${row?.h}`
}

const asText = (name: string) => `CAST(${quoteIdentifier(name)} AS VARCHAR) AS ${quoteIdentifier(name)}`
const list = (names: readonly string[]) => names.map(quoteIdentifier).join(', ')

/** The first set of columns that is unique on both sides: of those that the pipeline names, else all whose values are the same as a whole. */
async function keyOf(db: DuckDB, names: readonly string[], keys: readonly (readonly string[])[]): Promise<readonly string[] | undefined> {
  const equal: string[] = []
  for (const name of names) if ((await hashOfRows(db, '__first', [name])) === (await hashOfRows(db, '__then', [name]))) equal.push(name)
  for (const key of [...keys.filter((each) => each.every((name) => names.includes(name))), equal, ...equal.map((one) => [one])]) {
    if (key.length === 0 || key.length === names.length) continue
    const [one, two] = [await uniqueRows(db, '__first', key), await uniqueRows(db, '__then', key)]
    if (one && two && (await hashOfRows(db, '__first', key)) === (await hashOfRows(db, '__then', key))) return key
  }
  return undefined
}

async function hashOfRows(db: DuckDB, table: string, names: readonly string[]): Promise<string> {
  const [row] = await db.meta(`SELECT count(*) AS n, sum(hash(row(${list(names)})::VARCHAR)) AS h FROM ${table}`)
  return `${row?.n} ${row?.h}`
}

async function uniqueRows(db: DuckDB, table: string, key: readonly string[]): Promise<boolean> {
  const [row] = await db.meta(`SELECT count(*) = count(DISTINCT row(${list(key)})::VARCHAR) AS yes FROM ${table}`)
  return row?.yes === 'true'
}

async function byKey(db: DuckDB, { columns, rows }: MadeDataset, key: readonly string[]): Promise<Difference> {
  const names = Object.keys(columns)
  const rest = names.filter((name) => !key.includes(name))
  const differs = (name: string) => `f.${quoteIdentifier(name)} IS DISTINCT FROM t.${quoteIdentifier(name)}`
  const joined = `__first f JOIN __then t ON ${key.map((name) => `f.${quoteIdentifier(name)} IS NOT DISTINCT FROM t.${quoteIdentifier(name)}`).join(' AND ')}`
  const any = rest.map(differs).join(' OR ')
  const [counted = {}] = await db.meta(
    `SELECT count(*) FILTER (${any}) AS "rows", ${rest.map((name, i) => `count(*) FILTER (${differs(name)}) AS "c${i}"`).join(', ')} FROM ${joined}`,
  )
  const differing = rest.filter((_, i) => Number(counted[`c${i}`]) > 0)
  const shown = [...key.map((name, i) => `f.${quoteIdentifier(name)} AS "k${i}"`)]
  for (const [i, name] of differing.entries()) shown.push(`f.${quoteIdentifier(name)} AS "f${i}"`, `t.${quoteIdentifier(name)} AS "t${i}"`)
  const [example = {}] = await db.meta(
    `SELECT ${shown.join(', ')} FROM ${joined} WHERE ${any} ORDER BY ${key.map((_, i) => i + 1).join(', ')} LIMIT 1`,
  )
  const pick = (of: readonly string[], letter: string): Values =>
    Object.fromEntries(of.map((name, i) => [name, example[`${letter}${i}`] ?? null]))
  const near = await onlyLastDigits(db, joined, differing, columns)
  return {
    columns: differing,
    rows: Number(counted.rows),
    of: rows,
    example: { key: pick(key, 'k'), was: pick(differing, 'f'), became: pick(differing, 't') },
    ...(near.length === differing.length && { lastDigits: true as const }),
    near,
  }
}

/** Which of the columns are floats of which nothing but the last digits differs. */
async function onlyLastDigits(
  db: DuckDB,
  joined: string,
  differing: readonly string[],
  columns: MadeDataset['columns'],
): Promise<readonly string[]> {
  const floats = differing.filter((name) => columns[name] === 'float64' || columns[name] === 'float32')
  if (floats.length === 0) return []
  const near = floats.map((name, i) => {
    const [f, t] = [`f.${quoteIdentifier(name)}`, `t.${quoteIdentifier(name)}`]
    const [a, b] = [`CAST(${f} AS DOUBLE)`, `CAST(${t} AS DOUBLE)`]
    const isNear = `(${f} IS NOT DISTINCT FROM ${t} OR abs(${a} - ${b}) <= 1e-9 * greatest(abs(${a}), abs(${b})))`
    return `coalesce(bool_and(coalesce(${isNear}, false)), true) AS n${i}`
  })
  const [row] = await db.meta(`SELECT ${near.join(', ')} FROM ${joined}`)
  return floats.filter((_, i) => row?.[`n${i}`] === 'true')
}

/** Without a key: the rows that one side has and the other has not, and the columns whose values are others. */
async function bySets(db: DuckDB, names: readonly string[]): Promise<Difference> {
  const only = (one: string, other: string) => `(SELECT * FROM ${one} EXCEPT ALL SELECT * FROM ${other})`
  const [counted] = await db.meta(
    `SELECT (SELECT count(*) FROM ${only('__first', '__then')}) AS lost, (SELECT count(*) FROM ${only('__then', '__first')}) AS come, (SELECT count(*) FROM __first) AS "all"`,
  )
  const columns: string[] = []
  for (const name of names) if ((await hashOfRows(db, '__first', [name])) !== (await hashOfRows(db, '__then', [name]))) columns.push(name)
  const one = async (sql: string) => (await db.meta(`SELECT * FROM ${sql} ORDER BY ALL LIMIT 1`))[0] ?? {}
  const [was, became] = [await one(only('__first', '__then')), await one(only('__then', '__first'))]
  return {
    columns,
    rows: Math.max(Number(counted?.lost), Number(counted?.come)),
    of: Number(counted?.all),
    example: { key: {}, was, became },
  }
}
