import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Store } from '../connectors/store.ts'
import { checksums, type Fingerprint } from '../core/checksums.ts'
import { PermanentError } from '../core/errors.ts'
import { makeFifo, openFifo, type Producer } from '../engines/fifo-source.ts'
import { charsetOf, type Encoding, encoded } from '../formats/encodings.ts'
import { type Compression, members } from './members.ts'

export interface WriteRequest {
  readonly key: string
  readonly compression: 'none' | Compression
  readonly encoding: Encoding
  readonly byteOrderMark: boolean
  /** The rows that the producer must report. */
  readonly rows: number
  /** How many members are compressed at once. */
  readonly threads: number
  /** A folder for the FIFO. */
  readonly workspace: string
  readonly signal: AbortSignal
  /** Bytes written so far, a few times a second. */
  readonly progress?: (bytes: number) => void
}

/** An object as it was sent and is stored. */
export type Written = Fingerprint

/**
 * Streams what a producer writes into a FIFO into a new object of the store; no file is written outside the store. It is there only if both sides succeeded, the producer reports the rows
 * that were asked for, and the store holds as many bytes with the same CRC32C as were sent; else it is deleted again and the first cause is thrown.
 */
export async function writeThroughFifo(request: WriteRequest, produce: Producer, store: Store): Promise<Written> {
  const release = await takeTurn(request.signal)
  const folder = await mkdtemp(join(request.workspace, 'fifo-'))
  try {
    const path = join(folder, 'rows.csv')
    await makeFifo(path)
    const written = await stream(request, path, produce, store)
    const stored = await store.head(request.key)
    if (stored?.bytes !== written.bytes || stored.crc32c !== written.crc32c)
      throw new PermanentError(
        `the store holds other bytes than were sent: ${stored?.bytes ?? 'no'} bytes, crc32c ${stored?.crc32c ?? 'none'}, sent ${written.bytes}, ${written.crc32c}`,
        { file: request.key },
      )
    return written
  } catch (error) {
    await store.delete(request.key).catch(() => {})
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true }).finally(release)
  }
}

async function stream(request: WriteRequest, path: string, produce: Producer, store: Store): Promise<Written> {
  const { key, rows, signal } = request
  signal.throwIfAborted()
  const sums = measure(request.progress)
  const asItComes = request.compression === 'none' && request.encoding === 'utf-8' && !request.byteOrderMark
  const fifo = await openFifo(path, produce, asItComes ? sums.add : undefined)
  const stop = () => void fifo.stream.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const { body, flow } = asItComes ? { body: fifo.stream, flow: undefined } : converted(fifo.stream, request, sums.add)
  const put = store.put(key, { stream: body }, { ifAbsent: true, signal, contentType: contentTypeOf(request) })
  // A store that gives up leaves nobody who reads: the producer is stopped, not left to wait. One that returns early is no success either.
  const stored = put.finally(() => body.destroy())
  const [produced, flowed, kept] = await Promise.allSettled([fifo.rows, flow, stored])
  signal.removeEventListener('abort', stop)
  signal.throwIfAborted()
  // What failed first is the cause, what failed after it an echo.
  const causes = fifo.stopped() ? [kept, flowed, produced] : [produced, kept, flowed]
  for (const each of causes) if (each.status === 'rejected') throw each.reason
  if (produced.status === 'rejected') throw produced.reason
  if (produced.value !== rows)
    throw new PermanentError(`${produced.value} rows were written where the dataset has ${rows}`, {
      hint: 'the files of the dataset have changed; run again',
    })
  return sums.result()
}

function contentTypeOf({ compression, encoding }: WriteRequest): string {
  return compression === 'none' ? `text/csv; charset=${charsetOf(encoding)}` : `application/${compression}`
}

/** The bytes in the contract's encoding, and compressed, before they are measured. */
function converted(
  plain: Readable,
  { compression, encoding, byteOrderMark, threads }: WriteRequest,
  add: (chunk: Uint8Array) => void,
): { body: Readable; flow: Promise<void> } {
  const body = new PassThrough({ highWaterMark: 2 ** 20 })
  const flow = pipeline(
    plain,
    async function* (chunks: AsyncIterable<Uint8Array>) {
      const text = encoded(chunks, encoding, byteOrderMark)
      for await (const chunk of compression === 'none' ? text : members(text, compression, threads)) {
        add(chunk)
        yield chunk
      }
    },
    body,
  )
  return { body, flow }
}

/** Checksums that tell how far they are, ten times a second. */
function measure(progress: ((bytes: number) => void) | undefined) {
  const sums = checksums()
  let told = performance.now()
  const add = (chunk: Uint8Array): void => {
    sums.add(chunk)
    if (progress && performance.now() - told > 100) {
      told = performance.now()
      progress(sums.bytes())
    }
  }
  return { add, result: sums.result }
}

// Each engine that writes into a FIFO holds a thread of libuv's pool until its bytes are taken, and the store needs threads to take them.
const turns = Math.max(1, Math.floor(Number(process.env.UV_THREADPOOL_SIZE ?? 4) / 2))
let taken = 0
const waiting: (() => void)[] = []

async function takeTurn(signal: AbortSignal): Promise<() => void> {
  if (taken < turns) taken++
  else await new Promise<void>((resolve) => waiting.push(resolve))
  const release = () => {
    const next = waiting.shift()
    if (next) next()
    else taken--
  }
  if (signal.aborted) release()
  signal.throwIfAborted()
  return release
}
