import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { DataType, type RecordBatch, RecordBatchReader, RecordBatchStreamWriter, type Schema, Table, TimeUnit } from 'apache-arrow'
import pl from 'nodejs-polars'
import { FileFault } from './file-steps.ts'

const PART_ROWS = 250_000

/**
 * Turns an Arrow IPC file (file or stream form) into Parquet files `000001.parquet` … in the new folder `folder`, batch by batch: memory is
 * bounded by the largest record batch and 250,000 rows. Types are kept; what Parquet and DuckDB would not give back the same is refused.
 * @throws FileFault for a type that is not carried, and for a file that is not Arrow or ends early
 */
export async function parquetFromArrow(file: string, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true })
  const handle = await open(file)
  try {
    if ((await handle.stat()).size === 0) throw new FileFault('is empty', file)
    const reader = await RecordBatchReader.from(handle)
    await reader.open()
    const schema = reader.schema
    checkTypes(schema, file)
    let part = 0
    let held: RecordBatch[] = []
    let rows = 0
    const flush = () => {
      part += 1
      writePart(schema, held, join(folder, `${String(part).padStart(6, '0')}.parquet`))
      held = []
      rows = 0
    }
    for await (const batch of reader) {
      signal.throwIfAborted()
      held.push(batch)
      rows += batch.numRows
      if (rows >= PART_ROWS) flush()
    }
    if (held.length > 0 || part === 0) flush()
  } catch (error) {
    if (error instanceof FileFault || signal.aborted) throw error
    throw new FileFault('is not a whole Arrow IPC file', file)
  } finally {
    await handle.close()
  }
}

/** Re-encoded by us, so that Polars never sees the foreign bytes. */
function writePart(schema: Schema, batches: readonly RecordBatch[], path: string): void {
  const writer = RecordBatchStreamWriter.writeAll(new Table(schema, [...batches]))
  pl.readIPCStream(Buffer.from(writer.toUint8Array(true))).writeParquet(path)
}

function checkTypes(schema: Schema, file: string): void {
  for (const { name, type } of schema.fields) {
    const refused = refusal(type)
    if (refused) throw new FileFault(`has column "${name}" of the Arrow type ${refused}, which is not carried without loss`, file, name)
  }
}

/** The first type inside `type` that does not come through Polars and Parquet as it is. */
function refusal(type: DataType): string | undefined {
  if (DataType.isDictionary(type)) return refusal(type.dictionary)
  if (DataType.isList(type) || DataType.isFixedSizeList(type) || DataType.isStruct(type)) {
    for (const child of type.children) {
      const refused = refusal(child.type)
      if (refused) return refused
    }
    return undefined
  }
  if (DataType.isDecimal(type)) return type.bitWidth === 128 ? undefined : `Decimal${type.bitWidth}`
  if (DataType.isFloat(type)) return type.precision === 0 ? 'Float16' : undefined
  if (DataType.isTime(type) && type.unit === TimeUnit.NANOSECOND) return 'Time64<NANOSECOND>'
  const carried =
    DataType.isNull(type) ||
    DataType.isInt(type) ||
    DataType.isBool(type) ||
    DataType.isUtf8(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type) ||
    DataType.isDate(type) ||
    DataType.isTime(type) ||
    DataType.isTimestamp(type)
  return carried ? undefined : String(type)
}
