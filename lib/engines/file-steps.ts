import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'

export type FileCompression = 'none' | 'gzip' | 'zstd'
export type TextEncoding = 'utf-8' | 'utf-16' | 'latin-1'

/** What the reader child does to a foreign file beside DuckDB. */
export type FileStep =
  /**
   * Looks at a file's end, a compressed file's whole: DuckDB takes a gzip or zstd stream that breaks off as a file that ends there, and an `array` of JSON that breaks off after a comma,
   * or before its first byte, as a whole one.
   */
  | { readonly do: 'check'; readonly file: string; readonly compression: FileCompression; readonly array: boolean }
  /** Writes the text of a file as UTF-8 without a byte-order mark and not compressed: DuckDB 1.5.5 reads no UTF-16 with a mark, and no C1 control of Latin-1. */
  | {
      readonly do: 'utf8'
      readonly file: string
      readonly to: string
      readonly compression: FileCompression
      readonly encoding: TextEncoding
    }

/** A foreign file is not what it should be. The message has no file name: the parent knows how to call it. */
export class FileFault extends Error {
  readonly file: string
  readonly column: string | undefined
  constructor(message: string, file: string, column?: string) {
    super(message)
    this.file = file
    this.column = column
  }
}

/** Runs one step. @throws FileFault when the file is cut off, is not compressed as it should be, or is not in its encoding */
export async function runStep(step: FileStep, signal: AbortSignal): Promise<void> {
  if (step.do === 'check') await check(step, signal)
  else await toUtf8(step, signal)
}

async function check({ file, compression, array }: FileStep & { do: 'check' }, signal: AbortSignal): Promise<void> {
  const last = compression === 'none' ? await lastByteOf(file) : await readThrough(file, compression, signal)
  if (array && last !== 0x5d) throw new FileFault(last === 0 ? 'is empty' : 'ends early: its JSON array has no end', file)
}

/** Reads backwards to the last byte that is no white space; 0 where there is none. */
async function lastByteOf(file: string): Promise<number> {
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(4096)
    for (let end = (await handle.stat()).size; end > 0; end -= buffer.length) {
      const start = Math.max(0, end - buffer.length)
      const { bytesRead } = await handle.read(buffer, 0, end - start, start)
      const last = lastVisible(buffer.subarray(0, bytesRead))
      if (last !== undefined) return last
    }
    return 0
  } finally {
    await handle.close()
  }
}

async function readThrough(file: string, compression: FileCompression, signal: AbortSignal): Promise<number> {
  let last = 0
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      last = lastVisible(chunk) ?? last
      done()
    },
  })
  await through(file, compression, [], sink, signal)
  return last
}

/** The last byte that is no white space. */
function lastVisible(chunk: Buffer): number | undefined {
  for (let i = chunk.length - 1; i >= 0; i--) {
    const byte = chunk[i]
    if (byte !== undefined && byte > 0x20) return byte
  }
  return undefined
}

async function toUtf8({ file, to, compression, encoding }: FileStep & { do: 'utf8' }, signal: AbortSignal): Promise<void> {
  await through(file, compression, [transcoder(file, encoding)], createWriteStream(to, { flags: 'wx' }), signal)
}

function transcoder(file: string, encoding: TextEncoding): Transform {
  let decode: ((chunk: Buffer | undefined) => string) | undefined
  const decoderOf = (first: Buffer): ((chunk: Buffer | undefined) => string) => {
    if (encoding === 'latin-1') return (chunk) => chunk?.toString('latin1') ?? ''
    const bigEndian = first[0] === 0xfe && first[1] === 0xff
    const decoder = new TextDecoder(encoding === 'utf-8' ? 'utf-8' : bigEndian ? 'utf-16be' : 'utf-16le', { fatal: true })
    return (chunk) => (chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode())
  }
  const step = (chunk: Buffer | undefined, done: (error: Error | null, data?: Buffer) => void) => {
    try {
      if (chunk) decode ??= decoderOf(chunk)
      done(null, Buffer.from(decode?.(chunk) ?? ''))
    } catch {
      done(new FileFault(`is not ${encoding} text`, file))
    }
  }
  return new Transform({ transform: (chunk: Buffer, _, done) => step(chunk, done), flush: (done) => step(undefined, done) })
}

async function through(
  file: string,
  compression: FileCompression,
  transforms: readonly Transform[],
  sink: Writable,
  signal: AbortSignal,
): Promise<void> {
  const expand = compression === 'gzip' ? [createGunzip()] : compression === 'zstd' ? [createZstdDecompress()] : []
  try {
    await pipeline([createReadStream(file, { highWaterMark: 2 ** 18 }), ...expand, ...transforms, sink], { signal })
  } catch (error) {
    if (error instanceof FileFault || !(error instanceof Error) || !('code' in error)) throw error
    const code = String(error.code)
    if (code === 'Z_BUF_ERROR') throw new FileFault(`is cut off: its ${compression} stream has no end`, file)
    if (code.startsWith('Z_') || code.startsWith('ZSTD_'))
      throw new FileFault(`is not ${compression}, or is damaged (${error.message})`, file)
    throw error
  }
}
