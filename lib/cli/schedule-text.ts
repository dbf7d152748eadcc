import { zonedTime } from '../observe/zoned.ts'
import type { ScheduleReport } from '../pipeline/report.ts'

/** Expression, last time, next time, and the run that stands for the last one. */
export function scheduleCells(schedule: ScheduleReport): string[] {
  const { cron, zone, last, next, due, run } = schedule
  return [
    `${cron} (${zone})`,
    `since ${zonedTime(last, zone)}`,
    next === undefined ? 'no next time' : `next ${zonedTime(next, zone)}`,
    run === undefined ? 'not run since' : `${due ? 'last run' : 'run'} ${run.run} ${run.outcome}${due ? ` (exit ${run.exitCode})` : ''}`,
  ]
}

/** A pipeline's schedule in one line, for plan and status. */
export function scheduleText(schedule: ScheduleReport): string {
  const [cron = '', ...rest] = scheduleCells(schedule)
  return `schedule ${cron}: ${schedule.due ? 'due' : 'done'} ${rest.join('; ')}`
}
