import { statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { hashOf } from '../core/hash.ts'
import { type ByteRange, rangeHashes } from '../core/range-hashes.ts'
import type { Reader } from '../engines/reader.ts'
import { columnChunks, footerBytes } from '../formats/parquet-footer.ts'
import type { LoadManifest } from '../state/manifest.ts'

/** Column → hash. */
export type ColumnHashes = Readonly<Record<string, string>>

/** A hash of each column of a load, by name, of those of its Parquet files in their order; of a single file its own. */
export function hashesOfLoad(files: readonly ColumnHashes[]): ColumnHashes {
  const [first = {}, ...others] = files
  if (others.length === 0) return first
  return Object.fromEntries(Object.keys(first).map((name) => [name, hashOf(files.map((each) => each[name] ?? null)).slice(0, 32)]))
}

/**
 * A hash of each column of a Parquet file that we wrote, by name: of its pages as they lie in the file, so nothing is decoded. The same values in the same order make the same pages, whatever columns stand beside them: where the hashes
 * of some columns and the number of rows are equal, the rows are, as far as they consist of those columns.
 */
export async function hashesOfFile(path: string, signal?: AbortSignal): Promise<ColumnHashes> {
  await using file = await open(path)
  return await hashesBy(await columnRanges(file), (lists) => rangeHashes(file, lists, signal))
}

/** From here on the reader child, which has nothing else to do, hashes the columns while this process hashes the whole. */
const ASIDE_BYTES = 8 * 2 ** 20

/** The same by the reader child; undefined of a file that is too small to be worth it. */
export async function hashesAside(
  path: string,
  dataset: string,
  reader: Pick<Reader, 'execute'>,
  signal: AbortSignal,
): Promise<ColumnHashes | undefined> {
  // Asked of the kernel at once: most files are small.
  if (statSync(path).size < ASIDE_BYTES) return undefined
  await using file = await open(path)
  return hashesBy(
    await columnRanges(file),
    async (lists) => (await reader.execute({ dataset, hash: { file: path, lists } }, signal)).hashes ?? [],
  )
}

async function hashesBy(
  columns: ReadonlyMap<string, readonly ByteRange[]>,
  hash: (lists: readonly (readonly ByteRange[])[]) => Promise<readonly string[]>,
): Promise<ColumnHashes> {
  const hashes = await hash([...columns.values()])
  return Object.fromEntries([...columns.keys()].map((name, i) => [name, (hashes[i] ?? '').slice(0, 32)]))
}

/** Where the pages of each column lie. */
async function columnRanges(file: FileHandle): Promise<ReadonlyMap<string, readonly ByteRange[]>> {
  const { size } = await file.stat()
  const read = async (start: number, bytes: number) => {
    const buffer = Buffer.allocUnsafe(bytes)
    return buffer.subarray(0, (await file.read(buffer, 0, bytes, start)).bytesRead)
  }
  const bytes = Math.min(footerBytes(await read(Math.max(0, size - 8), 8)), size)
  const ranges = new Map<string, ByteRange[]>()
  for (const { column, start, bytes: length } of columnChunks(await read(size - bytes, bytes))) {
    const known = ranges.get(column) ?? []
    ranges.set(column, known)
    known.push([start, length])
  }
  return ranges
}

/**
 * Names the content of a load as far as it consists of these columns: equal names say equal rows of them. undefined where that is not known: the load is of before there were hashes of columns, or of another kind.
 */
export function contentOfColumns(
  load: Pick<LoadManifest, 'rows' | 'columns' | 'columnHashes'>,
  names: readonly string[],
): string | undefined {
  const { rows, columns, columnHashes: hashes } = load
  if (!hashes) return undefined
  // A file of no rows has no pages.
  const parts = names.map((name) => [name, columns[name] ?? null, hashes[name] ?? null])
  if (names.some((name) => columns[name] === undefined)) return undefined
  return hashOf({ name: 'millrace1-columns', rows, columns: parts.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)) }).slice(0, 32)
}
