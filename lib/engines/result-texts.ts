import duckdb, { type DataChunk, type Result, type Type } from '@duckdb/node-bindings'

/** A value as DuckDB's text; null as null. */
export type TextRow = readonly (string | null)[]

/** Reads the value that begins at a byte of a vector's data. */
interface Reader {
  readonly width: number
  readonly read: (data: DataView, at: number) => string
}

const decoder = new TextDecoder()

/** Types of most metadata; of the others, whose texts are more than a number's, the vendor's package knows how to write them. */
const readers: ReadonlyMap<Type, Reader> = new Map([
  [duckdb.Type.VARCHAR, { width: 16, read: textAt }],
  [duckdb.Type.BOOLEAN, { width: 1, read: (data, at) => String(data.getUint8(at) !== 0) }],
  [duckdb.Type.INTEGER, { width: 4, read: (data, at) => String(data.getInt32(at, true)) }],
  [duckdb.Type.UINTEGER, { width: 4, read: (data, at) => String(data.getUint32(at, true)) }],
  [duckdb.Type.BIGINT, { width: 8, read: (data, at) => String(data.getBigInt64(at, true)) }],
  [duckdb.Type.UBIGINT, { width: 8, read: (data, at) => String(data.getBigUint64(at, true)) }],
  [duckdb.Type.HUGEINT, { width: 16, read: (data, at) => String((data.getBigInt64(at + 8, true) << 64n) + data.getBigUint64(at, true)) }],
  [duckdb.Type.DOUBLE, { width: 8, read: (data, at) => String(data.getFloat64(at, true)) }],
] as const satisfies readonly (readonly [Type, Reader])[])

/** The rows of a finished result, each value as DuckDB's text. For a few of metadata, never for data. @throws RangeError for more than `most` */
export async function resultTexts(result: Result, most: number): Promise<readonly TextRow[]> {
  const chunks = Array.from({ length: duckdb.result_chunk_count(result) }, (_, i) => duckdb.result_get_chunk(result, i))
  const count = chunks.reduce((sum, chunk) => sum + duckdb.data_chunk_get_size(chunk), 0)
  if (count > most) throw new RangeError(`a metadata query gave ${count} rows`)
  const columns = Array.from({ length: duckdb.column_count(result) }, (_, i) => readers.get(duckdb.column_type(result, i)))
  return columns.every((column) => column !== undefined) ? chunks.flatMap((chunk) => rowsOf(chunk, columns)) : vendorTexts(result)
}

/** Names of a result's columns. */
export function columnNames(result: Result): string[] {
  return Array.from({ length: duckdb.column_count(result) }, (_, i) => duckdb.column_name(result, i))
}

function rowsOf(chunk: DataChunk, columns: readonly Reader[]): TextRow[] {
  const rows = duckdb.data_chunk_get_size(chunk)
  const vectors = columns.map(({ width, read }, i) => {
    const vector = duckdb.data_chunk_get_vector(chunk, i)
    const { buffer, byteOffset, byteLength } = duckdb.vector_get_data(vector, rows * width)
    const data = new DataView(buffer, byteOffset, byteLength)
    // Absent where no value is null, whatever the type says.
    const validity: Uint8Array | null = duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8)
    return (row: number) => (((validity?.[row >> 3] ?? 0xff) >> (row & 7)) & 1 ? read(data, row * width) : null)
  })
  return Array.from({ length: rows }, (_, row) => vectors.map((valueAt) => valueAt(row)))
}

/** A string of DuckDB's: its length, then up to 12 bytes, or where more of them are. */
function textAt(data: DataView, at: number): string {
  const length = data.getUint32(at, true)
  return decoder.decode(
    length <= 12
      ? new Uint8Array(data.buffer, data.byteOffset + at + 4, length)
      : duckdb.get_data_from_pointer(data.buffer as ArrayBuffer, data.byteOffset + at + 8, length),
  )
}

async function vendorTexts(result: Result): Promise<readonly TextRow[]> {
  const { DuckDBResult } = await import('@duckdb/node-api')
  const rows = await new DuckDBResult(result).getRows()
  return rows.map((row) => row.map((value) => (value === null || value === undefined ? null : String(value))))
}
