import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Read, type Relation, runOver, type Source } from '../../connectors/source.ts'
import { elapsedMs } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import type { TimeWindow } from '../../core/dataset.ts'
import { disk } from '../../core/disk.ts'
import { messageOf } from '../../core/errors.ts'
import { keyPart } from '../../core/key-part.ts'
import { retrying } from '../../core/retry.ts'
import { canBeSplit, type Scan, scanAnswer, scanQuestion, scanStatement, sortStatement } from '../../extract/scan.ts'
import { formatCount } from '../../observe/units.ts'
import type { Partition } from '../define/partitions.ts'
import { isReadWhole } from '../define/read-whole.ts'
import { partitionsSeen, usableLoad } from './landed.ts'
import { does, extractedOf, type Session } from './session.ts'

/** What a run's scans left, until it ends. */
export interface Scans extends AsyncDisposable {
  readonly count: number
}

/**
 * Reads once, for all partitions that a run is about to land, what it would otherwise read whole for each: files that are not cut by partition, queries of a database that cannot find a window without going through all. The rows are staged in the run's workspace; each partition then lands from there as if
 * it had read alone: the same cut, casts, checks, hash and manifest, and what does not fit fails its own partition. A scan that fails in a way that may pass (a connection lost, its
 * reader killed) is tried `attempts` times in all, also by a run, whose partitions are not: each of them would read all of it. One that fails for good is said and forgotten: each partition then reads for itself, and tells what is wrong. Nothing is committed here, so a run that is killed leaves nothing: the next one scans for those that have not landed.
 */
export async function scanOnce(session: Session, partitions: readonly Partition[], ctx: RunContext, attempts = ATTEMPTS): Promise<Scans> {
  const relations: Relation[] = []
  const folder = join(ctx.workspace, 'scan')
  if (does(session.choices, 'extract') && partitions.length > 1)
    for (const dataset of extractedOf(session, true)) {
      const whole = isReadWhole(session.pipeline.definition, session.connections, dataset)
      if (ctx.signal.aborted || !whole) continue
      const windows = (await partitionsToRead(session, dataset, partitions)).flatMap(({ window }) => window ?? [])
      const span = spanOf(windows)
      if (!span || windows.length < 2) continue
      const task = { dataset, span, windows, folder, relations, attempts }
      if (whole === true || (await paysOff(session, task, ctx))) await scanDataset(session, task, ctx)
    }
  return {
    count: session.scans.size,
    [Symbol.asyncDispose]: async () => {
      session.scans.clear()
      for (const relation of relations) await relation.close()
      await disk.removeTree(folder).catch(() => undefined)
    },
  }
}

/** The partitions of a dataset that units of these will read, look-backs included, each once. */
async function partitionsToRead(session: Session, dataset: string, partitions: readonly Partition[]): Promise<readonly Partition[]> {
  const found = new Map<string, Partition>()
  const seen = new Set<string>()
  for (const partition of partitions)
    for (const each of partitionsSeen(session.pipeline, dataset, partition)) {
      const again = session.refresh && each === partition
      if (found.has(each.name) || (seen.has(each.name) && !again)) continue
      seen.add(each.name)
      const load = again ? undefined : await usableLoad(session, dataset, each)
      if (!load || load.open) found.set(each.name, each)
    }
  return [...found.values()]
}

function spanOf(windows: readonly TimeWindow[]): TimeWindow | undefined {
  if (windows.length === 0) return undefined
  return {
    start: new Date(Math.min(...windows.map(({ start }) => start.getTime()))),
    end: new Date(Math.max(...windows.map(({ end }) => end.getTime()))),
  }
}

interface Task {
  readonly dataset: string
  readonly span: TimeWindow
  /** Of the partitions. */
  readonly windows: readonly TimeWindow[]
  readonly folder: string
  /** What was opened, for the run's end: a value that does not fit is looked for in the source. */
  readonly relations: Relation[]
  readonly attempts: number
}

/** As often as a backfill tries a partition, where it is not told otherwise. */
const ATTEMPTS = 3

/** As between a partition's. */
const PAUSES = { initialDelayMs: 1_000, maxDelayMs: 30_000 }

/** Uses a dataset's source, and once more where that fails in a way that may pass: with sessions of its own, and the room that was taken. */
async function usingSource<T>(session: Session, task: Task, ctx: RunContext, work: (source: Source) => Promise<T>): Promise<T> {
  const { dataset, attempts } = task
  const use = () => session.sources.use(connectionOf(session, dataset), work)
  if (attempts === 1) return use()
  return retrying(ctx, { stage: 'extract', dataset, retries: attempts - 1, ...PAUSES }, async (attempt) => {
    if (attempt > 1) {
      await removeFiles(task)
      await session.sources.rest().catch(() => undefined)
    }
    return use()
  })
}

/** Whether a source says that it would go through all for each window. Where it cannot say, a read will tell what is wrong. */
async function paysOff(session: Session, task: Task, ctx: RunContext): Promise<boolean> {
  const read = readOf(session, task)
  const asks = (source: Source) => (read && source.readsWhole ? source.readsWhole(read, task.windows, ctx) : Promise.resolve(false))
  return usingSource(session, task, ctx, asks).catch(() => false)
}

function connectionOf({ pipeline }: Session, dataset: string): string {
  return pipeline.definition.extract[dataset]?.connection ?? ''
}

/** One read of all windows. */
function readOf({ pipeline, schema }: Session, { dataset, span }: Task): Read | undefined {
  const { partition: cut, extract } = pipeline.definition
  const { kind, request } = extract[dataset] ?? {}
  if (cut?.by !== 'time' || kind?.by !== 'window' || !request) return undefined
  return { dataset, request, columns: schema[dataset] ?? {}, window: { ...span, column: kind.column }, zone: cut.zone }
}

async function scanDataset(session: Session, task: Task, ctx: RunContext): Promise<void> {
  const { dataset, windows } = task
  const partitions = windows.length
  const begun = elapsedMs(ctx.clock)
  const emit = (outcome: 'done' | 'failed' | 'skipped' | 'stopped', rows?: number) =>
    ctx.emit({
      ...{ type: 'stage', phase: 'end', stage: 'extract', dataset, outcome, ms: elapsedMs(ctx.clock) - begun },
      ...(rows !== undefined && { rows, counts: { partitions } }),
    })
  ctx.emit({ type: 'stage', phase: 'start', stage: 'extract', dataset })
  try {
    const scanned = await usingSource(session, task, ctx, (source) => scan(session, source, task, ctx))
    if (scanned) session.scans.set(dataset, scanned.scan)
    emit(scanned ? 'done' : 'skipped', scanned?.rows)
  } catch (error) {
    // Each partition that now reads for itself wants the room, the more so where it was the disk that was full.
    await removeFiles(task)
    if (ctx.signal.aborted) return emit('stopped')
    emit('failed')
    const message = `one scan for ${formatCount(partitions)} partitions has failed, so each reads for itself: ${messageOf(error)}`
    ctx.emit({ type: 'warning', stage: 'extract', dataset, message })
  }
}

function filesOf({ folder, dataset }: Task): { readonly file: string; readonly sorted: string } {
  return { file: join(folder, `${keyPart(dataset)}.parquet`), sorted: join(folder, `${keyPart(dataset)}-sorted.parquet`) }
}

async function removeFiles(task: Task): Promise<void> {
  for (const file of Object.values(filesOf(task))) await disk.removeTree(file).catch(() => undefined)
}

/** undefined: this relation cannot be split. */
async function scan(
  session: Session,
  source: Source,
  task: Task,
  ctx: RunContext,
): Promise<{ readonly scan: Scan; readonly rows: number } | undefined> {
  const { dataset, span, folder, relations } = task
  const { partition: cut, extract } = session.pipeline.definition
  const { kind } = extract[dataset] ?? {}
  const read = readOf(session, task)
  if (!read || !kind || cut?.by !== 'time') return undefined
  const asOf = ctx.clock.now()
  const relation = await source.read(read, ctx)
  relations.push(relation)
  const asked = { dataset, columns: read.columns, kind }
  if (!canBeSplit(relation, asked)) return undefined
  await mkdir(folder, { recursive: true })
  const { file, sorted } = filesOf(task)
  const job = { dataset, ...(relation.zone !== undefined && { zone: relation.zone }) }
  const { rows } = await runOver(
    relation,
    'sql',
    { ...job, statements: [scanStatement(relation, asked, span, file)] },
    session.reader(),
    ctx.signal,
  )
  await relation.verify?.()
  const { meta } = await session.reader().execute({ ...job, meta: { sql: scanQuestion(file, cut) } }, ctx.signal)
  const { untimed, back } = scanAnswer(meta)
  if (back > 0) {
    await session.reader().execute({ ...job, statements: [{ sql: sortStatement(file, sorted, cut) }] }, ctx.signal)
    await disk.removeTree(file)
  }
  const { raw, located, before, zone, names, place } = relation
  return {
    rows: rows[0] ?? 0,
    scan: {
      ...{ file: back > 0 ? sorted : file, raw, before, asOf: (relation.asOf ?? asOf).toISOString(), untimed },
      ...(zone !== undefined && { zone }),
      ...(names && { names }),
      ...(place === undefined ? { located } : { place }),
      ...(place === undefined && relation.locatedRaw && { locatedRaw: relation.locatedRaw }),
      span: { start: span.start.toISOString(), end: span.end.toISOString() },
    },
  }
}
