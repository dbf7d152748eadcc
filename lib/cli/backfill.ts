import { bytesOf } from '../config/units.ts'
import { ConfigError } from '../core/errors.ts'
import { forecastError, forecastText } from '../observe/forecast.ts'
import type { ForecastReport } from '../observe/report.ts'
import { runSummary } from '../observe/summary.ts'
import { columnsOf, type TableColumn, table } from '../observe/table.ts'
import { formatBytes, formatDuration, formatMany } from '../observe/units.ts'
import type { RejectReport } from '../pipeline/compare/reject.ts'
import type { BackfillPlan } from '../pipeline/report.ts'
import { command, kebab } from './command.ts'
import { compareText } from './compare-text.ts'

/** `millrace backfill`: many partitions at once, each in a process of its own. */
export const backfill = command({
  name: 'backfill',
  describe: 'run many partitions at once, each in a process of its own',
  options: {
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    from: { type: 'string', value: 'name', describe: 'partitions from this one on; 2005 means the first that begins in it' },
    to: { type: 'string', value: 'name', describe: 'partitions before this one' },
    partition: {
      type: 'string',
      value: 'names',
      repeats: true,
      describe: 'these only; several with commas between them, a key that holds commas as it is',
    },
    missing: { type: 'boolean', describe: 'of these, those that are not done' },
    failed: { type: 'boolean', describe: 'of these, those whose last attempt has failed' },
    stale: { type: 'boolean', describe: 'of these, those that are made of what has changed since, as plan --stale names them' },
    newestFirst: { type: 'boolean', describe: 'begin with the newest, not the oldest' },
    jobs: { type: 'number', value: 'n', describe: 'partitions at once; as many as the memory and the cores allow when not given' },
    memory: { type: 'string', value: 'amount', describe: 'memory of all processes together, as 48GB' },
    threads: { type: 'number', value: 'n', describe: 'threads of all engines together' },
    maxFailures: { type: 'number', value: 'n', describe: 'begin no other partition after so many have failed; 1 when not given' },
    keepGoing: { type: 'boolean', describe: 'go on however many partitions fail' },
    attempts: {
      type: 'number',
      value: 'n',
      describe: 'tries of a partition whose failure may pass, or whose process died; 3 when not given',
    },
    stopAt: { type: 'string', value: 'time', describe: 'begin no other partition from this time of day on, as 06:00' },
    force: { type: 'boolean', describe: 'compute, load and export again from what has landed' },
    refresh: { type: 'boolean', describe: 'read the sources again, also what has landed complete' },
    compare: { type: 'boolean', describe: 'make candidates beside what is there, say what differs, and change nothing' },
    accept: { type: 'boolean', describe: 'commit the candidates as they are; all that there are, when no range or list is given' },
    reject: { type: 'boolean', describe: 'give the candidates up' },
    dryRun: { type: 'boolean', describe: 'say what would be run, in which order and why, and run nothing' },
  },
  drains: true,
  resumes: true,
  example: ['millrace backfill quakes --from 2018-02 --to 2018-03 --jobs 2', 'reprocess a month, two days at once'],
  handler: async (
    { pipeline, partition, memory, dryRun, compare, accept, reject, ...options },
    { folder, profile, signal, drain, color, terminalWidth: width, events },
  ) => {
    refuseTogether({ dryRun, compare, accept, reject }, options)
    const chosen = {
      ...options,
      ...(partition !== undefined && { partitions: partition }),
      ...(memory !== undefined && { memoryBytes: bytesOf(memory, '--memory') }),
    }
    const [{ openProject }, { backfill: run }, { planBackfill }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/backfill/backfill.ts'),
      import('../pipeline/backfill/plan-backfill.ts'),
    ])
    const project = await openProject(folder, profile)
    if (dryRun) {
      const plan = await planBackfill(project, pipeline, chosen)
      return { text: planText(plan), json: plan, exitCode: 0 }
    }
    if (reject) {
      const { reject: giveUp } = await import('../pipeline/compare/reject.ts')
      const report = await giveUp(project, pipeline, { ...chosen, signal })
      return { text: rejectText(report), json: report, exitCode: 0 }
    }
    if (accept) {
      const { accept: letThrough } = await import('../pipeline/compare/accept.ts')
      const report = await letThrough(project, pipeline, { ...chosen, signal, drain, events: await events({ partitions: true }) })
      return { text: runSummary(report, { color, width }), json: report, exitCode: report.exitCode }
    }
    if (compare) {
      const { compare: make } = await import('../pipeline/compare/compare.ts')
      const report = await make(project, pipeline, { ...chosen, signal, drain, events: await events({ partitions: true }) })
      return { text: compareText(report, { command: `millrace backfill ${pipeline}`, color }), json: report, exitCode: report.exitCode }
    }
    const report = await run(project, pipeline, { ...chosen, signal, drain, events: await events({ partitions: true }) })
    return { text: runSummary(report, { color, width }), json: report, exitCode: report.exitCode }
  },
})

/** @throws ConfigError for options that exclude each other */
function refuseTogether(
  ways: Readonly<Record<string, boolean>>,
  { force, refresh }: { readonly force: boolean; readonly refresh: boolean },
): void {
  const given = Object.keys(ways).flatMap((name) => (ways[name] ? [`--${kebab(name)}`] : []))
  if (given.length > 1) throw new ConfigError(`${given.join(' and ')} exclude each other`)
  const [way] = given
  if ((way === '--accept' || way === '--reject') && (force || refresh))
    throw new ConfigError(`${way} computes nothing: leave out ${force ? '--force' : '--refresh'}`)
}

function rejectText({ pipeline, partitions, bytes, accepted, begun }: RejectReport): string {
  const count = formatMany(partitions.length, 'candidate')
  const whole = accepted.length === 0 && begun.length === 0
  return [
    ...(partitions.length > 0
      ? [`${pipeline}: gave up ${count} (${formatBytes(bytes)})${whole ? '; tables and deliveries are as they were' : ''}`]
      : []),
    ...(accepted.length > 0
      ? [`${pipeline}: an accept that was killed had begun to commit ${accepted.join(', ')}: that was finished, and nothing of it given up`]
      : []),
    ...(begun.length > 0
      ? [
          `${pipeline}: an accept that was killed has committed a part of ${begun.join(', ')}, and the rest is out of date: the next run makes it`,
        ]
      : []),
  ].join('\n')
}

function planText({ pipeline, profile, partitions, jobs, memoryBytes, threads, forecast, lastForecast }: BackfillPlan): string {
  if (partitions.length === 0) return `${pipeline} (${profile}): nothing to run`
  const rows = partitions.map(({ partition, why, forecast: own }) => [
    partition,
    why,
    ...(own ? [formatDuration(own.seconds * 1000), formatBytes(own.peakBytes), formatBytes(own.bytesWritten)] : []),
  ])
  const figures: TableColumn[] = ['time', 'memory', 'written'].map((name) => ({ name, align: 'right' }))
  const count = formatMany(partitions.length, 'partition')
  return [
    `${pipeline} (${profile}): ${count} would be run, in this order`,
    table([{ name: 'partition' }, { name: 'because it is' }, ...(forecast ? figures : [])], rows, { maxCell: 80 }),
    columnsOf([
      ['at once', String(jobs)],
      ['memory', formatBytes(memoryBytes)],
      ['threads', String(threads)],
      ['forecast', forecast ? forecastText(forecast) : 'none yet: it is learned from partitions that were made'],
      ...lastForecastLines(lastForecast),
    ]),
  ].join('\n\n')
}

/** What was forecast last, and how wrong it was. */
function lastForecastLines(last: ForecastReport | undefined): string[][] {
  const error = last && forecastError(last)
  if (!last || error === undefined) return []
  return [['last time', `${forecastText(last)}: ${error}`]]
}
