import { painter } from '../observe/color.ts'
import { staleText } from '../observe/stale.ts'
import { table } from '../observe/table.ts'
import type { PendingNotice, PipelineStatus } from '../pipeline/report.ts'
import { brokenPipelines } from './broken-pipelines.ts'
import { command } from './command.ts'
import { scheduleText } from './due-text.ts'
import { named } from './plan.ts'

/** `millrace status`: which partitions, and what they share, are done, due, open, failed. */
export const status = command({
  name: 'status',
  describe: 'say which partitions are done, due, open or failed, as last seen',
  options: {
    pipeline: { type: 'string', positional: true, describe: 'one pipeline, with each partition; absent: all, a line each' },
  },
  example: ['millrace status quakes', 'see what a run would do and what failed last time'],
  handler: async ({ pipeline }, { folder, profile, color }) => {
    const [{ openProject }, { status: statusOf }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/state/status.ts'),
    ])
    const { pipelines: found, broken } = await statusOf(await openProject(folder, profile), pipeline)
    const { lines, json, exitCode } = brokenPipelines(broken, color)
    const text = [
      ...found.map((each) => (pipeline === undefined || found.length !== 1 ? headline(each, color) : details(each, color))),
      ...lines,
    ].join('\n')
    return { text: text || 'no pipelines yet; millrace init <name> makes one', json: { pipelines: found, ...json }, exitCode }
  },
})

function headline(
  { pipeline, profile, partitions, shared, stale, notices = [], warnings, schedule, lastRun }: PipelineStatus,
  color: boolean,
): string {
  const paint = painter(color)
  const of = (state: PipelineStatus['partitions'][number]['state']) =>
    partitions.filter((each) => each.state === state).map((each) => each.partition)
  const parts = [
    partitions.length > 0 && `${of('done').length} done`,
    named('due', of('due')),
    named('open', of('open')),
    named('running', of('running')),
    paint('red', named('failed', of('failed'))),
    shared && `shared: ${shared.state === 'failed' ? paint('red', 'failed') : shared.state}`,
  ]
  const last = lastRun ? `last run ${lastRun.outcome} at ${lastRun.at}` : 'never run'
  const line = `${paint('bold', pipeline)} (${profile}): ${[...parts, last].filter((part) => part && part !== paint('red', '')).join('; ')}`
  return [
    line,
    ...(schedule ? [schedule.due ? paint('yellow', scheduleText(schedule)) : scheduleText(schedule)] : []),
    ...(stale ? [paint('yellow', staleText(stale))] : []),
    ...noticeTexts(notices).map((text) => `${paint('yellow', 'waiting')}: ${text}`),
    ...warnings.map((warning) => `${paint('yellow', 'warning')}: ${warning}`),
  ].join('\n')
}

/** A line for each receiver that has not been told all. */
function noticeTexts(notices: readonly PendingNotice[]): string[] {
  return [...Map.groupBy(notices, ({ receiver }) => receiver)].map(([receiver, all]) => {
    const [{ delivery, from, to } = { delivery: '', from: 0, to: 0 }, ...more] = all
    const first = `${delivery}, ${from === to ? `switch ${from}` : `switches ${from} to ${to}`}`
    const rest = more.length === 0 ? '' : `, and of ${more.length} more ${more.length === 1 ? 'delivery' : 'deliveries'}`
    return `"${receiver}" has not been told of ${first}${rest}; the next run tells it`
  })
}

function details(found: PipelineStatus, color: boolean): string {
  const units = [...(found.shared ? [{ partition: '(shared)', ...found.shared }] : []), ...found.partitions]
  if (units.length === 0) return headline(found, color)
  const rows = units.map(({ partition, state, at, error }) => [
    partition,
    found.stale?.partitions.includes(partition) ? `${state}, stale` : state,
    at ?? '-',
    error ?? '-',
  ])
  return `${headline(found, color)}\n\n${table([{ name: 'partition' }, { name: 'state' }, { name: 'at' }, { name: 'error' }], rows, { maxCell: 80 })}`
}
