import type { Store } from '../../connectors/store.ts'
import { checksums } from '../../core/checksums.ts'
import { messageOf, NotFound, PermanentError } from '../../core/errors.ts'
import { sideBySide } from '../../core/side-by-side.ts'
import { type FifoSource, openFifo, type Producer } from '../../engines/fifo-source.ts'
import type { FifoStock } from '../../engines/fifo-stock.ts'
import { OBJECTS_AT_ONCE } from '../objects.ts'
import type { StoredReader } from '../prove/read-stored.ts'
import { type FilesRequest, putFile, putFiles, type Written } from './put-files.ts'
import { takeTurn } from './turns.ts'

export type { Written } from './put-files.ts'

export interface WriteRequest extends FilesRequest {
  readonly fifos: FifoStock
  /** Bytes written so far, a few times a second. */
  readonly progress?: (bytes: number) => void
}

/**
 * Streams what a producer writes into a FIFO into new objects of the store, one after the other; no file is written outside the store. They are there only if both sides succeeded, the producer reports the rows
 * that were asked for, and the store holds as many bytes with the same CRC32C as were sent; else they are deleted again and the first cause is thrown. One file of few bytes is not stored, but given back (`held`).
 * @throws NotFound where somebody has taken an object away that had been stored
 */
export async function writeThroughFifo(request: WriteRequest, produce: Producer, store: Store): Promise<readonly Written[]> {
  const release = await takeTurn(request.signal)
  const path = request.fifos.take()
  let clean = false
  const keys: string[] = []
  const key = (n: number) => {
    keys.push(request.key(n))
    return request.key(n)
  }
  try {
    await request.fifos.make([path])
    const written = await stream({ ...request, key }, path, produce, store)
    clean = true
    const stored = written.filter(({ held }) => !held)
    await sideBySide(OBJECTS_AT_ONCE, stored, (file) => requireStored(store, file))
    return written
  } catch (error) {
    await sideBySide(OBJECTS_AT_ONCE, keys, (each) => store.delete(each).catch(() => {}))
    throw error
  } finally {
    await request.fifos.giveBack(path, clean).finally(release)
  }
}

async function requireStored(store: Store, { key, bytes, crc32c }: Written): Promise<void> {
  const stored = await store.head(key)
  if (!stored) throw new NotFound(`${key} was stored, and is not there any more`, { file: key })
  if (stored.bytes !== bytes || stored.crc32c !== crc32c)
    throw new PermanentError(
      `the store holds other bytes than were sent: ${stored.bytes} bytes, crc32c ${stored.crc32c}, sent ${bytes}, ${crc32c}`,
      { file: key },
    )
}

async function stream(request: WriteRequest, path: string, produce: Producer, store: Store): Promise<readonly Written[]> {
  request.signal.throwIfAborted()
  const tell = teller(request.progress)
  if (!request.convert && !request.cut) return [await streamAsItComes(request, path, produce, tell, store)]
  const fifo = await openFifo(path, produce)
  const written = await settled(fifo, putFiles(request, fifo.stream, tell, store), request)
  const counted = written.reduce((sum, file) => sum + file.rows, 0)
  if (counted !== request.rows)
    throw new PermanentError(
      `the files have ${counted} records where the dataset has ${request.rows} rows: they were cut in the wrong places`,
    )
  return written
}

/** One file of the very bytes that the producer writes: they are measured and read back while they are warm. */
async function streamAsItComes(
  request: WriteRequest,
  path: string,
  produce: Producer,
  tell: (bytes: number) => void,
  store: Store,
): Promise<Written> {
  const [key, sums, reader] = [request.key(1), checksums(), request.readBack(0)]
  try {
    const fifo = await openFifo(path, produce, (chunk) => {
      sums.add(chunk)
      tell(chunk.byteLength)
      try {
        // Nothing to wait for: it has read when it returns.
        void reader.add(chunk)
      } catch (error) {
        fifo.stream.destroy(error instanceof Error ? error : new Error(messageOf(error)))
      }
    })
    const held = await settled(fifo, putFile(request, key, fifo.stream, store), request, reader)
    return { key, rows: request.rows, read: await reader.end(), ...sums.result(), ...(held && { held }) }
  } finally {
    reader.stop()
  }
}

/** Waits for both sides, and throws what failed first. */
async function settled<T>(fifo: FifoSource, put: Promise<T>, { rows, signal }: WriteRequest, reader?: StoredReader): Promise<T> {
  const stop = () => void fifo.stream.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  // A store that gives up leaves nobody who reads: the producer is stopped, not left to wait. One that returns early is no success either.
  const [produced, kept] = await Promise.allSettled([fifo.rows, put.finally(() => fifo.stream.destroy())])
  signal.removeEventListener('abort', stop)
  signal.throwIfAborted()
  reader?.requireReadable()
  // What failed first is the cause, what failed after it an echo.
  for (const each of fifo.stopped() ? [kept, produced] : [produced, kept]) if (each.status === 'rejected') throw each.reason
  if (produced.status === 'rejected') throw produced.reason
  if (kept.status === 'rejected') throw kept.reason
  if (produced.value !== rows)
    throw new PermanentError(`${produced.value} rows were written where the dataset has ${rows}`, {
      hint: 'the files of the dataset have changed; run again',
    })
  return kept.value
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
