import { painter } from '../observe/color.ts'
import { errorText } from '../observe/error-report.ts'
import { runSummary } from '../observe/summary.ts'
import { columnsOf } from '../observe/table.ts'
import { zonedTime } from '../observe/zoned.ts'
import type { DueReport, ScheduleReport } from '../pipeline/report.ts'
import type { DueRun, DueRuns } from '../pipeline/schedule/run-due.ts'
import { brokenPipelines } from './broken-pipelines.ts'
import { scheduleCells } from './schedule-text.ts'

const NONE = "no pipeline has a schedule; give one, as schedule: '0 5 * * *'"

/** Pipelines with a schedule, a line each: due or not, since when, the next time. */
export function dueText(pipelines: readonly DueReport[], color: boolean): string {
  const paint = painter(color)
  if (pipelines.length === 0) return NONE
  const lines = columnsOf(
    pipelines.map(({ pipeline, schedule }) => [pipeline, schedule.due ? 'due' : 'done', ...scheduleCells(schedule)]),
  ).split('\n')
  return lines.map((line, i) => (pipelines[i]?.schedule.due ? paint('yellow', line) : line)).join('\n')
}

/** What `millrace run --due` did: each run's summary, what was left out and why. */
export function dueRunsText({ runs, waiting, broken }: DueRuns, color: boolean): string {
  const paint = painter(color)
  const blocks = [...runs.map((each) => dueRunText(each, color)), ...brokenPipelines(broken, color).lines]
  if (runs.length > 0 || (broken.length > 0 && waiting.length === 0)) return blocks.join('\n\n')
  const [soonest] = waiting
    .flatMap(({ pipeline, schedule }) => (schedule.next === undefined ? [] : [{ pipeline, ...schedule }]))
    .sort(byNext)
  const next = soonest?.next === undefined ? '' : `; next: ${soonest.pipeline} at ${zonedTime(soonest.next, soonest.zone)}`
  return [paint('green', waiting.length === 0 ? NONE : `nothing is due${next}`), ...blocks].join('\n\n')
}

function dueRunText(each: DueRun, color: boolean): string {
  const paint = painter(color)
  const name = paint('bold', each.pipeline)
  if (each.outcome === 'ran') return runSummary(each.report, { color })
  if (each.outcome === 'running') return `${name}: another scheduler is at work on it; left to that one`
  if (each.outcome === 'notRun') return `${name}: not run, the command was stopped`
  return `${name}: ${paint('red', 'failed')}\n  ${errorText(each.error).replaceAll('\n', '\n  ')}`
}

function byNext(a: ScheduleReport, b: ScheduleReport): number {
  return Date.parse(a.next ?? '') - Date.parse(b.next ?? '')
}
