import { execFile } from 'node:child_process'
import { close, constants, open } from 'node:fs'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { ByteStream } from '../core/byte-stream.ts'
import { isErrno } from '../core/disk.ts'
import { PermanentError } from '../core/errors.ts'
import { lentMemory } from './fifo-memory.ts'

const openFd = promisify(open)
const closeFd = promisify(close)
const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/**
 * Writes into the FIFO at `path` and resolves with the rows written once it has closed its end; rejects when anything went wrong. Stops soon after `signal`
 * aborts: until it has settled, someone reads the FIFO.
 */
export type Producer = (path: string, signal: AbortSignal) => Promise<number>

export interface FifoSource {
  /** The producer's bytes. Ends only after the producer has succeeded and every byte was read; else it is destroyed with the producer's error. */
  readonly stream: ByteStream
  /** Settles when the producer has, and both ends of the FIFO are closed: its rows, or its error. Destroying the stream stops the producer. */
  readonly rows: Promise<number>
  /** Whether the stream was destroyed while the producer was at work: its error is then only an echo. */
  stopped(): boolean
}

/** Makes a FIFO. @throws PermanentError as `makeFifos` */
export function makeFifo(path: string): Promise<void> {
  return makeFifos([path])
}

/** Makes FIFOs, by one process for all: Node has no call for it. @throws PermanentError where `mkfifo` (coreutils) is missing or the folder's disk has no FIFOs */
export async function makeFifos(paths: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', ...paths])
  } catch (error) {
    const hint = isErrno(error, 'ENOENT')
      ? 'install coreutils: rows go through a named pipe'
      : 'the workspace must be on a disk that has named pipes'
    throw new PermanentError(`cannot make a named pipe with mkfifo at ${paths[0]}`, { cause: error, hint })
  }
}

/**
 * Runs `produce` on the FIFO at `path` and gives what it writes as a stream. The end of file is ours: this side holds a writing end of its own, open until the
 * producer has succeeded, so that a producer that dies cannot look like one that is done, and a producer that never comes ends the stream too. When the stream
 * is destroyed, the producer is stopped and its remaining bytes are read and dropped until it has settled; only then the FIFO closes. `onChunk`
 * sees each read as it comes, while it is warm in the cache: hashing it later costs half as much again. What it sees holds until it returns;
 * the stream's chunks are several reads in one.
 */
export async function openFifo(path: string, produce: Producer, onChunk?: (chunk: Uint8Array) => void): Promise<FifoSource> {
  const memory = lentMemory()
  // Non-blocking: neither open waits for another side, and neither holds a thread.
  const fd = await openFd(path, O_RDONLY | O_NONBLOCK)
  const reader = new Socket({ fd, readable: true, writable: false, onread: { buffer: memory.room, callback: taken } })
  let writer: number
  try {
    writer = await openFd(path, O_WRONLY | O_NONBLOCK)
  } catch (error) {
    reader.destroy()
    throw error
  }
  const stop = new AbortController()
  let working = true
  let stopped = false
  const goOn = () => {
    if (memory.isFree()) reader.resume()
  }
  // As objects: waiting chunks of a stream of bytes are put together into a new one. How many there are, memory decides.
  const stream = new Readable({
    objectMode: true,
    highWaterMark: 2 ** 20,
    read: goOn,
    destroy: (error, done) => {
      stopped = working
      stop.abort(error ?? new Error('the reading side has gone'))
      reader.resume()
      settled.then(() => done(error))
    },
  })
  // Told by `rows` too; a stream destroyed before anyone listens must not end the process.
  stream.on('error', () => {})
  function taken(bytes: number, into: Uint8Array): boolean {
    // Dropped: the next read goes to the same place.
    if (stop.signal.aborted) return true
    onChunk?.(into.subarray(0, bytes))
    // What saw the chunk may have destroyed the stream: whoever pauses then leaves the producer at a full pipe, for ever.
    if (stop.signal.aborted) return true
    const chunk = memory.filled(bytes)
    if (chunk) stream.push(chunk)
    if (!memory.isFree() && !stop.signal.aborted) reader.pause()
    return true
  }
  reader.resume()
  const ended = new Promise<void>((resolve, reject) => reader.once('end', resolve).once('error', reject))
  ended.catch(() => {})
  const produced = (async () => produce(path, stop.signal))()
  const rows = (async () => {
    try {
      return await produced
    } finally {
      working = false
      await closeFd(writer)
    }
  })().then(async (count) => {
    await ended
    return count
  })
  const settled = rows.then(
    () => void reader.destroy(),
    () => void reader.destroy(),
  )
  rows.then(
    () => {
      const rest = memory.rest()
      if (rest) stream.push(rest)
      stream.push(null)
    },
    (error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))),
  )
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      yield chunk
      memory.giveBack(chunk)
      goOn()
    }
    memory.close()
  }
  return {
    stream: { [Symbol.asyncIterator]: chunks, destroy: (error) => stream.destroy(error) },
    rows,
    stopped: () => stopped,
  }
}
