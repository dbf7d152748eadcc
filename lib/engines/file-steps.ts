import { createReadStream, createWriteStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { fileChunks } from '../core/file-chunks.ts'
import { unzstd } from '../core/zstd-frames.ts'
import { numberKeeper } from './json-numbers.ts'
import { longNumberFinder } from './long-number.ts'
import { isPlainCsv, type PlainCsv, plainCsvCheck } from './plain-csv.ts'

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
  /** Writes a copy of a JSON file, only where it is needed, in which the long numbers of the columns `quote` are texts; refuses those of the columns `keep` that lose digits. */
  | {
      readonly do: 'numbers'
      readonly file: string
      readonly to: string
      readonly compression: FileCompression
      /** An array of objects, not an object a line. */
      readonly array: boolean
      readonly quote: readonly string[]
      readonly keep: readonly string[]
    }
  /** Looks for a number of more than 15 digits anywhere in a text: where there is none, a double holds every number of it. */
  | { readonly do: 'digits'; readonly file: string; readonly compression: FileCompression }
  /** Looks for a value of a CSV file that is not in its column's plain form; see `PlainCsvCheck`. */
  | { readonly do: 'odd'; readonly file: string; readonly compression: FileCompression; readonly csv: PlainCsv }

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

/** Runs one step; gives whether it found what it looks for, or wrote a copy. @throws FileFault when the file is cut off, is not compressed as it should be, or is not in its encoding */
export async function runStep(step: FileStep, signal: AbortSignal): Promise<boolean> {
  switch (step.do) {
    case 'check':
      await check(step, signal)
      return false
    case 'utf8':
      await toUtf8(step, signal)
      return true
    case 'numbers':
      return keepNumbers(step, signal)
    case 'digits':
      return longNumberIn(step.file, step.compression, 16, signal)
    case 'odd':
      return oddIn(step, signal)
  }
}

async function check({ file, compression, array }: FileStep & { do: 'check' }, signal: AbortSignal): Promise<void> {
  const [first, last] = compression === 'none' ? await endsOf(file) : await readThrough(file, compression, signal)
  if (!array) return
  if (first === 0) throw new FileFault('is empty', file)
  if (first !== 0x5b) throw new FileFault('is not a JSON array', file)
  if (last !== 0x5d) throw new FileFault('ends early: its JSON array has no end', file)
}

/** The first and the last byte of a file that are no white space and no byte-order mark; 0 where there is none. */
async function endsOf(file: string): Promise<[first: number, last: number]> {
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(4096)
    const size = (await handle.stat()).size
    let [first, last] = [0, 0]
    for (let start = 0; start < size && first === 0; start += buffer.length) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, start)
      first = buffer.subarray(0, bytesRead).find(isVisible) ?? 0
    }
    for (let end = size; end > 0 && last === 0; end -= buffer.length) {
      const start = Math.max(0, end - buffer.length)
      const { bytesRead } = await handle.read(buffer, 0, end - start, start)
      last = buffer.subarray(0, bytesRead).findLast(isVisible) ?? 0
    }
    return [first, last]
  } finally {
    await handle.close()
  }
}

async function readThrough(file: string, compression: FileCompression, signal: AbortSignal): Promise<[first: number, last: number]> {
  let [first, last] = [0, 0]
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      if (first === 0) first = chunk.find(isVisible) ?? 0
      last = chunk.findLast(isVisible) ?? last
      done()
    },
  })
  await through(file, compression, [], sink, signal)
  return [first, last]
}

const isVisible = (byte: number): boolean => byte > 0x20

async function keepNumbers(step: FileStep & { do: 'numbers' }, signal: AbortSignal): Promise<boolean> {
  const { file, to, compression, array } = step
  if (!(await longNumberIn(file, compression, 17, signal))) return false
  const keeper = numberKeeper({
    depth: array ? 2 : 1,
    quote: new Set(step.quote),
    keep: new Set(step.keep),
    refuse: (column, number) => {
      throw new FileFault(
        `has the number ${number} in column "${column}", and JSON is read with 17 digits; write it as a text`,
        file,
        column,
      )
    },
  })
  const rewrite = new Transform({
    transform(chunk: Buffer, _, done) {
      attempt(() => this.push(Buffer.concat(keeper.next(chunk, false))), done)
    },
    flush(done) {
      attempt(() => this.push(Buffer.concat(keeper.next(new Uint8Array(), true))), done)
    },
  })
  await through(file, compression, [rewrite], createWriteStream(to, { flags: 'wx' }), signal)
  if (!keeper.changed) await rm(to)
  return keeper.changed
}

function attempt(work: () => void, done: (error?: Error | null) => void): void {
  try {
    work()
    done()
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)))
  }
}

async function longNumberIn(file: string, compression: FileCompression, length: number, signal: AbortSignal): Promise<boolean> {
  using finder = longNumberFinder(length)
  if (compression === 'none') {
    for await (const chunk of fileChunks(file, signal, finder.buffer)) if (finder.foundIn(chunk)) return true
    return false
  }
  return foundThrough(file, compression, (chunk) => finder.foundIn(chunk), signal)
}

async function oddIn({ file, compression, csv }: FileStep & { do: 'odd' }, signal: AbortSignal): Promise<boolean> {
  if (compression === 'none') return !(await isPlainCsv(file, csv, signal))
  using check = plainCsvCheck(csv)
  return (await foundThrough(file, compression, (chunk) => !check.add(chunk), signal)) || !check.end()
}

/** Whether something is found in what a compressed file holds; reads no further then. */
async function foundThrough(
  file: string,
  compression: FileCompression,
  foundIn: (chunk: Buffer) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  let found = false
  const enough = new Error('enough was read')
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      found = foundIn(chunk)
      done(found ? enough : null)
    },
  })
  await through(file, compression, [], sink, signal).catch((error: unknown) => {
    if (error !== enough) throw error
  })
  return found
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
  const expand = compression === 'gzip' ? [createGunzip()] : compression === 'zstd' ? [unzstd()] : []
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
