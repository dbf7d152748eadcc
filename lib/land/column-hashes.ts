import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { hashOf } from '../core/hash.ts'
import { columnChunks, footerBytes } from '../formats/parquet-footer.ts'
import type { LoadManifest } from '../state/manifest.ts'

const CHUNK_BYTES = 2 ** 20

/** A hash of each column of a load's Parquet files, by name, in the order of the files; of a single one what `hashesOfFile` says. */
export async function columnHashes(paths: readonly string[], signal?: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const all: Readonly<Record<string, string>>[] = []
  for (const path of paths) all.push(await hashesOfFile(path, signal))
  const [first = {}, ...others] = all
  if (others.length === 0) return first
  return Object.fromEntries(Object.keys(first).map((name) => [name, hashOf(all.map((each) => each[name] ?? null)).slice(0, 32)]))
}

/**
 * A hash of each column of a Parquet file that we wrote, by name: of its pages as they lie in the file, so nothing is decoded. The same values in the same order make the same pages, whatever columns stand beside them: where the hashes
 * of some columns and the number of rows are equal, the rows are, as far as they consist of those columns.
 */
async function hashesOfFile(path: string, signal?: AbortSignal): Promise<Readonly<Record<string, string>>> {
  await using file = await open(path)
  const { size } = await file.stat()
  const read = async (start: number, bytes: number, buffer = Buffer.allocUnsafe(bytes)) =>
    buffer.subarray(0, (await file.read(buffer, 0, bytes, start)).bytesRead)
  const bytes = Math.min(footerBytes(await read(Math.max(0, size - 8), 8)), size)
  const hashes = new Map<string, ReturnType<typeof createHash>>()
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  for (const chunk of columnChunks(await read(size - bytes, bytes))) {
    const hash = hashes.get(chunk.column) ?? createHash('sha256')
    hashes.set(chunk.column, hash)
    for (let at = chunk.start; at < chunk.start + chunk.bytes; at += CHUNK_BYTES) {
      signal?.throwIfAborted()
      hash.update(await read(at, Math.min(CHUNK_BYTES, chunk.start + chunk.bytes - at), buffer))
    }
  }
  return Object.fromEntries([...hashes].map(([name, hash]) => [name, hash.digest('hex').slice(0, 32)]))
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
