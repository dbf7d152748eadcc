import { resolve } from 'node:path'
import { disk, isErrno } from '../core/disk.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { ConfigError } from '../core/errors.ts'
import { painter } from '../observe/color.ts'
import { staleText } from '../observe/stale.ts'
import { table } from '../observe/table.ts'
import { formatMany } from '../observe/units.ts'
import type { PendingNotice, PipelineStatus } from '../pipeline/report.ts'
import { brokenPipelines } from './broken-pipelines.ts'
import { type CommandContext, type CommandResult, command } from './command.ts'
import { named } from './plan.ts'
import { scheduleText } from './schedule-text.ts'

/** `millrace status`: which partitions, and what they share, are done, due, open, failed. */
export const status = command({
  name: 'status',
  describe: 'say which partitions are done, due, open or failed, as last seen',
  options: {
    pipeline: { type: 'string', positional: true, describe: 'one pipeline, with each partition; absent: all, a line each' },
    grid: {
      type: 'boolean',
      describe: 'how each stage of each partition of the pipeline stands, with time, memory and attempts; --json: each dataset of each',
    },
    html: { type: 'string', value: 'file', describe: 'write the grid as one page that any browser shows, into this file' },
  },
  example: ['millrace status quakes', 'see what a run would do and what failed last time'],
  handler: async ({ pipeline, grid, html }, context) => {
    if (grid || html !== undefined) return showGrid(pipeline, html, context)
    const { folder, profile, color, terminalWidth } = context
    const [{ openProject }, { status: statusOf }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/state/status.ts'),
    ])
    const { pipelines: found, broken } = await statusOf(await openProject(folder, profile), pipeline)
    const { lines, json, exitCode } = brokenPipelines(broken, color)
    const text = [
      ...found.map((each) => (pipeline === undefined || found.length !== 1 ? headline(each, color) : details(each, color, terminalWidth))),
      ...lines,
    ].join('\n')
    return { text: text || 'no pipelines yet; millrace init <name> makes one', json: { pipelines: found, ...json }, exitCode }
  },
})

async function showGrid(
  pipeline: string | undefined,
  html: string | undefined,
  { folder, profile, color, width }: CommandContext,
): Promise<CommandResult> {
  if (pipeline === undefined)
    throw new ConfigError('a grid is of one pipeline', { hint: 'name it: millrace status <pipeline> --grid [--html <file>]' })
  // Before the project makes its own folder the working folder.
  const file = html === undefined ? undefined : resolve(html)
  const [{ openProject }, { gridOf }] = await Promise.all([import('../pipeline/project.ts'), import('../pipeline/state/grid.ts')])
  const grid = await gridOf(await openProject(folder, profile), pipeline)
  if (file === undefined) {
    const { gridText } = await import('./grid-text.ts')
    return { text: gridText(grid, { color, width }), json: grid, exitCode: 0 }
  }
  const { gridHtml } = await import('./grid-html.ts')
  await disk.write(file, gridHtml(grid)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) throw new ConfigError(`--html ${html}: there is no such folder`, { hint: 'make it first' })
    if (isErrno(error, 'EISDIR')) throw new ConfigError(`--html ${html} is a folder`, { hint: 'name a file in it' })
    throw refusedByDisk(error, file)
  })
  const count = grid.partitions.length
  return {
    text: `${file}: ${formatMany(count, 'partition')}`,
    json: { ...grid, html: file },
    exitCode: 0,
  }
}

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

function details(found: PipelineStatus, color: boolean, width: number | undefined): string {
  const units = [...(found.shared ? [{ partition: '(shared)', ...found.shared }] : []), ...found.partitions]
  if (units.length === 0) return headline(found, color)
  const rows = units.map(({ partition, state, at, error }) => [
    partition,
    found.stale?.partitions.includes(partition) ? `${state}, stale` : state,
    at ?? '-',
    error ?? '-',
  ])
  return `${headline(found, color)}\n\n${table([{ name: 'partition' }, { name: 'state' }, { name: 'at' }, { name: 'error' }], rows, { maxCell: 80, ...(width !== undefined && { width }) })}`
}
