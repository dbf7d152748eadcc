import type { Client } from 'pg'
import { TransientError } from '../../core/errors.ts'
import { quoteLiteral } from '../../core/quote.ts'
import type { ReaderJob, ReaderResult } from '../../engines/reader.ts'
import { applicationName, connect } from './client.ts'
import { type Copied, type CopyProgress, copyIntoFifo, copyText, newProgress } from './copy-stream.ts'
import { explained } from './faults.ts'
import { openFifoEnd, ReaderGone } from './fifo.ts'
import type { ReadTools } from './read-extension.ts'
import { endOf } from './snapshot.ts'
import type { Pace } from './throttle.ts'
import { watchSilence } from './watch.ts'

export interface CopyRead extends ReadTools {
  /** One SELECT of the server for each FIFO. */
  readonly selects: readonly string[]
  readonly paths: readonly string[]
  readonly pace: Pace
  /** The job takes every row that the server gives. */
  readonly whole: boolean
}

interface Feed {
  readonly client: Client
  readonly path: string
  readonly progress: CopyProgress
  readonly sql: string
  /** Gives the session back. */
  end(): Promise<void>
}

/**
 * Runs a job over CSV that comes through FIFOs from COPY streams, each a session on the snapshot. The end of a FIFO means nothing: what counts is that every stream has ended well, the job too, and that both
 * have counted the same rows. On a fault of either side the other is interrupted first, then the FIFOs close.
 */
export async function readByCopy(read: CopyRead, job: ReaderJob, signal: AbortSignal): Promise<ReaderResult> {
  const { ctx, snapshot, doing, patience, reader, settings } = read
  const application = applicationName(ctx, read.id)
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const feeds: Feed[] = []
  let fault: unknown
  const failed = (error: unknown) => {
    fault ??= error
    stop.abort(error)
  }
  const silentSinceMs = () => {
    const waiting = feeds.filter(({ progress }) => progress.waiting)
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ progress }) => progress.lastMs))
  }
  let watch: { stop(): void } | undefined
  try {
    for (const [i, select] of read.selects.entries()) feeds.push(await openFeed(read, application, select, read.paths[i] ?? ''))
    // The control session cannot look after itself.
    if (settings.maxConnections > 1)
      watch = watchSilence({ doing, application, snapshot, silentSinceMs, direct: true }, ctx, patience, failed)
    const feeding = Promise.all(
      feeds.map((feed) =>
        feedOne(feed, read, both).catch((error: unknown) =>
          error instanceof ReaderGone ? undefined : void failed(explained(error, doing)),
        ),
      ),
    )
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
    if (job.statements?.length) compareCounts(read, copied.status === 'fulfilled' ? copied.value : [], result.value.rows[0])
    return result.value
  } catch (error) {
    signal.throwIfAborted()
    throw explained(error, doing)
  } finally {
    watch?.stop()
    const unfinished = feeds.some(({ progress }) => !progress.ended)
    if (unfinished && feeds.length > 0 && settings.maxConnections > 1 && !snapshot.lost())
      await snapshot.cancel(application).catch(() => undefined)
    await Promise.all(feeds.map(({ end }) => end()))
  }
}

/** A job that asked for a few rows has them. */
const ENOUGH = new Error('the reader has what it wants')

async function openFeed(read: CopyRead, application: string, select: string, path: string): Promise<Feed> {
  const progress = newProgress(read.ctx)
  return { path, progress, sql: copyText(select), ...(await sessionOn(read, application, progress)) }
}

/** A session on the snapshot, and how it is given back; the control session itself, for settings that allow no other: whole, once everything has come. */
export async function sessionOn(
  { settings, address, snapshot, zone }: Pick<ReadTools, 'settings' | 'address' | 'snapshot' | 'zone'>,
  application: string,
  progress: Pick<CopyProgress, 'ended'>,
): Promise<{ readonly client: Client; end(): Promise<void> }> {
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

/** Moves one stream; its FIFO ends only after everything has come, or some time after the reader was asked to stop. */
async function feedOne({ client, path, progress, sql }: Feed, { pace, ctx }: CopyRead, signal: AbortSignal): Promise<Copied> {
  const fifo = await openFifoEnd(path, signal)
  const copied = await copyIntoFifo(client, sql, fifo, progress, pace, { clock: ctx.clock, signal })
  await fifo.close()
  return copied
}

function compareCounts({ doing, whole }: CopyRead, copied: readonly (Copied | undefined)[], landed: number | undefined): void {
  const sent = copied.reduce((sum, each) => sum + (each?.rows ?? 0), 0)
  if (landed === undefined || landed === sent || (!whole && landed < sent)) return
  throw new TransientError(`${doing} failed: the server sent ${sent} rows and ${landed} have arrived`, {
    hint: 'run again; if it comes again, tell us',
  })
}
