import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { unzstd } from '../core/zstd-frames.ts'
import type { FileCompression } from '../engines/file-steps.ts'
import type { CsvDialect } from './dialect.ts'

const MOST_BYTES = 4 * 2 ** 20

/** The beginning of a file, not compressed: at most `bytes`, and less only where the file ends. */
export async function headOf(path: string, compression: FileCompression, bytes: number): Promise<Buffer> {
  const file = createReadStream(path, compression === 'none' ? { end: bytes - 1 } : {})
  const unpack = compression === 'gzip' ? createGunzip() : compression === 'zstd' ? unzstd() : undefined
  const stream: Readable = unpack ? file.pipe(unpack) : file
  if (unpack) file.once('error', (error) => unpack.destroy(error))
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size >= bytes) break
    }
  } catch (error) {
    // A stream that breaks off is found by the reader, which reads it to its end; here what came before counts.
    if (!(error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code)))) throw error
  } finally {
    file.destroy()
    unpack?.destroy()
  }
  return Buffer.concat(chunks).subarray(0, bytes)
}

/** The fields of a CSV file's first record; undefined where the file has none. The file is UTF-8; its byte-order mark is left out. */
export async function firstRecord(path: string, compression: FileCompression, dialect: CsvDialect): Promise<readonly string[] | undefined> {
  for (let bytes = 64 * 1024; ; bytes *= 8) {
    const head = await headOf(path, compression, Math.min(bytes, MOST_BYTES))
    const text = new TextDecoder('utf-8').decode(head)
    const record = recordOf(text, dialect, head.length < bytes)
    if (record || head.length < bytes || bytes >= MOST_BYTES) return record
  }
}

/** The first record of a CSV text that is not blank; undefined where it does not end inside it, unless `whole`. */
export function recordOf(text: string, { delimiter, quote, escape: escaper }: CsvDialect, whole: boolean): readonly string[] | undefined {
  const fields: string[] = []
  let field = ''
  let quoted = false
  let i = 0
  while (text[i] === '\n' || text[i] === '\r') i++
  if (i === text.length) return undefined
  while (i < text.length) {
    const at = text[i]
    if (quoted) {
      if (at === escaper && text[i + 1] === quote) {
        field += quote
        i += 2
      } else if (at === quote) {
        quoted = false
        i++
      } else {
        field += at
        i++
      }
    } else if (quote !== '' && at === quote && field === '') {
      quoted = true
      i++
    } else if (text.startsWith(delimiter, i)) {
      fields.push(field)
      field = ''
      i += delimiter.length
    } else if (at === '\n' || at === '\r') return [...fields, field]
    else {
      field += at
      i++
    }
  }
  return whole && !quoted ? [...fields, field] : undefined
}
