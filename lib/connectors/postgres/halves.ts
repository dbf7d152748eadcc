import type { Dataset } from '../../core/dataset.ts'
import { quoteList } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { casts, relationOfFiles } from '../../engines/relation.ts'
import type { Part } from './wire.ts'

/** The first row of the second half. */
export interface Cut {
  /** Which of the files it is in, and where there: the first of a row group. */
  readonly file: number
  readonly row: number
  /** Rows of the dataset before it. */
  readonly before: number
}

/** What DuckDB calls a row's place in its file: a column of the dataset may have the name, and then cannot be told from it. */
const PLACE = 'file_row_number'

/** A half with less than this share of the rows is none. */
const LEAST_SHARE = 1 / 4

/**
 * A dataset's rows in two parts of nearly the same number, in the files' order; undefined where there are no such parts. They are cut between two row groups: whoever needs one row of a group reads the group.
 */
export async function halvesOf(
  db: DuckDB,
  { columns, files, rows }: Pick<Dataset, 'columns' | 'files' | 'rows'>,
  signal: AbortSignal,
): Promise<readonly [Part, Part] | undefined> {
  if (Object.keys(columns).some((name) => name.toLowerCase() === PLACE)) return undefined
  const cut = await cutOf(db, files, signal)
  if (!cut || Math.min(cut.before, rows - cut.before) < rows * LEAST_SHARE) return undefined
  return halvesAt(columns, files, cut)
}

/** The parts before and after a cut. */
export function halvesAt(columns: Dataset['columns'], files: readonly string[], { file, row, before }: Cut): readonly [Part, Part] {
  const whole = (some: readonly string[]) => (some.length > 0 ? [relationOfFiles(columns, some)] : [])
  const where = (than: string) =>
    row > 0
      ? [
          `SELECT ${casts(columns)} FROM read_parquet(${quoteList(files.slice(file, file + 1))}, hive_partitioning = false, ${PLACE} = true) WHERE ${PLACE} ${than} ${row}`,
        ]
      : []
  const union = (relations: readonly string[]) => relations.join(' UNION ALL ')
  return [
    { relation: union([...whole(files.slice(0, file)), ...where('<')]), before: 0 },
    { relation: union([...where('>='), ...whole(files.slice(row > 0 ? file + 1 : file))]), before },
  ]
}

/** Where a row group begins that is nearest to the middle of all rows. */
async function cutOf(db: DuckDB, files: readonly string[], signal: AbortSignal): Promise<Cut | undefined> {
  const list = quoteList(files)
  const [found] = await db.meta(
    `WITH groups AS (SELECT list_position(${list}, file_name) - 1 AS file, row_group_id AS id, any_value(row_group_num_rows) AS n FROM parquet_metadata(${list}) GROUP BY ALL),
     placed AS (SELECT file, sum(n) OVER (PARTITION BY file ORDER BY id) - n AS row, sum(n) OVER (ORDER BY file, id) - n AS before, sum(n) OVER () AS total FROM groups)
     SELECT file, row, before FROM placed WHERE before > 0 AND file IS NOT NULL ORDER BY abs(2 * before - total), before LIMIT 1`,
    {},
    signal,
  )
  return found && { file: Number(found.file), row: Number(found.row), before: Number(found.before) }
}
