import { redact } from '../core/secret.ts'
import { type Paint, painter } from './color.ts'
import { errorText } from './error-report.ts'
import type { DeliveryReport, NoticeReport, PartitionReport, RunReport, StepReport } from './report.ts'
import { staleText } from './stale.ts'
import { columnsOf, type TableColumn, table } from './table.ts'
import { formatBytes, formatCount, formatDuration, formatMany } from './units.ts'
import { truncate } from './width.ts'

/** What a run did, for people, on one screen: each step of one partition, a line for each of several; files, tables, memory, what failed and why. Reasons in the table are cut to a terminal's `width`; they stand whole below. Redacted. */
export function runSummary(report: RunReport, options: { readonly color?: boolean; readonly width?: number | undefined } = {}): string {
  const paint = painter(options.color ?? false)
  const { partitions } = report
  const busy = partitions.filter(({ outcome }) => outcome !== 'unchanged')
  const named = partitions.filter(({ partition }) => partition !== '')
  const blocks = [headline(report, paint)]
  if (busy.filter(({ partition }) => partition !== '').length <= 1)
    blocks.push(stepTable(busy.flatMap(({ steps }) => steps.filter(worthTelling))))
  if (named.length > 1 && busy.length > 0)
    blocks.push(partitionTable(isSwitched(report) ? named.map(settled) : named, paint, options.width))
  for (const { partition, outcome, error } of partitions)
    if (error && outcome === 'failed')
      blocks.push(
        [
          `${paint('red', 'failed')} ${partition || 'shared datasets'}: ${errorText(error).replace(/^error: /, '')}`,
          ...(error.stack === undefined ? [] : [error.stack, 'this is a bug in millrace, or in a library that it uses']),
        ].join('\n'),
      )
  for (const { delivery, error } of report.deliveries ?? [])
    if (error) blocks.push(`${paint('red', 'failed')} delivery ${delivery}: ${errorText(error).replace(/^error: /, '')}`)
  if (report.outcome === 'interrupted') {
    // 75: by nobody, but by the time that --stop-at names.
    const why = report.exitCode === 75 ? 'the time of --stop-at has come' : 'interrupted'
    blocks.push(paint('yellow', `${why}: run the same command again; finished partitions are kept`))
  }
  blocks.push(footer(report, paint))
  if (report.stale) blocks.push(paint('yellow', staleText(report.stale)))
  return redact(blocks.filter(Boolean).join('\n\n'))
}

function headline({ pipeline, profile, outcome, partitions, stale, startedAt, endedAt }: RunReport, paint: Paint): string {
  const took = formatDuration(Date.parse(endedAt) - Date.parse(startedAt))
  const counts = new Map<string, number>()
  for (const each of partitions) if (each.partition !== '') counts.set(each.outcome, (counts.get(each.outcome) ?? 0) + 1)
  const of = [...counts].map(([state, count]) => `${formatCount(count)} ${WORDS[state as PartitionReport['outcome']]}`).join(', ')
  // What the partitions share is looked at in every run; a partition is read again only where that was needed, or asked for.
  const again = partitions.some(({ partition, steps }) => partition !== '' && steps.some(isRead))
  const idle = again ? 'read again, and found the same' : stale ? 'nothing is due' : 'nothing to do, everything is up to date'
  const what = outcome === 'unchanged' ? idle : outcome
  const style = outcome === 'failed' ? 'red' : outcome === 'interrupted' ? 'yellow' : 'green'
  return `${paint('bold', pipeline)} (${profile}): ${paint(style, what)} in ${took}${of ? `; partitions: ${of}` : ''}`
}

const WORDS: Readonly<Record<PartitionReport['outcome'], string>> = {
  done: 'done',
  unchanged: 'up to date',
  open: 'open',
  failed: 'failed',
  stopped: 'stopped',
  notRun: 'not run',
}

/** The path or table of a step, with its partition filled in. */
const targetOf = ({ target = '', partition }: StepReport) => target.replaceAll('{partition}', partition)

/** Whether what a run has staged is delivered. */
const isSwitched = ({ deliveries = [] }: RunReport) => deliveries.every(({ outcome }) => outcome !== 'failed' && outcome !== 'notSwitched')
/** A partition whose staged steps are told as done, where they are delivered. */
function settled(partition: PartitionReport): PartitionReport {
  if (partition.outcome === 'failed' || partition.outcome === 'stopped') return partition
  return { ...partition, steps: partition.steps.map((step) => (step.outcome === 'staged' ? { ...step, outcome: 'done' } : step)) }
}

const isRead = ({ stage, outcome }: StepReport) => stage === 'extract' && outcome === 'done'

/** Whether what was read of a dataset is what was there: landing says so, or, of one that does not land, its loads. */
function sameAsBefore(dataset: string, steps: readonly StepReport[]): boolean {
  const commits = (['land', 'load'] as const).map((stage) => steps.filter((step) => step.stage === stage && step.dataset === dataset))
  const first = commits.find(({ length }) => length > 0) ?? []
  return first.length > 0 && first.every(({ outcome }) => outcome === 'unchanged')
}

/** The datasets that were read and in which nothing was new, with how many partitions of them. */
function readInVain(partitions: readonly PartitionReport[]): string {
  const counts = new Map<string, number>()
  for (const { partition, steps } of partitions)
    for (const { dataset } of steps.filter(isRead))
      if (sameAsBefore(dataset, steps)) counts.set(dataset, (counts.get(dataset) ?? 0) + (partition === '' ? 0 : 1))
  return [...counts].map(([dataset, count]) => (count === 0 ? dataset : `${dataset} (${formatMany(count, 'partition')})`)).join(', ')
}

const worthTelling = ({ outcome }: StepReport) =>
  outcome === 'done' || outcome === 'staged' || outcome === 'failed' || outcome === 'stopped'

function stepTable(steps: readonly StepReport[]): string {
  if (steps.length === 0) return ''
  const partitioned = steps.some(({ partition }) => partition !== '')
  const columns: TableColumn[] = [
    ...(partitioned ? [{ name: 'partition' }] : []),
    { name: 'stage' },
    { name: 'dataset' },
    { name: 'target' },
    { name: 'rows', align: 'right' },
    { name: 'bytes', align: 'right' },
    { name: 'time', align: 'right' },
    { name: 'outcome' },
  ]
  return table(
    columns,
    steps.map((step) => [
      ...(partitioned ? [step.partition || '-'] : []),
      step.stage,
      step.of === undefined ? step.dataset : `${step.dataset} of ${step.of}`,
      step.target === undefined ? '-' : targetOf(step),
      step.rows === undefined ? '-' : formatCount(step.rows),
      step.bytes === undefined ? '-' : formatBytes(step.bytes),
      formatDuration(step.ms),
      step.outcome,
    ]),
  )
}

function partitionTable(partitions: readonly PartitionReport[], paint: Paint, width: number | undefined): string {
  const text = table(
    [
      { name: 'partition' },
      { name: 'outcome' },
      { name: 'landed', align: 'right' },
      { name: 'loaded', align: 'right' },
      { name: 'delivered', align: 'right' },
      { name: 'time', align: 'right' },
      { name: 'reason' },
    ],
    partitions.map(({ partition, outcome, steps, ms, error }) => [
      partition,
      WORDS[outcome],
      rowsOf(steps, 'land'),
      rowsOf(steps, 'load'),
      rowsOf(steps, 'export'),
      outcome === 'notRun' ? '-' : formatDuration(ms),
      error ? truncate(error.message.split('\n')[0] ?? '', 60) : '-',
    ]),
    width === undefined ? {} : { width },
  )
  return text.replace(
    /^(.*? {2})(failed|stopped|not run)\b/gm,
    (_, before: string, word: string) => `${before}${paint(word === 'stopped' ? 'yellow' : 'red', word)}`,
  )
}

/** Rows that a stage did in these steps for their own partition; `-` where it did nothing. */
function rowsOf(steps: readonly StepReport[], stage: StepReport['stage']): string {
  const done = steps.filter((step) => step.stage === stage && step.outcome === 'done' && step.of === undefined)
  return done.length === 0 ? '-' : formatCount(done.reduce((sum, { rows = 0 }) => sum + rows, 0))
}

function deliveryText({ delivery, outcome, files = 0, rows = 0 }: DeliveryReport): string {
  const holds = `${formatMany(files, 'file')}, ${formatCount(rows)} rows`
  if (outcome === 'delivered') return `${delivery}, switched: ${holds}`
  if (outcome === 'mended') return `${delivery}, not switched, plain copies mended: ${holds}`
  if (outcome === 'unchanged') return `${delivery}, as it was: ${holds}`
  return `${delivery} is not switched: it stays as it was, and what is staged waits for the next run`
}

function noticeText({ receiver, sent, pending }: NoticeReport): string {
  const parts = [
    sent > 0 && `told of ${formatMany(sent, 'switch', 'switches')}`,
    pending > 0 && `${pending === 1 ? '1 delivery waits' : `${formatCount(pending)} deliveries wait`}`,
  ]
  return `${receiver}: ${parts.filter(Boolean).join(', ')}`
}

function footer(report: RunReport, paint: Paint): string {
  const { locations, deliveries, notices, peakRssBytes, retries, warnings, run } = report
  const partitions = isSwitched(report) ? report.partitions.map(settled) : report.partitions
  const files = partitions.flatMap(({ steps }) => steps.filter(({ stage, outcome }) => stage === 'export' && outcome === 'done'))
  const delivered = files.flatMap((step) => step.files?.filter((file) => !file.endsWith('.json')) ?? [targetOf(step)])
  const did = (stage: StepReport['stage']) =>
    partitions.some(({ steps }) => steps.some((step) => step.stage === stage && step.outcome === 'done'))
  const loaded = did('load')
  const unchanged = readInVain(partitions)
  const facts: string[][] = [
    ...(delivered.length > 0 ? [['delivered', `${formatMany(delivered.length, 'file')} to ${locations.store}`]] : []),
    ...delivered.slice(0, 5).map((file) => ['', file]),
    ...(delivered.length > 5 ? [['', `and ${delivered.length - 5} more`]] : []),
    ...(deliveries ?? []).map((each) => ['delivery', deliveryText(each)]),
    ...(notices ?? []).map((each) => ['notified', noticeText(each)]),
    ...(loaded ? [['loaded', locations.warehouse]] : []),
    // Said where it is all there is: else the landing zone is on the way.
    ...(did('land') && !loaded && delivered.length === 0 ? [['landed', locations.landing]] : []),
    ...(unchanged === '' ? [] : [['read', `${unchanged}: nothing new`]]),
    ['peak memory', `${formatBytes(peakRssBytes)}${retries > 0 ? `, ${formatMany(retries, 'retry', 'retries')}` : ''}`],
    ['run', run],
  ]
  return [columnsOf(facts), ...[...new Set(warnings)].map((warning) => `${paint('yellow', 'warning')}: ${warning}`)].join('\n')
}
