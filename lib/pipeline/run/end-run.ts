import { GateError, placed } from '../../core/errors.ts'
import { errorReport } from '../../observe/error-report.ts'
import { writeRunRecord } from '../../observe/record.ts'
import { notifyingFolders } from '../notice/notices.ts'
import type { DeliveryReport, ErrorReport, ForecastReport, NoticeReport, PartitionReport, RunReport, Stale } from '../report.ts'
import { outgrownDeliveries, switchDelivery } from './deliveries.ts'
import type { Running } from './running.ts'
import { does } from './session.ts'
import { versions } from './versions.ts'

/** Tells of the switches of these folders, or of all that earlier runs have left. A run that is stopped leaves the rest to the next. */
export async function tellPending({ notices, signal, context, workspace }: Running, folders?: readonly string[]): Promise<void> {
  if (signal.aborted) return
  await notices.send(context(undefined, workspace.folder), folders).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

/** Ends a run: switches the named deliveries of all partitions, tells receivers, writes the run record and the ledger. `scheduled`: the scheduled time that it stands for. `stopped`: it left something undone because it was asked to stop, and ends with this exit code. */
export async function endRun(
  running: Running,
  partitions: readonly PartitionReport[],
  {
    stale,
    scheduled,
    stopped,
    forecast,
  }: {
    readonly stale?: Stale | undefined
    readonly scheduled?: Date | undefined
    readonly stopped?: number | undefined
    readonly forecast?: ForecastReport | undefined
  } = {},
): Promise<RunReport> {
  const deliveries = await switchAll(running, partitions)
  if (deliveries.length > 0) await tellPending(running, notifyingFolders(running.session.pipeline, 'end'))
  return finish(running, { partitions, deliveries, stale, scheduled, stopped: running.signal.aborted ? 130 : stopped, forecast })
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

interface Ending {
  readonly partitions: readonly PartitionReport[]
  readonly deliveries: readonly DeliveryReport[]
  readonly stale: Stale | undefined
  readonly scheduled: Date | undefined
  readonly stopped: number | undefined
  readonly forecast: ForecastReport | undefined
}

async function finish(
  { project, name, id, startedAt, session, ledger, collector, keepGoing, memory, notices, context, workspace }: Running,
  { partitions, deliveries, stale, scheduled, stopped, forecast }: Ending,
): Promise<RunReport> {
  const { config } = project
  const failed = [...partitions, ...deliveries].filter(({ outcome }) => outcome === 'failed')
  const worked =
    partitions.some(({ outcome }) => outcome === 'done' || outcome === 'open') ||
    deliveries.some(({ outcome }) => outcome === 'delivered' || outcome === 'mended')
  const outcome = stopped !== undefined ? 'interrupted' : failed.length > 0 ? 'failed' : worked ? 'done' : 'unchanged'
  const told = notices.reports()
  for (const message of told.flatMap(waitingText)) context(undefined, workspace.folder).emit({ type: 'warning', stage: 'export', message })
  // What is committed stays; a scheduler that sees 75 comes again.
  const untold = told.some(({ error }) => error !== undefined) ? 75 : 0
  const exitCode = stopped !== undefined ? stopped : failed.length === 0 ? untold : failureCode(failed, keepGoing)
  const report: RunReport = {
    pipeline: name,
    profile: config.profile,
    run: id,
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    ...(scheduled && { scheduled: scheduled.toISOString() }),
    outcome,
    exitCode,
    partitions,
    ...(deliveries.length > 0 && { deliveries }),
    ...(told.length > 0 && { notices: told }),
    ...(stale && { stale }),
    ...(forecast && { forecast }),
    retries: collector.retries,
    warnings: collector.warnings,
    peakRssBytes: memory.peakBytes(),
    locations: { store: config.store.location, warehouse: config.warehouse.location, landing: config.landing.location },
    manifests: [...session.pinned].sort(),
    versions: versions(),
  }
  await writeRunRecord(config.state, report, failed[0]?.error)
  ledger.endRun({ run: id, endedAt: new Date(report.endedAt), outcome, exitCode, ...(forecast && { forecast }) })
  return report
}

/** That of the first failure, which ended the run; of a run that went on, 3 where nothing but gates held it up, else 1. */
export function failureCode(failed: readonly { readonly error?: ErrorReport }[], keepGoing: boolean): number {
  if (!keepGoing) return failed[0]?.error?.exitCode ?? 1
  return failed.every(({ error }) => error?.kind === GateError.name) ? 3 : 1
}

/** What is said of a receiver that has not been told all. */
function waitingText({ receiver, pending, error }: NoticeReport): string[] {
  if (pending === 0) return []
  const what = `"${receiver}" has not been told of ${pending === 1 ? '1 delivery' : `${pending} deliveries`}; the next run tells it`
  return [error ? `${what}: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}` : what]
}
