import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import { TransientError } from '../../core/errors.ts'
import type { FifoStock } from '../../engines/fifo-stock.ts'
import type { ReaderJob, ReaderResult } from '../../engines/reader.ts'
import type { Over, Read, SourceTools } from '../source.ts'
import type { Road } from './casts.ts'
import type { PostgresColumn } from './columns.ts'
import { type Described, sameColumns } from './describe.ts'
import type { Settings } from './options.ts'
import type { Places } from './places.ts'
import { readByCopy } from './read-copy.ts'
import { readByExtension } from './read-extension.ts'
import { type Selection, serverSelects } from './relation.ts'
import type { Rows } from './rows.ts'
import type { ServerUse } from './server.ts'
import type { Snapshot } from './snapshot.ts'
import type { Pace } from './throttle.ts'
import type { Patience } from './watch.ts'

/** What reads need of the source that they come from. */
export interface ReadSource {
  readonly settings: Settings
  readonly server: ServerUse
  readonly tools: SourceTools
  readonly patience: Patience
  readonly sessions: Places
  readonly pace: Pace
  /** DuckDB's extension, where it reads. */
  readonly file: string | undefined
  /** The run's snapshot; a new one in place of one that is lost, while nothing was read on that. */
  snapshot(ctx: RunContext): Promise<Snapshot>
  /** Works on it, again after a lost connection. */
  onSnapshot<T>(ctx: RunContext, dataset: string, work: (snapshot: Snapshot) => Promise<T>): Promise<T>
  describe(snapshot: Snapshot, read: Omit<Read, 'columns'>): Promise<Described & { readonly rows: Pick<Rows, 'from' | 'where'> }>
  /** FIFOs of a workspace. */
  fifos(workspace: string): FifoStock
  /** Something was read on the snapshot. */
  used(reads: number): void
}

/** A read of which is known what it asks the server for. */
export interface PlannedRead {
  readonly request: Read
  readonly ctx: RunContext
  readonly doing: string
  /** In no other one's names. */
  readonly id: string
  readonly road: Road
  /** In which the server understands naive times where it compares them with instants. */
  readonly zone: string | undefined
  /** As it was described. */
  readonly snapshot: Snapshot
  readonly columns: readonly PostgresColumn[]
  readonly selections: Readonly<Record<Over, Selection>>
  /** Of the attached databases, one for each part. */
  readonly names: Readonly<Record<Over, readonly string[]>>
  /** Of the FIFOs, one for each part. */
  readonly paths: Readonly<Record<Over, readonly string[]>>
  readonly folder: string
  /** A table that holds little: others may be read on the same session. */
  readonly small: boolean
  readonly fifos: FifoStock
}

/** A job over a read. */
export interface ReadJob {
  readonly read: PlannedRead
  readonly over: Over
  readonly job: ReaderJob
  readonly signal: AbortSignal
}

/** Runs one job on the run's snapshot, again after a lost connection while that can be right. */
export function runAlone(source: ReadSource, asked: ReadJob): Promise<ReaderResult> {
  const { read, signal } = asked
  const { ctx, request, snapshot, columns, doing } = read
  return source.onSnapshot({ ...ctx, signal, emit: (event) => ctx.emit(event) }, request.dataset, async (on) => {
    if (on !== snapshot && !sameColumns((await source.describe(on, request)).columns, columns))
      throw new TransientError(`${doing} failed: its columns changed while the run read`, { hint: 'run again' })
    const [result] = await runOn(source, on, [asked], asked.job, signal)
    return result ?? { rows: [], meta: [] }
  })
}

/** Runs jobs over small tables, of one statement each, one after the other on one session. Nothing is tried again, and whose fault a failure is remains unsaid: each alone then says it. */
export async function runTogether(source: ReadSource, asked: readonly ReadJob[]): Promise<readonly ReaderResult[]> {
  const [first] = asked
  if (!first) return []
  const on = await source.snapshot(first.read.ctx)
  const plain = asked.every(
    ({ job, read }) => read.snapshot === on && job.statements?.length === 1 && !job.meta && !job.steps && !job.arrow,
  )
  if (!plain) throw new RangeError('these jobs are none to be done together')
  const statements = asked.flatMap(({ job }) => job.statements ?? [])
  const { zone } = first.job
  return runOn(source, on, asked, { ...(zone !== undefined && { zone }), statements }, AbortSignal.any(asked.map(({ signal }) => signal)))
}

/** `job` is all that is asked. */
async function runOn(
  source: ReadSource,
  snapshot: Snapshot,
  asked: readonly ReadJob[],
  job: ReaderJob,
  signal: AbortSignal,
): Promise<readonly ReaderResult[]> {
  const [first] = asked
  if (!first) return []
  const { settings, server, sessions, patience, tools, pace, file = '' } = source
  const { read, over } = first
  const { ctx, id, doing, folder, zone } = read
  const release = await sessions.take(read.selections[over].parts.length, signal)
  try {
    const common = {
      ...{ settings, address: await server.address(), ctx, snapshot, doing, patience, reader: tools.reader },
      ...(zone !== undefined && { zone }),
    }
    if (read.road === 'copy') await read.fifos.make(asked.flatMap((each) => each.read.paths[each.over]))
    // One stream of rows, which a second thread of the engine can only wait for: it takes up to twice the CPU, and no less time.
    const runPart = (i: number, part: ReaderJob, stop: AbortSignal) => {
      const own = { ...common, id: `${id}_${i}`, folder: join(folder, String(i)) }
      const alone: ReaderJob = { ...part, oneThread: true }
      return read.road === 'copy'
        ? readByCopy({ ...own, streams: over === 'parts' ? [streamOf(first, i)] : asked.map((each) => streamOf(each)), pace }, alone, stop)
        : readByExtension({ ...own, file, names: read.names[over].slice(i, i + 1) }, alone, stop)
    }
    const result = over === 'parts' ? await sideBySide(job, runPart, signal) : await runPart(0, job, signal)
    if (job.statements?.length) source.used(asked.length)
    return asked.length === 1 ? [result] : asked.map((_, i) => ({ rows: result.rows.slice(i, i + 1), meta: [] }))
  } finally {
    release()
  }
}

/** Runs each statement of a job as one of its own, all at the same time. The first that fails ends the others. */
async function sideBySide(
  { statements = [], ...job }: ReaderJob,
  run: (i: number, part: ReaderJob, signal: AbortSignal) => Promise<ReaderResult>,
  signal: AbortSignal,
): Promise<ReaderResult> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const all = await Promise.allSettled(
    statements.map((statement, i) =>
      run(i, { ...job, statements: [statement] }, both).catch((error: unknown) => {
        stop.abort(error)
        throw error
      }),
    ),
  )
  signal.throwIfAborted()
  // The first to fail is the reason; what the others say of their end is not.
  if (stop.signal.aborted) throw stop.signal.reason
  return { rows: all.flatMap((each) => (each.status === 'fulfilled' ? each.value.rows : [])), meta: [] }
}

/** The CSV stream of a relation, or of a part of it. */
function streamOf({ read, over }: ReadJob, part = 0) {
  const select = serverSelects(read.selections[over])[part] ?? ''
  return { select, path: read.paths[over][part] ?? '', whole: over !== 'located' && read.selections[over].rows.cut }
}
