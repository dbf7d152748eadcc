import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileChunks } from '../../core/file-chunks.ts'
import type { SplitRows } from '../contract/table-contract.ts'
import { partsOf } from './parts.ts'
import type { Piece } from './split.ts'
import type { FileWriter, Writing } from './writer.ts'

/** How a format makes files of some of the rows. */
export interface PartsOfFormat extends Pick<Writing<unknown>, 'workspace'> {
  readonly split: SplitRows
  /** Puts all rows in order, once; gives how many there are. */
  readonly order: (signal: AbortSignal) => Promise<number>
  /** Writes rows `[from, to)` of that order into a file at `path`, in the place of any that is there. The same rows give the same bytes. */
  readonly write: (from: number, to: number, path: string, signal: AbortSignal) => Promise<unknown>
}

/** Where a file ends in the stream, and how many rows it has. */
export interface End {
  readonly bytes: number
  readonly rows: number
}

/** The files of a format that cannot be cut as bytes, each with a beginning and an end of its own: they are made one by one in the workspace, and go out one after the other. While one is read back the next is made. */
export function inParts({ split, order, write, workspace }: PartsOfFormat): Pick<FileWriter, 'cut' | 'produce'> {
  const ends: End[] = []
  const file = join(workspace, 'part')
  async function* parts(rows: number, stop: AbortSignal): AsyncGenerator<Uint8Array> {
    const make = async (from: number, to: number) => {
      await write(from, to, file, stop)
      return (await stat(file)).size
    }
    for await (const { from, to, bytes } of partsOf(rows, split, make)) {
      // Before its bytes: whoever reads them knows where they end.
      ends.push({ bytes, rows: to - from })
      yield* fileChunks(file, stop)
    }
  }
  return {
    cut: (plain) => cutAtEnds(plain, ends),
    produce: async (path, stop) => {
      const rows = await order(stop)
      await pipeline(parts(rows, stop), createWriteStream(path), { signal: stop })
      return rows
    },
  }
}

/** Files that come one after the other, none of them empty, cut where `ends` says; an end is there before the bytes of its file. */
export async function* cutAtEnds(chunks: AsyncIterable<Uint8Array>, ends: readonly End[]): AsyncGenerator<Piece> {
  let [file, taken] = [0, 0]
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const end = ends[file]
      if (!end) throw new RangeError('there are bytes after the last file')
      const to = Math.min(chunk.length, from + end.bytes - taken)
      yield chunk.subarray(from, to)
      taken += to - from
      from = to
      if (taken < end.bytes) continue
      yield { rows: end.rows }
      ;[file, taken] = [file + 1, 0]
    }
  }
}
