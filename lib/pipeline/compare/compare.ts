import { ConfigError } from '../../core/errors.ts'
import { type Backfilling, type BackfillOptions, whileBackfilling } from '../backfill/backfill.ts'
import { runPartitions } from '../backfill/run-partitions.ts'
import { type BoundPipeline, type Target, targetName } from '../define/bind.ts'
import { type Project, statePaths } from '../project.ts'
import type { PartitionReport } from '../report.ts'
import { attemptUnit } from '../run/attempt.ts'
import { failureCode } from '../run/end-run.ts'
import { forwarded } from '../run/forward.ts'
import { loadedUndecoded } from '../run/load-undecoded.ts'
import { wantsShared } from '../run/run.ts'
import { scanOnce } from '../run/scan-once.ts'
import { comparingAside } from './aside.ts'
import { type CompareReport, isDifferent, type PartitionComparison, type TargetComparison } from './compare-report.ts'

/**
 * Makes what a backfill would, checks with it, as candidates beside what is there, and says what differs. Tables and deliveries stay as they are; what is missing of the sources' data is read and lands, as in any run. Neither run record
 * nor ledger know of it.
 * @throws ConfigError as `backfill` does, for `--refresh`, and where no target can be compared
 */
export function compare(project: Project, name: string, options: BackfillOptions = {}): Promise<CompareReport> {
  if (options.refresh)
    throw new ConfigError('--compare and --refresh exclude each other: what is read again lands, and the next run would load it unseen', {
      hint: 'compare what has landed: leave out --refresh',
    })
  return whileBackfilling(project, name, options, (backfilling) => compareAll(project, backfilling, options.keepGoing ?? false))
}

async function compareAll(
  project: Project,
  { running, partitions, bounds, shared, stopped }: Backfilling,
  keepGoing: boolean,
): Promise<CompareReport> {
  const { session, name, id, startedAt, collector, context, workspace } = running
  const { pipeline } = session
  const notCompared = pipeline.targets.flatMap((each) => whyNot(pipeline, each) ?? [])
  if (notCompared.length > 0 && notCompared.length === pipeline.targets.length) throw nothingToCompare(name, notCompared)
  const { candidates } = statePaths(project.config.state)
  const found = new Map<string, readonly TargetComparison[]>()
  const comparing = { folder: candidates, found: (partition: string, all: readonly TargetComparison[]) => void found.set(partition, all) }
  const ours = comparingAside(session, candidates)
  const aside = { ...running, session: { ...session, aside: ours } }
  const before = wantsShared(session, partitions.length > 0)
    ? (await attemptUnit(aside, undefined, partitions.length > 0)).report
    : undefined
  const sharing = before && comparisonOf(before, ours.take())
  const begins = before?.error ? [] : partitions
  const ctx = { ...context(undefined, workspace.folder), signal: bounds.drain }
  await using _scans = await scanOnce(session, begins, ctx, bounds.attempts)
  await session.sources.rest()
  await session.restReader()
  const reports = before?.error ? partitions.map(notRun) : await runPartitions(aside, partitions, bounds, { ...shared, comparing })
  const compared = reports.map((report) => comparisonOf(report, found.get(report.partition) ?? []))
  // What has nothing to be compared is no line of a report.
  const all = sharing && (sharing.targets.length > 0 || sharing.outcome === 'failed') ? [sharing, ...compared] : compared
  const broken = all.filter(({ outcome }) => outcome === 'failed')
  const interrupted = running.signal.aborted ? 130 : stopped(reports)
  const different = all.some(({ outcome }) => outcome === 'different')
  const outcome = interrupted !== undefined ? 'interrupted' : broken.length > 0 ? 'failed' : different ? 'different' : 'equal'
  return {
    ...{ pipeline: name, profile: project.config.profile, run: id },
    ...{ startedAt: startedAt.toISOString(), endedAt: new Date().toISOString(), outcome },
    exitCode: interrupted ?? (broken.length > 0 ? failureCode(broken, keepGoing) : different ? 3 : 0),
    partitions: all,
    notCompared,
    candidates,
    warnings: collector.warnings,
  }
}

/** Why a target is not compared, if it is not. */
function whyNot(pipeline: BoundPipeline, target: Target): CompareReport['notCompared'][number] | undefined {
  const undecoded = forwarded(pipeline, target) || loadedUndecoded(pipeline, target)
  return undecoded ? { target: targetName(target), why: 'undecoded' } : undefined
}

function nothingToCompare(pipeline: string, notCompared: CompareReport['notCompared']): ConfigError {
  const names = notCompared.map(({ target }) => target).join(', ')
  return new ConfigError(`nothing of "${pipeline}" can be compared: its rows are not decoded here (${names})`, {
    pipeline,
    hint: 'load it into a second table as well, run, and compare the two by SQL',
  })
}

function notRun({ name: partition }: { readonly name: string }): PartitionReport {
  return { partition, outcome: 'notRun', ms: 0, steps: [], rssBytes: 0 }
}

function comparisonOf({ partition, outcome, ms, error }: PartitionReport, targets: readonly TargetComparison[]): PartitionComparison {
  const ended = outcome === 'failed' || outcome === 'stopped' || outcome === 'notRun'
  const equality = targets.length === 0 ? 'upToDate' : targets.some(isDifferent) ? 'different' : 'equal'
  return { partition, outcome: ended ? outcome : equality, ms, targets: ended ? [] : targets, ...(error && { error }) }
}
