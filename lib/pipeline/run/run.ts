import type { RunContext } from '../../core/context.ts'
import { ConfigError, InterruptedError, OutrunError, placed, type Stage } from '../../core/errors.ts'
import { errorReport } from '../../observe/error-report.ts'
import type { EventSink } from '../../observe/events.ts'
import { type MemoryWatch, watchMemory } from '../../observe/memory.ts'
import { writeRunRecord } from '../../observe/record.ts'
import { type Ledger, openLedger } from '../../state/ledger.ts'
import { lock, partitionLock, sharedLock } from '../../state/lock.ts'
import { partitionCode } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { type NoticeDesk, notifyingFolders, openNotices } from '../notice/notices.ts'
import { type Project, statePaths } from '../project.ts'
import type { DeliveryReport, NoticeReport, PartitionReport, RunReport, Stale } from '../report.ts'
import { staleReport } from '../state/stale.ts'
import { partitionState, partitionStates } from '../state/states.ts'
import { checksPartitionsAlone } from './checked.ts'
import { chosenPartitions, type PartitionChoice } from './choose.ts'
import { readSharedAgain } from './compute.ts'
import { outgrownDeliveries, switchDelivery } from './deliveries.ts'
import { leftoverRows } from './leftover-rows.ts'
import { type OpenSession, openSession } from './open-session.ts'
import { does, extractedOf, type Session } from './session.ts'
import { sweepDeadRuns } from './sweep.ts'
import { runUnit } from './unit.ts'
import { versions } from './versions.ts'

/** What `millrace run` is given. */
export interface RunOptions extends PartitionChoice {
  /** Go on with the other partitions when one fails; the exit code is then 1. */
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

const SHARED_WAIT_MS = 60_000

/** What the parts of one run share. */
interface Running extends OpenSession {
  readonly project: Project
  readonly name: string
  readonly options: RunOptions
  readonly startedAt: Date
  readonly memory: MemoryWatch
  readonly ledger: Ledger
  readonly notices: NoticeDesk
}

/**
 * Runs a pipeline: first what its partitions share, then the partitions that were named, else those that are due, oldest first. Each partition commits, fails and
 * resumes on its own. Writes the run record and the ledger whatever comes; a failure of a partition stands in the report.
 * @throws ConfigError before anything was run: the pipeline, the configuration or the choice of partitions is wrong
 */
export async function run(project: Project, name: string, options: RunOptions = {}): Promise<RunReport> {
  const startedAt = new Date()
  const memory = watchMemory()
  const { refresh = false, force = false, only } = options
  if (refresh && !does({ only }, 'extract'))
    throw new ConfigError(`--refresh reads the sources, and --only ${only} reads what has landed`, {
      pipeline: name,
      hint: `run it without --only; or, to make it again from what has landed, with --force instead of --refresh`,
    })
  try {
    const open = await openSession(project, name, { refresh, force, only }, options)
    try {
      const notices = openNotices(open.session, project.config)
      await sweepDeadRuns(statePaths(project.config.state).workspaces, open.session)
      using ledger = openLedger(statePaths(project.config.state).ledger)
      const { emit } = open.context(undefined, open.workspace.folder)
      for (const message of leftoverRows(open.session)) emit({ type: 'warning', stage: 'load', message })
      return await runUnits({ ...open, project, name, options, startedAt, memory, ledger, notices })
    } finally {
      await open.close()
    }
  } finally {
    memory.stop()
  }
}

async function runUnits(running: Running): Promise<RunReport> {
  const { ledger, name, id, project, startedAt, options, signal, session } = running
  const { units, stale, unnamed } = await plannedUnits(running)
  const message = leftAlone(running, unnamed)
  if (message !== undefined) running.context(undefined, running.workspace.folder).emit({ type: 'warning', message })
  ledger.beginRun({ run: id, pipeline: name, profile: project.config.profile, startedAt, versions: versions() })
  await tellPending(running)
  const reports: PartitionReport[] = []
  for (const [i, partition] of units.entries()) {
    // Without partitions there is nothing but these checks; with them they come first.
    const guards =
      partition === undefined ? units.length > 1 || session.pipeline.targets.length === 0 : checksPartitionsAlone(session.pipeline)
    const report = await runOne(running, partition, guards)
    reports.push(report)
    if (report.outcome !== 'unchanged') await tellPending(running, notifyingFolders(session.pipeline, { partition: partition?.name }))
    const failed = report.outcome === 'failed'
    if (!signal.aborted && !(failed && (partition === undefined || !options.keepGoing))) continue
    for (const left of units.slice(i + 1)) reports.push({ partition: left?.name ?? '', outcome: 'notRun', ms: 0, steps: [], rssBytes: 0 })
    break
  }
  const deliveries = await switchAll(running, reports)
  if (deliveries.length > 0) await tellPending(running, notifyingFolders(session.pipeline, 'end'))
  return finish(running, reports, deliveries, stale)
}

/** Tells of the switches of these folders, or of all that earlier runs have left. A run that is stopped leaves the rest to the next. */
async function tellPending({ notices, signal, context, workspace }: Running, folders?: readonly string[]): Promise<void> {
  if (signal.aborted) return
  await notices.send(context(undefined, workspace.folder), folders).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

/** Switches the named deliveries that hold all partitions, where everything of the run has succeeded: they commit as one. */
async function switchAll(
  { session, context, workspace, name, signal }: Running,
  reports: readonly PartitionReport[],
): Promise<readonly DeliveryReport[]> {
  const whole = reports.every(({ outcome }) => outcome === 'done' || outcome === 'unchanged' || outcome === 'open')
  const deliveries: DeliveryReport[] = []
  const waiting = session.staged.of(undefined)
  const outgrown = whole && does(session.choices, 'export') ? await outgrownDeliveries(session) : []
  for (const delivery of new Set([...waiting.keys(), ...outgrown])) {
    const staged = waiting.get(delivery) ?? []
    if (!whole) {
      deliveries.push({ delivery, outcome: 'notSwitched' })
      continue
    }
    try {
      const { outcome, rows, files } = await switchDelivery(
        session,
        { delivery, partition: undefined, staged },
        context(undefined, workspace.folder),
      )
      deliveries.push({ delivery, outcome, rows, files })
    } catch (cause) {
      if (signal.aborted) deliveries.push({ delivery, outcome: 'notSwitched' })
      else deliveries.push({ delivery, outcome: 'failed', error: errorReport(placed(cause, { pipeline: name, stage: 'export' })) })
    }
  }
  return deliveries
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
async function plannedUnits({ session, options, project, name }: Running): Promise<Planned> {
  const { pipeline, choices } = session
  const now = project.clock(name).now()
  const named = chosenPartitions(pipeline.definition, options, now)
  const again = checksPartitionsAlone(pipeline)
  const states = named ? [] : await partitionStates(session, now)
  const partitions = named ?? states.filter(({ state }) => state === 'due' || (again && state === 'done')).map(({ partition }) => partition)
  const asked = choices.only === 'extract' || choices.only === 'land'
  const results = pipeline.targets.some(({ partitioned }) => !partitioned)
  // Without any target, what lands is the result.
  const landing = asked || choices.only === 'check' || pipeline.targets.length === 0
  const wanted = results || (extractedOf(session, false).length > 0 && (partitions.length > 0 || landing))
  const left = states.map(({ partition, stale }) => ({ partition: partition.name, stale: stale && !partitions.includes(partition) }))
  return {
    units: wanted || !pipeline.definition.partition ? [undefined, ...partitions] : partitions,
    stale: staleReport(name, left),
    unnamed: states.filter(({ state, partition }) => state === 'done' && !partitions.includes(partition)).length,
  }
}

/** Runs one unit under its lock; what it throws becomes its report. */
async function runOne(
  { session, collector, workspace, context, project, name, options, ledger, id, signal }: Running,
  partition: Partition | undefined,
  guards: boolean,
): Promise<PartitionReport> {
  const since = performance.now()
  // Shared datasets stay in the run's own folder until its end; a partition's files go with it.
  const folder = partition ? await workspace.unit() : workspace.folder
  const ctx = context(partition?.name, folder)
  const label = partition?.name ?? ''
  let outcome: PartitionReport['outcome']
  let error: PartitionReport['error']
  let begun = false
  try {
    signal.throwIfAborted()
    const { locks } = statePaths(project.config.state)
    const { path, what } = partition ? partitionLock(locks, name, label) : sharedLock(locks, name)
    // Another run may be landing the shared datasets for other partitions: that is soon over. A partition at work elsewhere is not.
    using _held = await lock(path, { what, signal, ...(partition ? {} : { waitMs: SHARED_WAIT_MS }) })
    begun = true
    const work = async () => {
      const done = await runUnit(session, partition, guards, ctx)
      return (await switchOwn(session, partition, ctx)) ? 'done' : done
    }
    outcome = await work().catch(async (error: unknown) => {
      if (!(error instanceof OutrunError)) throw error
      // What the other run has committed since this one looked is done. Tokens first: what is read after them is at least as new.
      if (session.pipeline.targets.some(({ stage }) => stage === 'load')) session.tokens.reset(await session.warehouse().tokens(name, ctx))
      if (partition) await readSharedAgain(session, context(undefined, workspace.folder))
      return work()
    })
    // What landed is news, also where no target is made of it.
    if (outcome === 'unchanged' && collector.steps(label).some((step) => step.stage === 'land' && step.outcome === 'done')) outcome = 'done'
    if (partition?.window && partition.window.end > ctx.clock.now()) outcome = 'open'
  } catch (cause) {
    const place = { pipeline: name, ...(partition && { partition: label }) }
    outcome = !signal.aborted ? 'failed' : begun ? 'stopped' : 'notRun'
    error = errorReport(signal.aborted ? new InterruptedError('the run was stopped', place) : placed(cause, place))
  }
  if (partition) await workspace.drop(folder)
  const report = {
    partition: label,
    outcome,
    ms: performance.now() - since,
    steps: collector.steps(label),
    ...(error && { error }),
    rssBytes: process.memoryUsage.rss(),
  }
  // One stage alone need not finish a partition: the other commit points say whether it is done.
  const ended = outcome === 'done' || outcome === 'unchanged'
  const unfinished =
    partition && options.only !== undefined && ended && (await partitionState(session, partition, ctx.clock.now())).state === 'due'
  ledger.endPartition({
    ...{ run: id, pipeline: name, report, at: new Date(), ...(unfinished && { unfinished }) },
    ...(partition && ended && options.only === undefined && { inputKey: partitionCode(session.pipeline, session.steps) }),
  })
  return report
}

/** Switches the deliveries that hold this partition alone. */
async function switchOwn(session: Session, partition: Partition | undefined, ctx: RunContext): Promise<boolean> {
  if (partition === undefined) return false
  let switched = false
  for (const [delivery, staged] of session.staged.of(partition.name))
    if ((await switchDelivery(session, { delivery, partition: partition.name, staged }, ctx)).outcome === 'delivered') switched = true
  return switched
}

async function finish(
  { project, name, id, startedAt, session, ledger, collector, signal, options, memory, notices, context, workspace }: Running,
  partitions: readonly PartitionReport[],
  deliveries: readonly DeliveryReport[],
  stale: Stale | undefined,
): Promise<RunReport> {
  const { config } = project
  const failed = [...partitions, ...deliveries].filter(({ outcome }) => outcome === 'failed')
  const worked =
    partitions.some(({ outcome }) => outcome === 'done' || outcome === 'open') || deliveries.some(({ outcome }) => outcome === 'delivered')
  const outcome = signal.aborted ? 'interrupted' : failed.length > 0 ? 'failed' : worked ? 'done' : 'unchanged'
  const told = notices.reports()
  for (const message of told.flatMap(waitingText)) context(undefined, workspace.folder).emit({ type: 'warning', stage: 'export', message })
  // What is committed stays; a scheduler that sees 75 comes again.
  const untold = told.some(({ error }) => error !== undefined) ? 75 : 0
  const exitCode =
    outcome === 'interrupted' ? 130 : failed.length === 0 ? untold : options.keepGoing ? 1 : (failed[0]?.error?.exitCode ?? 1)
  const report: RunReport = {
    pipeline: name,
    profile: config.profile,
    run: id,
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    outcome,
    exitCode,
    partitions,
    ...(deliveries.length > 0 && { deliveries }),
    ...(told.length > 0 && { notices: told }),
    ...(stale && { stale }),
    retries: collector.retries,
    warnings: collector.warnings,
    peakRssBytes: memory.peakBytes(),
    locations: { store: config.store.location, warehouse: config.warehouse.location, landing: config.landing.location },
    manifests: [...session.pinned].sort(),
    versions: versions(),
  }
  await writeRunRecord(config.state, report, failed[0]?.error)
  ledger.endRun({ run: id, endedAt: new Date(report.endedAt), outcome, exitCode })
  return report
}

/** What is said of a receiver that has not been told all. */
function waitingText({ receiver, pending, error }: NoticeReport): string[] {
  if (pending === 0) return []
  const what = `"${receiver}" has not been told of ${pending === 1 ? '1 delivery' : `${pending} deliveries`}; the next run tells it`
  return [error ? `${what}: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}` : what]
}
