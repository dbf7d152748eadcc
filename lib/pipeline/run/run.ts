import { ConfigError, type Stage } from '../../core/errors.ts'
import type { EventSink } from '../../observe/events.ts'
import type { Partition } from '../define/partitions.ts'
import { notifyingFolders } from '../notice/notices.ts'
import type { Project } from '../project.ts'
import type { PartitionReport, RunReport, Stale } from '../report.ts'
import { stalePartitions } from '../state/restatement.ts'
import { staleReport } from '../state/stale.ts'
import { partitionStates } from '../state/states.ts'
import { attemptUnit } from './attempt.ts'
import { checksPartitionsAlone } from './checked.ts'
import { chosenPartitions, type PartitionChoice } from './choose.ts'
import { endRun, tellPending } from './end-run.ts'
import { type Running, whileRunning } from './running.ts'
import { scanOnce } from './scan-once.ts'
import { does, extractedOf } from './session.ts'
import { versions } from './versions.ts'

/** What `millrace run` is given. */
export interface RunOptions extends PartitionChoice {
  /** Go on with the other partitions when one fails; the exit code is then 1, or 3 where gates held deliveries and nothing else failed. */
  readonly keepGoing?: boolean
  /** Compute again from what has landed, even where the input key is the same. */
  readonly force?: boolean
  /** Read sources again, even where a complete window has landed. */
  readonly refresh?: boolean
  /** Do this stage alone, from existing inputs. */
  readonly only?: Stage
  /** Where events go besides the run record. */
  readonly events?: EventSink
  /** Aborted to stop the run: what is committed stays, the rest is done by the next run. */
  readonly signal?: AbortSignal
}

/**
 * Runs a pipeline: first what its partitions share, then the partitions that were named, else those that are due, oldest first. Each partition commits, fails and
 * resumes on its own. Writes the run record and the ledger whatever comes; a failure of a partition stands in the report.
 * @throws ConfigError before anything was run: the pipeline, the configuration or the choice of partitions is wrong
 */
export async function run(project: Project, name: string, options: RunOptions = {}): Promise<RunReport> {
  const { refresh = false, force = false, keepGoing = false, only, events, signal } = options
  if (refresh && !does({ only }, 'extract'))
    throw new ConfigError(`--refresh reads the sources, and --only ${only} reads what has landed`, {
      pipeline: name,
      hint: `run it without --only; or, to make it again from what has landed, with --force instead of --refresh`,
    })
  return whileRunning(
    project,
    name,
    { choices: { refresh, force, only }, keepGoing, ...(events && { events }), ...(signal && { signal }) },
    (running) => runUnits(running, options),
  )
}

async function runUnits(running: Running, choice: PartitionChoice): Promise<RunReport> {
  const { ledger, name, id, project, startedAt, signal, session, keepGoing, context, workspace } = running
  const scheduled = isWhole(running, choice) ? session.pipeline.schedule?.last(running.clock.now()) : undefined
  const { units, stale, unnamed } = await plannedUnits(running, choice)
  const message = leftAlone(running, unnamed)
  if (message !== undefined) running.context(undefined, running.workspace.folder).emit({ type: 'warning', message })
  ledger.beginRun({ run: id, pipeline: name, profile: project.config.profile, startedAt, versions: versions() })
  readSoon(running, units)
  await tellPending(running)
  const reports: PartitionReport[] = []
  await using _scans = await scanOnce(
    session,
    units.filter((unit) => unit !== undefined),
    context(undefined, workspace.folder),
  )
  for (const [i, partition] of units.entries()) {
    // Without partitions there is nothing but these checks; with them they come first.
    const guards =
      partition === undefined ? units.length > 1 || session.pipeline.targets.length === 0 : checksPartitionsAlone(session.pipeline)
    const begun = { run: id, pipeline: name, partition: partition?.name ?? '' }
    const attempted = await attemptUnit(running, partition, guards, () => ledger.beginPartition({ ...begun, at: new Date() }))
    ledger.endPartition({ run: id, pipeline: name, at: new Date(), ...attempted })
    const { report } = attempted
    reports.push(report)
    if (report.outcome !== 'unchanged') await tellPending(running, notifyingFolders(session.pipeline, { partition: partition?.name }))
    const failed = report.outcome === 'failed'
    if (!signal.aborted && !(failed && (partition === undefined || !keepGoing))) continue
    for (const left of units.slice(i + 1)) reports.push({ partition: left?.name ?? '', outcome: 'notRun', ms: 0, steps: [], rssBytes: 0 })
    break
  }
  return endRun(running, reports, { stale, scheduled })
}

/** The reader child starts while what comes before the first read is done. Frames that pass undecoded need none. */
function readSoon({ session: { choices, pipeline, reader } }: Running, units: readonly unknown[]): void {
  const decodes = Object.values(pipeline.definition.extract).some(({ forward }) => forward === undefined)
  if (units.length > 0 && decodes && does(choices, 'extract')) reader()
}

/** Nothing was named: it does all that is due. */
function isWhole({ session: { choices } }: Running, { partition, from, to, stale = false }: PartitionChoice): boolean {
  return !stale && [partition, from, to, choices.only].every((choice) => choice === undefined)
}

interface Planned {
  /** The shared datasets (undefined) if anybody wants them, then the partitions. */
  readonly units: readonly (Partition | undefined)[]
  /** What stays as it is. */
  readonly stale: Stale | undefined
  /** How many partitions that are up to date nobody has named. */
  readonly unnamed: number
}

/** `--force` and `--refresh` are about what was named, and what is due. */
function leftAlone({ session: { choices } }: Running, unnamed: number): string | undefined {
  const asked = [choices.force ? '--force' : '', choices.refresh ? '--refresh' : ''].filter(Boolean).join(' and ')
  if (asked === '' || unnamed === 0) return undefined
  const those = unnamed === 1 ? '1 partition that is up to date was' : `${unnamed} partitions that are up to date were`
  return `${asked}: ${those} left alone; name what is to be made again, by --partition or --from`
}

/** What there is to run. */
async function plannedUnits(running: Running, choice: PartitionChoice): Promise<Planned> {
  const { session, clock, name } = running
  const { pipeline } = session
  const now = clock.now()
  const named = await namedPartitions(running, choice, now)
  const again = checksPartitionsAlone(pipeline)
  const states = named ? [] : await partitionStates(session, now)
  const partitions = named ?? states.filter(({ state }) => state === 'due' || (again && state === 'done')).map(({ partition }) => partition)
  const left = states.map(({ partition, stale }) => ({ partition: partition.name, stale: stale && !partitions.includes(partition) }))
  return {
    units: wantsShared(session, partitions.length > 0) || !pipeline.definition.partition ? [undefined, ...partitions] : partitions,
    stale: staleReport(name, left),
    unnamed: states.filter(({ state, partition }) => state === 'done' && !partitions.includes(partition)).length,
  }
}

async function namedPartitions(
  { session, context, workspace }: Running,
  choice: PartitionChoice,
  now: Date,
): Promise<readonly Partition[] | undefined> {
  const named = chosenPartitions(session.pipeline.definition, choice, now)
  if (!choice.stale) return named
  return stalePartitions(session, named, now, context(undefined, workspace.folder))
}

/** Whether anybody wants what the partitions share; `some`: partitions are run. */
export function wantsShared(session: Running['session'], some: boolean): boolean {
  const { pipeline, choices } = session
  const asked = choices.only === 'extract' || choices.only === 'land'
  // Without any target, what lands is the result.
  const landing = asked || choices.only === 'check' || pipeline.targets.length === 0
  return pipeline.targets.some(({ partitioned }) => !partitioned) || (extractedOf(session, false).length > 0 && (some || landing))
}
