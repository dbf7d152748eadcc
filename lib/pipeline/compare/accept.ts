import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Dataset } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { deliverAside, stageAside } from '../../export/let-through.ts'
import { errorReport } from '../../observe/error-report.ts'
import type { EventSink } from '../../observe/events.ts'
import type { Partition } from '../define/partitions.ts'
import { notifyingFolders } from '../notice/notices.ts'
import { type Project, statePaths } from '../project.ts'
import type { PartitionReport, RunReport } from '../report.ts'
import { attemptUnit } from '../run/attempt.ts'
import { commit } from '../run/commit.ts'
import { sharedDataset } from '../run/compute.ts'
import { endRun, tellPending } from '../run/end-run.ts'
import { type Running, whileRunning } from '../run/running.ts'
import { readableOf, type Session } from '../run/session.ts'
import { versions } from '../run/versions.ts'
import { type CandidateFiles, candidateFiles } from './candidate-files.ts'
import { candidatesAmong, chosenCandidates, type NamedPartitions, removeCandidate } from './chosen.ts'
import { isBegun, isStillCurrent, type Ready, readyTargets } from './standing.ts'

/** What `millrace backfill --accept` is given. */
export interface AcceptOptions extends NamedPartitions {
  /** Go on with the other partitions when some are out of date, or fail. */
  readonly keepGoing?: boolean
  readonly events?: EventSink
  /** Aborted when no other partition is to begin. */
  readonly drain?: AbortSignal
  /** Aborted to stop also the one that runs. */
  readonly signal?: AbortSignal
}

/**
 * Commits candidates as they are, first what partitions share, then partition by partition: rows and token in one transaction, deliveries by their switch, named ones of all partitions by one switch at the end. Nothing is computed. What is committed is removed; one that
 * was killed is done by the next. Without `keepGoing` nothing is begun where any candidate is out of date. Writes the run record and the ledger, as `run` does.
 * @throws ConfigError where there are no candidates
 */
export async function accept(project: Project, name: string, options: AcceptOptions = {}): Promise<RunReport> {
  const { keepGoing = false, events, signal, drain } = options
  const choices = { refresh: false, force: false, only: undefined }
  return whileRunning(project, name, { choices, keepGoing, ...(events && { events }), ...(signal && { signal }) }, async (running) => {
    const files = candidateFiles(statePaths(project.config.state).candidates, name)
    const partitions = await chosenCandidates(running.session.pipeline.definition, files, options, running.clock.now())
    return acceptThese(running, files, partitions, drain)
  })
}

/**
 * Accepts whole what an accept that was killed has begun to commit: what it has committed cannot be taken back. Of all candidates, or those of a range or a list; undefined where none of them is begun. Each that cannot be finished any more is a
 * failure in the report, and stays as it is.
 * @throws ConfigError for a name that is none
 */
export function finishAccepts(
  project: Project,
  name: string,
  { signal, ...named }: NamedPartitions & { readonly signal?: AbortSignal },
): Promise<RunReport | undefined> {
  const choices = { refresh: false, force: false, only: undefined }
  return whileRunning(project, name, { choices, keepGoing: true, ...(signal && { signal }) }, async (running) => {
    const { session, clock } = running
    const files = candidateFiles(statePaths(project.config.state).candidates, name)
    const begun: (Partition | undefined)[] = []
    for (const partition of await candidatesAmong(session.pipeline.definition, files, named, clock.now())) {
      // One that is no candidate, which is given up to be rid of it, has begun nothing.
      const candidate = await files.read(partition?.name ?? '').catch(() => undefined)
      if (candidate && (await isBegun(session, candidate, partition))) begun.push(partition)
    }
    return begun.length === 0 ? undefined : acceptThese(running, files, begun)
  })
}

async function acceptThese(
  running: Running,
  files: CandidateFiles,
  partitions: readonly (Partition | undefined)[],
  drain?: AbortSignal,
): Promise<RunReport> {
  const { ledger, id, name, startedAt, project } = running
  ledger.beginRun({ run: id, pipeline: name, profile: project.config.profile, startedAt, versions: versions() })
  await tellPending(running)
  await readShared(running.session, running.context(undefined, running.workspace.folder))
  const reports = await acceptAll(running, files, partitions, drain)
  const left = reports.some(({ outcome }) => outcome === 'notRun' || outcome === 'stopped')
  const report = await endRun(running, reports, { stopped: left && drain?.aborted ? 130 : undefined })
  const switched = (report.deliveries ?? []).every(({ outcome }) => outcome === 'delivered' || outcome === 'unchanged')
  if (switched)
    for (const { partition, outcome } of reports)
      if (hasEnded(outcome)) await removeCandidate(running.session, files, partition || undefined)
  return report
}

const hasEnded = (outcome: PartitionReport['outcome']) => outcome === 'done' || outcome === 'unchanged' || outcome === 'open'

/** What partitions share as it has landed: it enters their keys. */
async function readShared(session: Session, ctx: RunContext): Promise<void> {
  for (const name of readableOf(session, false)) session.shared.set(name, await sharedDataset(session, name, ctx))
}

async function acceptAll(
  running: Running,
  files: CandidateFiles,
  partitions: readonly (Partition | undefined)[],
  drain: AbortSignal | undefined,
): Promise<readonly PartitionReport[]> {
  const { session, keepGoing, ledger, id, name, signal } = running
  if (!keepGoing) {
    const looked: PartitionReport[] = []
    for (const partition of partitions) looked.push(await lookedAt(session, files, partition))
    if (looked.some(({ outcome }) => outcome === 'failed')) return looked
  }
  const reports: PartitionReport[] = []
  let stop = false
  for (const partition of partitions) {
    if (stop || drain?.aborted || signal.aborted) {
      reports.push(notRun(partition))
      continue
    }
    const about = { run: id, pipeline: name, partition: partition?.name ?? '' }
    const begun = () => ledger.beginPartition({ ...about, at: new Date() })
    const work = (of: Session, _: Partition | undefined, __: boolean, ctx: RunContext) => acceptUnit(of, files, partition, ctx)
    const attempted = await attemptUnit(running, partition, false, begun, work)
    ledger.endPartition({ run: id, pipeline: name, at: new Date(), ...attempted })
    reports.push(attempted.report)
    if (!hasEnded(attempted.report.outcome)) stop = !keepGoing
    else await tellPending(running, notifyingFolders(session.pipeline, { partition: partition?.name }))
  }
  return reports
}

/** Whether a candidate could be accepted, before anything is. */
async function lookedAt(session: Session, files: CandidateFiles, partition: Partition | undefined): Promise<PartitionReport> {
  try {
    const candidate = await files.read(partition?.name ?? '')
    if (candidate) await readyTargets(session, candidate, partition, files)
    return notRun(partition)
  } catch (error) {
    return { ...notRun(partition), outcome: 'failed', error: errorReport(error) }
  }
}

function notRun(partition: Partition | undefined): PartitionReport {
  return { partition: partition?.name ?? '', outcome: 'notRun', ms: 0, steps: [], rssBytes: 0 }
}

async function acceptUnit(
  session: Session,
  files: CandidateFiles,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<'done' | 'unchanged'> {
  const folder = files.folder(partition?.name ?? '')
  const candidate = await files.read(partition?.name ?? '')
  if (!candidate)
    throw new ConfigError('its candidate is gone: somebody has accepted it or given it up', {
      pipeline: session.pipeline.definition.name,
      ...(partition && { partition: partition.name }),
    })
  // Others may have landed it anew since this began.
  if (!partition) await readShared(session, ctx)
  const ready = await readyTargets(session, candidate, partition, files)
  for (const each of ready) await commitReady(session, each, partition, folder, ctx)
  return ready.length > 0 ? 'done' : 'unchanged'
}

async function commitReady(
  session: Session,
  ready: Ready,
  partition: Partition | undefined,
  folder: string,
  ctx: RunContext,
): Promise<void> {
  const { target, candidate } = ready
  const { dataset: name, columns, rows, inputKey: key } = candidate
  if (candidate.stage === 'load') {
    const { hash, files, tombstones, order, loads, load } = candidate
    const paths = (of: typeof files) => of.map((file) => join(folder, file.name))
    const dataset: Dataset = { name, columns, rows, hash, files: paths(files) }
    const gone = { ...(tombstones && { tombstones: paths(tombstones) }), ...(order !== undefined && { order }) }
    return commit(session, target, { dataset, key, loads, load, ...gone }, partition, ctx)
  }
  if (target.stage !== 'export') return
  const request = {
    ...{ pipeline: session.pipeline.definition.name, export: target.export, partition: partition?.name, inputKey: key },
    dataset: { name, columns, rows, hash: '', files: [] },
    isCurrent: () => isStillCurrent(session, ready, partition),
  }
  if (target.export.delivery === undefined) await deliverAside(request, candidate, session.exports, ctx, session.openEngine)
  else session.staged.add(await stageAside(request, candidate, session.exports, ctx, session.openEngine))
}
