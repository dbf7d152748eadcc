import type { Client } from 'pg'
import { elapsedMs } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import { copyTo } from './copy-to.ts'
import type { FifoEnd } from './fifo.ts'
import type { Pace } from './throttle.ts'

/** What came of one COPY. */
export interface Copied {
  /** As the server counts them. */
  readonly rows: number
  readonly bytes: number
}

/** What is seen of a COPY while it runs. */
export interface CopyProgress {
  bytes: number
  /** When the last bytes came, on the context's clock for durations. */
  lastMs: number
  /** Whether we wait for the server, and not for the reader of the FIFO or the throttle. */
  waiting: boolean
  /** Whether everything has come, and its count. */
  ended: boolean
}

export function newProgress(ctx: Pick<RunContext, 'clock'>): CopyProgress {
  return { bytes: 0, lastMs: elapsedMs(ctx.clock), waiting: false, ended: false }
}

/** COPY as CSV in which NULL, the empty text and the text `\N` are three things. */
export function copyText(select: string): string {
  return `COPY (${select}) TO STDOUT (FORMAT csv, NULL '\\N')`
}

/**
 * Moves a COPY's bytes into a FIFO, which stays open: only the caller knows what the other side has done. An abort ends the session.
 * @throws the driver's or the server's error, as it is
 */
export async function copyIntoFifo(
  client: Client,
  sql: string,
  fifo: Pick<FifoEnd, 'write'>,
  progress: CopyProgress,
  pace: Pace,
  ctx: Pick<RunContext, 'clock' | 'signal'>,
): Promise<Copied> {
  const { signal } = ctx
  signal.throwIfAborted()
  const copying = copyTo(client, sql, () => {
    progress.lastMs = elapsedMs(ctx.clock)
  })
  const stop = () => copying.stop(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const began = () => {
    progress.lastMs = elapsedMs(ctx.clock)
    progress.waiting = true
  }
  try {
    began()
    for await (const chunk of copying.chunks()) {
      progress.bytes += chunk.length
      progress.waiting = false
      await pace(chunk, ctx)
      await fifo.write(chunk)
      signal.throwIfAborted()
      began()
    }
    // The count comes after the data; an error may, too.
    await client.query('SELECT 1')
    const fault = copying.fault()
    if (fault !== undefined) throw fault
    progress.ended = true
    progress.waiting = false
    return { rows: copying.rowCount(), bytes: progress.bytes }
  } catch (error) {
    throw signal.aborted ? signal.reason : (copying.fault() ?? error)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
