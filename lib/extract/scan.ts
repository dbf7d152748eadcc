import type { Relation } from '../connectors/source.ts'
import type { Columns, TimeWindow } from '../core/dataset.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { MetaRow, SqlValues } from '../engines/duckdb.ts'
import { copyStatement, readParquet } from '../formats/parquet.ts'
import { tried } from '../formats/strict.ts'
import { declaredValues, instantOf, type SelectRequest } from './select.ts'

/** The column of a scan's file that says where in time a row belongs: NULL where its window column has no value, or one that does not fit. */
const TIME = quoteIdentifier('_millrace time')

/** How partitions lie in time: buckets of this unit in this zone, of which each partition is in one. */
export interface Buckets {
  readonly unit: string
  readonly zone: string
}

/** Whether one pass over a relation can be split: its rows are texts, or a row that does not fit can be told by its number alone. Of others a window is read without reading all. */
export function canBeSplit(relation: Relation, { kind, expressions }: Pick<SelectRequest, 'kind' | 'expressions'>): boolean {
  const texts = Object.values(relation.raw).every((type) => type === 'text') && !relation.execute
  return kind.by === 'window' && !expressions && (texts || relation.place !== undefined) && !relation.arrow
}

/**
 * The statement that writes a relation's rows of some span of time into one Parquet file, as they come and in their order, with their time. Nothing is cast but the window column, and that without failing: a row that does not fit
 * its declared types is refused where its partition lands, one without a time in all of them.
 */
export function scanStatement(
  relation: Relation,
  request: SelectRequest,
  span: TimeWindow,
  file: string,
): { readonly sql: string; readonly values: SqlValues } {
  const value = declaredValues(relation, request).find(({ column }) => request.kind.by === 'window' && column === request.kind.column)
  const instant = value && instantOf({ ...value, strict: tried(value.strict) }, relation.zone)
  if (instant === undefined) throw new RangeError(`${request.dataset} has no window`)
  const rows = `SELECT *, ${instant} AS ${TIME} FROM (${relation.sql}) AS r`
  const select = `SELECT * FROM (${rows}) WHERE ${TIME} IS NULL OR (${TIME} >= $start AND ${TIME} < $end)`
  return { sql: copyStatement(select, file), values: { start: span.start, end: span.end } }
}

/** One row about a scan's file: how many rows have no time, and how many come in an earlier bucket than the row before. */
export function scanQuestion(file: string, buckets: Buckets): string {
  const ordered = `SELECT ${TIME} AS t, ${bucketOf(TIME, buckets)} AS b, lag(${bucketOf(TIME, buckets)}) OVER () AS before FROM ${readParquet([file])}`
  return `SELECT count(*) FILTER (WHERE t IS NULL) AS untimed, count(*) FILTER (WHERE b < before OR (b IS NULL AND before IS NOT NULL)) AS back FROM (${ordered})`
}

export function scanAnswer(rows: readonly MetaRow[]): { readonly untimed: number; readonly back: number } {
  return { untimed: Number(rows[0]?.untimed), back: Number(rows[0]?.back) }
}

/** Writes the rows of a scan's file so that those of one bucket lie side by side, in their order: a partition then reads its part of the file and no more. Sorted outside of memory where it must be. */
export function sortStatement(file: string, sorted: string, buckets: Buckets): string {
  const rows = `SELECT * EXCLUDE (file_row_number) FROM ${readParquet([file], ['file_row_number = true'])}`
  return copyStatement(`${rows} ORDER BY ${bucketOf(TIME, buckets)} NULLS FIRST, file_row_number`, sorted)
}

function bucketOf(time: string, { unit, zone }: Buckets): string {
  return `date_trunc(${quoteLiteral(unit)}, ${time} AT TIME ZONE ${quoteLiteral(zone)})`
}

/** A scan that was made, as data: another process of the run may read from it. */
export interface Scan {
  readonly file: string
  readonly raw: Columns
  /** The source's own, for the place of a value that does not fit; absent: that is `place`, and the row's number in the window. */
  readonly located?: string
  readonly place?: string
  readonly locatedRaw?: Columns
  readonly before: readonly string[]
  readonly zone?: string
  readonly names?: readonly string[]
  /** When the pass began, UTC: what came later is not in it. */
  readonly asOf: string
  readonly span: { readonly start: string; readonly end: string }
  /** Rows without a time. */
  readonly untimed: number
}

/** Whether a scan has all rows of a window. */
export function hasWindow({ span }: Scan, { start, end }: TimeWindow): boolean {
  return start >= new Date(span.start) && end <= new Date(span.end)
}

/** The rows of one window as a scan has them: what the source would have given at its time, less the rows of other windows. */
export function relationOfScan(scan: Scan, { start, end }: TimeWindow): Relation {
  const { file, raw, located, locatedRaw, before, zone, names, untimed, place = '' } = scan
  const literal = (time: Date) => `TIMESTAMPTZ ${quoteLiteral(time.toISOString())}`
  const own = `${TIME} >= ${literal(start)} AND ${TIME} < ${literal(end)}`
  const list = Object.keys(raw).map(quoteIdentifier).join(', ')
  const sql = `SELECT ${list} FROM ${readParquet([file])} WHERE ${untimed > 0 ? `${TIME} IS NULL OR (${own})` : own}`
  return {
    ...{ sql, raw, before, asOf: new Date(scan.asOf) },
    located: located ?? `SELECT *, ${quoteLiteral(place)} AS _file, row_number() OVER () AS _row FROM (${sql})`,
    ...(zone !== undefined && { zone }),
    ...(names && { names }),
    ...(locatedRaw && { locatedRaw }),
    close: async () => undefined,
  }
}
