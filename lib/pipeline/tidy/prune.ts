import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { disk } from '../../core/disk.ts'
import { sweepTemporary } from '../../export/delivered.ts'
import { landingPlace, recordOfKey } from '../../land/keys.ts'
import { loadsOf } from '../../land/loads.ts'
import { type RunRecord, readRunRecord, runFolder } from '../../observe/record.ts'
import { lock, partitionLock, sharedLock, tryLock } from '../../state/lock.ts'
import { candidateFolders } from '../compare/reject.ts'
import { partitionsUntil } from '../define/partitions.ts'
import { type EachPipeline, eachPipeline } from '../each-pipeline.ts'
import { type Project, statePaths } from '../project.ts'
import type { PruneReport } from '../report.ts'
import { ALL } from '../run/landed.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import type { Session } from '../run/session.ts'
import { sweepDeadRuns } from '../run/sweep.ts'
import { pruneCompactions } from './prune-compactions.ts'
import { pointersOf, pruneDeliveries } from './prune-deliveries.ts'

/** Run records that are kept of each pipeline, besides those that a delivery names and that by which its schedule is due. */
const KEPT_RECORDS = 50

export interface PruneOptions {
  readonly pipeline?: string
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

/**
 * Removes what nothing names any more: landed loads that a later one has replaced, delivered objects that no `latest.json` leads to, workspaces of dead runs and what they were writing, candidates of comparisons, old run records. Kept are
 * the current load of each partition, every load of a cursor dataset with the newest compaction that its state is read from, and the loads pinned by the last run and by the runs whose deliveries are current. Of a
 * pipeline that cannot be read nothing is removed.
 */
export function prune(project: Project, options: PruneOptions = {}): Promise<EachPipeline<PruneReport>> {
  return eachPipeline(project, options.pipeline, (name) => pruneOne(project, name, options))
}

type Removed = PruneReport['removed'][number]

async function pruneOne(project: Project, name: string, { dryRun = false, signal }: PruneOptions): Promise<PruneReport> {
  const { state } = project.config
  const { locks, workspaces } = statePaths(state)
  const { session, workspace, context, close } = await openSession(project, name, LOOKING, signal ? { signal } : {})
  const removed: Removed[] = []
  let kept = 0
  const remove = async (what: Removed['what'], key: string, bytes: number, act: () => Promise<unknown>) => {
    signal?.throwIfAborted()
    removed.push({ what, key, bytes })
    if (!dryRun) await act()
  }
  try {
    if (!dryRun) {
      await sweepDeadRuns(workspaces, session)
      await sweepTemporary(session.exports, (run) => isAlive(workspaces, run))
      await session.store.sweep?.('')
    }
    const now = project.clock(name).now()
    // Their deliveries are no current ones, and go with the rest.
    for (const { name: partition, bytes, remove: giveUp } of await candidateFolders(session, state, now, signal))
      await remove('candidate', partition, bytes, giveUp)
    const partitions = session.pipeline.definition.partition ? partitionsUntil(session.pipeline.definition.partition, now) : []
    const records = await recordsOf(state, name)
    const runs = records.map(({ run }) => run)
    const keptRuns = new Set(runs.slice(-KEPT_RECORDS))
    const scheduled = records.findLast((record) => record.scheduled !== undefined && record.exitCode === 0)
    if (scheduled) keptRuns.add(scheduled.run)
    const pinningRuns = new Set(runs.slice(-1))
    for (const places of pointersOf(
      session.pipeline,
      partitions.map((each) => each.name),
    )) {
      const found = await pruneDeliveries(session, places, {
        ...{ keep: 1, dryRun, signal },
        remove: (key, bytes) => remove('export', key, bytes, () => session.exports.delete(key)),
      })
      kept += found.kept
      for (const run of found.runs) {
        pinningRuns.add(run)
        keptRuns.add(run)
      }
    }
    const pinned = new Set(
      (await Promise.all([...pinningRuns].map((run) => readRunRecord(state, run)))).flatMap((record) => record?.manifests ?? []),
    )
    for (const [dataset, { kind }] of Object.entries(session.pipeline.definition.extract)) {
      if (kind.by === 'cursor') {
        const { path, what } = sharedLock(locks, name)
        using _held = await lock(path, { what, ...(signal && { signal }) })
        kept += await pruneCompactions(session, { dataset, kind, pinned }, context(undefined, workspace.folder), remove)
        continue
      }
      const partitioned = session.pipeline.bound.datasets[dataset]?.partitioned ?? false
      for (const partition of partitioned ? partitions.map((each) => each.name) : [ALL]) {
        const { path, what } = partition === ALL ? sharedLock(locks, name) : partitionLock(locks, name, partition)
        using _held = await lock(path, { what, ...(signal && { signal }) })
        kept += await pruneLoads(session, { dataset, partition, pinned }, remove)
      }
    }
    for (const run of runs) {
      if (keptRuns.has(run)) kept++
      else
        await remove('run', run, (await readFile(join(runFolder(state, run), 'run.json'))).length, () =>
          disk.removeTree(runFolder(state, run)),
        )
    }
    return { pipeline: name, kept, removed, dryRun }
  } finally {
    await close()
  }
}

/** The records that runs of a pipeline left, oldest first. */
async function recordsOf(state: string, pipeline: string): Promise<RunRecord[]> {
  const runs = (await readdir(statePaths(state).runs).catch(() => [])).sort()
  const records = await Promise.all(runs.map((run) => readRunRecord(state, run)))
  return runs.flatMap((run, i) => {
    const record = records[i]
    return record?.pipeline === pipeline ? [{ ...record, run }] : []
  })
}

/** Removes the loads that are neither current nor pinned: first their manifests, so that no manifest ever names a file that is gone. */
async function pruneLoads(
  { pipeline, store }: Session,
  { dataset, partition, pinned }: { dataset: string; partition: string; pinned: ReadonlySet<string> },
  remove: (what: 'landing', key: string, bytes: number, act: () => Promise<unknown>) => Promise<void>,
): Promise<number> {
  const loads = await loadsOf(store, pipeline.definition.name, dataset, partition)
  const place = landingPlace(pipeline.definition.name, dataset, partition)
  const old = loads.slice(0, -1).filter(({ id }) => !pinned.has(place.manifest(id)))
  for (const load of old) {
    for await (const key of store.list(place.manifests))
      if (recordOfKey(key)?.id === load.id) await remove('landing', key, 0, () => store.delete(key))
    for (const file of load.files) await remove('landing', file.key, file.bytes, () => store.delete(file.key))
  }
  return loads.length - old.length
}

/** Whether a run's process lives: it holds its workspace. */
function isAlive(workspaces: string, run: string): boolean {
  try {
    const free = tryLock(join(workspaces, run, 'run.lock'))
    free?.release()
    return free === undefined
  } catch {
    return false
  }
}
