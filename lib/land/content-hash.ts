import duckdb from '@duckdb/node-bindings'
import type { Columns } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { type ColumnType, parseType } from '../engines/types.ts'
import { readParquet } from '../formats/parquet.ts'
import type { UndecodedRows } from '../state/manifest.ts'

/** What names a content: equal names say equal rows under equal columns; others say nothing. */
export interface ContentName {
  /** Hex, 128 bits. */
  readonly hash: string
  /** Which hash it is, with the engine version where that defines it. */
  readonly hashName: string
}

export interface Content extends ContentName {
  readonly rows: number
}

/** The name of the hash of rows that this process computes. */
const rowsHashName = `millrace1-duckdb-${duckdb.library_version()}`

/** Names the content of Parquet files of ours by their bytes, which have been read for a checksum anyway: the same rows in the same order and files make the same bytes. */
export function contentOfBytes(all: readonly string[], columns: Columns): ContentName {
  const hashName = 'millrace2-sha256'
  const sha256 = all.length === 1 ? all[0] : all
  return { hash: hashOf({ name: hashName, columns: Object.entries(columns), sha256 }).slice(0, 32), hashName }
}

/** Names undecoded rows by their bytes as they came, with what those mean: columns, types, facts of the system that wrote them. */
export function contentOfUndecoded({
  format,
  columns,
  facts,
  sha256,
}: Pick<UndecodedRows, 'format' | 'columns' | 'facts' | 'sha256'>): ContentName {
  const hashName = 'millrace1-undecoded-sha256'
  return { hash: hashOf({ name: hashName, format, columns, facts, sha256 }).slice(0, 32), hashName }
}

/** 2⁶⁴ divided by the golden ratio: as good as any odd number. */
const SALT = '11400714819323198485::UBIGINT'

/**
 * Counts the rows of Parquet files that we wrote, and hashes their content whatever the order of rows, in one scan: two sums, each over another mixing (`hash` of a BIGINT is a bijection) of a 64-bit row hash, with the
 * number of rows and the columns' names and types.
 *
 * Why it can be trusted: two multisets of rows are taken for equal if their row hashes are the same multiset, which for one row that changed happens once in 2⁶⁴, or if both sums agree by chance, once in 2¹²⁸. The row hash
 * is mixed before it is summed because DuckDB joins the columns' hashes by `xor`: sums of such hashes are not independent of each other where rows exchange values. It is no defence against someone who
 * wants a collision: the files' SHA-256 is. -0.0 equals 0.0, and any NaN another, as in SQL.
 */
export async function contentOf(db: DuckDB, files: readonly string[], columns: Columns, signal?: AbortSignal): Promise<Content> {
  const row = rowHash(columns)
  const [found] = await db.meta(
    `SELECT count(*) AS rows, coalesce(sum(hash(h)), 0) AS one, coalesce(sum(hash(xor(h, ${SALT}))), 0) AS two FROM (SELECT ${row} AS h FROM ${readParquet(files)})`,
    undefined,
    signal,
  )
  if (!found) throw new CheckError('an aggregate gave no row')
  const hash = hashOf({ name: rowsHashName, columns: Object.entries(columns), ...found }).slice(0, 32)
  return { rows: Number(found.rows), hash, hashName: rowsHashName }
}

/** The SQL of a row's hash, a UBIGINT that is never NULL. */
export function rowHash(columns: Columns): string {
  return `hash(${Object.entries(columns)
    .flatMap(([name, type]) => hashArguments(quoteIdentifier(name), parseType(type)))
    .join(', ')})`
}

/**
 * What is hashed for a value. DuckDB's hash takes NULL, `[]`, `[NULL]` and a struct of NULLs for the same, as it does `x` and `[x]`, and '1 month' and '30 days': so these are taken apart first.
 */
function hashArguments(value: string, type: ColumnType, depth = 0): string[] {
  switch (type.name) {
    case 'list': {
      const element = `e${depth}`
      return [
        `${value} IS NULL`,
        `len(${value})`,
        `list_transform(${value}, lambda ${element}: hash(${hashArguments(element, type.of, depth + 1).join(', ')}))`,
      ]
    }
    case 'struct':
      return [
        `${value} IS NULL`,
        ...type.fields.flatMap((field) => hashArguments(`${value}.${quoteIdentifier(field.name)}`, field.type, depth)),
      ]
    case 'interval':
      return [`${value}::VARCHAR`]
    default:
      return [value]
  }
}
