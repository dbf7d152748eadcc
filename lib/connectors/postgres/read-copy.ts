import type { Client } from 'pg'
import { TransientError } from '../../core/errors.ts'
import { quoteLiteral } from '../../core/quote.ts'
import type { ReaderJob, ReaderResult } from '../../engines/reader.ts'
import { applicationName, connect } from './client.ts'
import { type Copied, type CopyProgress, copyIntoFifo, copyText, newProgress } from './copy-stream.ts'
import { explained } from './faults.ts'
import { openFifoEnd, ReaderGone } from './fifo.ts'
import type { ReadTools } from './read-extension.ts'
import { endOf } from './session-end.ts'
import type { Pace } from './throttle.ts'
import { watchSilence } from './watch.ts'

export interface CopyRead extends ReadTools {
  /** One for each statement of the job, in their order; one for a job without. */
  readonly streams: readonly CopyStream[]
  readonly pace: Pace
}

export interface CopyStream {
  /** A SELECT of the server. */
  readonly select: string
  /** A FIFO. */
  readonly path: string
  /** The job takes every row that the server gives. */
  readonly whole: boolean
}

/**
 * Runs a job over CSV that comes through FIFOs from COPY streams, one after the other on one session on the snapshot. The end of a FIFO means nothing: what counts is that every stream has ended well, the job too, and that both
 * have counted the same rows. On a fault of either side the other is interrupted first, then the FIFO closes.
 */
export async function readByCopy(read: CopyRead, job: ReaderJob, signal: AbortSignal): Promise<ReaderResult> {
  const { ctx, snapshot, doing, patience, reader, settings, streams } = read
  const application = applicationName(ctx, read.id)
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const progress = { now: newProgress(ctx), over: 0 }
  const whole = () => progress.over === streams.length
  let fault: unknown
  const failed = (error: unknown) => {
    fault ??= error
    stop.abort(error)
  }
  const silentSinceMs = () => (progress.now.waiting ? progress.now.lastMs : undefined)
  let [watch, session]: [{ stop(): void } | undefined, Session | undefined] = [undefined, undefined]

  /** Moves one stream; its FIFO ends only after everything has come, or some time after the reader was asked to stop. */
  async function feed(client: Client, { select, path }: CopyStream): Promise<Copied> {
    const fifo = await openFifoEnd(path, both)
    progress.now = newProgress(ctx)
    const copied = await copyIntoFifo(client, copyText(select), fifo, progress.now, read.pace, { clock: ctx.clock, signal: both })
    progress.over++
    await fifo.close()
    return copied
  }

  async function feedAll(client: Client): Promise<readonly Copied[]> {
    const copied: Copied[] = []
    try {
      for (const stream of streams) copied.push(await feed(client, stream))
    } catch (error) {
      // Of one stream the reader may want no more; the session is in the midst of it.
      if (!(error instanceof ReaderGone) || streams.length > 1) failed(explained(error, doing))
    }
    return copied
  }

  try {
    session = await sessionOn(read, application, {
      get ended() {
        return whole()
      },
    })
    // The control session cannot look after itself.
    if (settings.maxConnections > 1) watch = watchSilence({ doing, application, snapshot, silentSinceMs }, ctx, patience, failed)
    const feeding = feedAll(session.client)
    const reading = reader.execute(job, both)
    // A few rows may be all that a question needs; and a job that has failed reads no more.
    reading.then(
      () => job.statements?.length || failed(ENOUGH),
      (error: unknown) => failed(error),
    )
    const [result, copied] = await Promise.allSettled([reading, feeding])
    signal.throwIfAborted()
    if (result.status === 'rejected') throw fault ?? result.reason
    if (fault !== undefined && fault !== ENOUGH) throw fault
    if (job.statements?.length) compareCounts(read, copied.status === 'fulfilled' ? copied.value : [], result.value.rows)
    return result.value
  } catch (error) {
    signal.throwIfAborted()
    throw explained(error, doing)
  } finally {
    watch?.stop()
    if (session && !whole() && settings.maxConnections > 1 && !snapshot.lost()) await snapshot.end(application).catch(() => undefined)
    await session?.end()
  }
}

/** A job that asked for a few rows has them. */
const ENOUGH = new Error('the reader has what it wants')

interface Session {
  readonly client: Client
  end(): Promise<void>
}

/** A session on the snapshot, and how it is given back; the control session itself, for settings that allow no other: whole, once everything has come. */
export async function sessionOn(
  { settings, address, snapshot, zone }: Pick<ReadTools, 'settings' | 'address' | 'snapshot' | 'zone'>,
  application: string,
  progress: Pick<CopyProgress, 'ended'>,
): Promise<Session> {
  const local = zone === undefined ? '' : `; SET LOCAL TimeZone = ${quoteLiteral(zone)}`
  if (settings.maxConnections === 1) {
    const { client, giveBack } = await snapshot.lend()
    if (local !== '') await client.query(local.slice(2))
    return { client, end: () => giveBack(progress.ended) }
  }
  const client = await connect(settings, address, application)
  await client
    .query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${snapshot.id}'${local}`)
    .catch(async (error: unknown) => {
      await endOf(client)
      throw error
    })
  return { client, end: () => endOf(client) }
}

function compareCounts({ doing, streams }: CopyRead, copied: readonly Copied[], landed: readonly number[]): void {
  for (const [i, { whole }] of streams.entries()) {
    const [sent, here] = [copied[i]?.rows ?? 0, landed[i]]
    if (here === undefined || here === sent || (!whole && here < sent)) continue
    throw new TransientError(`${doing} failed: the server sent ${sent} rows and ${here} have arrived`, {
      hint: 'run again; if it comes again, tell us',
    })
  }
}
