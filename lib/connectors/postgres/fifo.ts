import { constants, open } from 'node:fs'
import { Socket } from 'node:net'
import { promisify } from 'node:util'
import { isErrno } from '../../core/disk.ts'

const openFd = promisify(open)
const { O_NONBLOCK, O_WRONLY } = constants

/** The reader of a FIFO has gone before its end. */
export class ReaderGone extends Error {}

/** The writing end of a FIFO that somebody reads. */
export interface FifoEnd {
  /** Resolves when more may be written. @throws ReaderGone */
  write(chunk: Uint8Array): Promise<void>
  /** Whether a chunk waits for the reader. */
  full(): boolean
  /** After what was written the reader sees the end of the file: the caller says what that means. */
  close(): Promise<void>
}

/** A reader is mostly about to come; one that lets us wait is looked for at leisure. */
const [FIRST_LOOKS, FIRST_LOOK_MS, LOOK_MS] = [50, 1, 5]

/** Waits for a reader: only then the opening succeeds, and neither side's holds a thread of this process. @throws the signal's reason, which also closes an open end, some time after the reader was asked to stop */
export async function openFifoEnd(path: string, signal: AbortSignal): Promise<FifoEnd> {
  const socket = new Socket({ fd: await openWhenRead(path, signal), readable: false, writable: true })
  let [waiting, failure]: [boolean, Error | undefined] = [false, undefined]
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', (error) => {
    failure = isErrno(error, 'EPIPE') ? new ReaderGone('the reader has gone') : error
  })
  const drop = () => void setTimeout(() => socket.destroy(signal.reason), HEARD_MS)
  if (signal.aborted) drop()
  else signal.addEventListener('abort', drop, { once: true })
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure)
        waiting = true
        socket.write(chunk, (error) => {
          waiting = false
          if (error) reject(isErrno(error, 'EPIPE') ? new ReaderGone('the reader has gone') : error)
          else resolve()
        })
      }),
    full: () => waiting,
    close: async () => {
      signal.removeEventListener('abort', drop)
      socket.end()
      await closed
    },
  }
}

/** How long the reader has to hear of a fault before its FIFO ends. */
const HEARD_MS = 50

async function openWhenRead(path: string, signal: AbortSignal): Promise<number> {
  for (let looks = 1; ; looks++) {
    signal.throwIfAborted()
    try {
      return await openFd(path, O_WRONLY | O_NONBLOCK)
    } catch (error) {
      if (!isErrno(error, 'ENXIO')) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, looks <= FIRST_LOOKS ? FIRST_LOOK_MS : LOOK_MS))
  }
}
