import { quoteLiteral } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { type Comparison, compareByKey, compareSides } from '../../export/gate/compare.ts'
import { writeSample } from '../../export/gate/sample.ts'
import type { Side } from '../../export/gate/side.ts'
import type { RowExample, TargetComparison } from './compare-report.ts'
import { asWholeRows, NUMBER } from './sides.ts'

/** How many rows of each kind are shown. */
const EXAMPLES = 3

/** What a comparison of rows comes to. */
export type Differences = Pick<
  TargetComparison,
  'key' | 'before' | 'after' | 'added' | 'removed' | 'kept' | 'changed' | 'columns' | 'examples' | 'sample'
>

/** Two sides, and by what their rows are compared. */
export interface Differing {
  readonly db: DuckDB
  readonly before: Side
  readonly after: Side
  /** Columns that name a row; none, or not of both, or not of one row alone: whole rows are compared. */
  readonly key: readonly string[]
  /** Where rows that differ go, as Parquet. */
  readonly sample: string
  readonly signal: AbortSignal
}

/** Compares rows by key, else as wholes: then nothing is changed, but one row removed and another added. Writes a sample of rows that differ where there are any. */
export async function differencesOf(differing: Differing): Promise<Differences> {
  const { before, after, db, sample, signal } = differing
  const { comparison, sides } = await compared(differing)
  const { added, removed, changed, kept } = comparison
  const key = comparison.key.filter((name) => name !== NUMBER)
  const whole = key.length < comparison.key.length
  const counts = { key: whole ? [] : key, before: before.rows, after: after.rows, added, removed, kept, changed }
  const columns = comparison.columns.filter((column) => column.changed > 0)
  if (added + removed + changed === 0) return { ...counts, columns, examples: [] }
  await writeSample({ db, ...sides, comparison, ctx: { signal } }, sample)
  return { ...counts, columns, examples: await examplesOf(db, sample, signal), sample }
}

async function compared({
  db,
  before,
  after,
  key,
  signal,
}: Differing): Promise<{ readonly comparison: Comparison; readonly sides: { readonly before: Side; readonly after: Side } }> {
  const has = ({ columns }: Side) => key.every((name) => columns.includes(name))
  if (key.length > 0 && has(before) && has(after)) {
    // A key may name several rows of what is there.
    const comparison = await compareByKey(db, before, after, key, signal)
    if (comparison) return { comparison, sides: { before, after } }
  }
  const columns = after.columns.filter((name) => before.columns.includes(name))
  const sides = { before: asWholeRows(before, columns), after: asWholeRows(after, columns) }
  return { comparison: await compareSides(db, sides.before, sides.after, [...columns, NUMBER], signal), sides }
}

/** A few rows of a sample, for people. */
async function examplesOf(db: DuckDB, sample: string, signal: AbortSignal): Promise<RowExample[]> {
  const rows = await db.meta(
    `SELECT kind, CAST(to_json(key) AS VARCHAR) AS key, CAST(to_json(columns) AS VARCHAR) AS columns, CAST(to_json(before) AS VARCHAR) AS before, CAST(to_json(after) AS VARCHAR) AS after ` +
      `FROM (SELECT *, row_number() OVER (PARTITION BY kind) AS n FROM read_parquet(${quoteLiteral(sample)})) WHERE n <= ${EXAMPLES} ORDER BY kind DESC, n`,
    undefined,
    signal,
  )
  const texts = (json: string | null | undefined): Record<string, string | null> => JSON.parse(json ?? 'null') ?? {}
  return rows.map(({ kind, key, columns, before, after }) => {
    const [was, is] = [texts(before), texts(after)]
    const { [NUMBER]: _, ...named } = texts(key)
    const changed: readonly string[] = JSON.parse(columns ?? 'null') ?? []
    return {
      kind: kind as RowExample['kind'],
      key: named,
      columns: changed.map((name) => ({ name, before: was[name] ?? null, after: is[name] ?? null })),
    }
  })
}
