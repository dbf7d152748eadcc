import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Store } from '../connectors/store.ts'
import { checksums } from '../core/checksums.ts'
import { PermanentError } from '../core/errors.ts'
import { makeFifo, openFifo, type Producer } from '../engines/fifo-source.ts'
import { type FilesRequest, putFile, putFiles, type Written } from './put-files.ts'
import { takeTurn } from './turns.ts'

export type { Written } from './put-files.ts'

export interface WriteRequest extends FilesRequest {
  /** A folder for the FIFO. */
  readonly workspace: string
  /** Bytes written so far, a few times a second. */
  readonly progress?: (bytes: number) => void
}

/**
 * Streams what a producer writes into a FIFO into new objects of the store, one after the other; no file is written outside the store. They are there only if both sides succeeded, the producer reports the rows
 * that were asked for, and the store holds as many bytes with the same CRC32C as were sent; else they are deleted again and the first cause is thrown.
 */
export async function writeThroughFifo(request: WriteRequest, produce: Producer, store: Store): Promise<readonly Written[]> {
  const release = await takeTurn(request.signal)
  const folder = await mkdtemp(join(request.workspace, 'fifo-'))
  const keys: string[] = []
  const key = (n: number) => {
    keys.push(request.key(n))
    return request.key(n)
  }
  try {
    const path = join(folder, 'rows.csv')
    await makeFifo(path)
    const written = await stream({ ...request, key }, path, produce, store)
    for (const file of written) await requireStored(store, file)
    return written
  } catch (error) {
    for (const each of keys) await store.delete(each).catch(() => {})
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true }).finally(release)
  }
}

async function requireStored(store: Store, { key, bytes, crc32c }: Written): Promise<void> {
  const stored = await store.head(key)
  if (stored?.bytes !== bytes || stored.crc32c !== crc32c)
    throw new PermanentError(
      `the store holds other bytes than were sent: ${stored?.bytes ?? 'no'} bytes, crc32c ${stored?.crc32c ?? 'none'}, sent ${bytes}, ${crc32c}`,
      { file: key },
    )
}

async function stream(request: WriteRequest, path: string, produce: Producer, store: Store): Promise<readonly Written[]> {
  const { rows, signal } = request
  signal.throwIfAborted()
  const tell = teller(request.progress)
  const asItComes = request.compression === 'none' && request.encoding === 'utf-8' && !request.byteOrderMark && !request.cut
  const sums = checksums()
  const measured = (chunk: Uint8Array) => {
    sums.add(chunk)
    tell(chunk.byteLength)
  }
  const fifo = await openFifo(path, produce, asItComes ? measured : undefined)
  const stop = () => void fifo.stream.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const files = asItComes
    ? putAsItComes(request, fifo.stream, store).then((key) => [{ key, rows, ...sums.result() }])
    : putFiles(request, fifo.stream, tell, store)
  // A store that gives up leaves nobody who reads: the producer is stopped, not left to wait. One that returns early is no success either.
  const [produced, kept] = await Promise.allSettled([fifo.rows, files.finally(() => fifo.stream.destroy())])
  signal.removeEventListener('abort', stop)
  signal.throwIfAborted()
  // What failed first is the cause, what failed after it an echo.
  for (const each of fifo.stopped() ? [kept, produced] : [produced, kept]) if (each.status === 'rejected') throw each.reason
  if (produced.status === 'rejected') throw produced.reason
  if (kept.status === 'rejected') throw kept.reason
  if (produced.value !== rows)
    throw new PermanentError(`${produced.value} rows were written where the dataset has ${rows}`, {
      hint: 'the files of the dataset have changed; run again',
    })
  const written = kept.value
  const counted = written.reduce((sum, file) => sum + file.rows, 0)
  if (counted !== rows)
    throw new PermanentError(`the files have ${counted} records where the dataset has ${rows} rows: they were cut in the wrong places`)
  return written
}

async function putAsItComes(request: WriteRequest, body: Readable, store: Store): Promise<string> {
  const key = request.key(1)
  await putFile(request, key, body, store)
  return key
}

/** Tells how far it is, ten times a second. */
function teller(progress: ((bytes: number) => void) | undefined): (bytes: number) => void {
  let [all, told] = [0, performance.now()]
  return (bytes) => {
    all += bytes
    if (!progress || performance.now() - told <= 100) return
    told = performance.now()
    progress(all)
  }
}
