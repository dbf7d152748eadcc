import { readdir } from 'node:fs/promises'
import { pinnedNow } from '../../config/load.ts'
import { type RunRecord, readRunRecord } from '../../observe/record.ts'
import type { BoundSchedule } from '../define/schedule.ts'
import { type Project, statePaths } from '../project.ts'
import type { ScheduleReport } from '../report.ts'

const DAY_MS = 86_400_000

/**
 * How a pipeline stands by its schedule: due where no whole run that began at its last scheduled time or later has succeeded. Run records say so, not the ledger, so that it may be deleted. However many times
 * were missed, one run makes up for them. A record of a time that has not come yet, from before the clock was set back, does not count.
 */
export async function scheduleState(project: Project, pipeline: string, schedule: BoundSchedule): Promise<ScheduleReport> {
  const now = project.clock(pipeline).now()
  const [last, next] = [schedule.last(now), schedule.next(now)]
  const { config } = project
  // Runs are named by the machine's clock. A day more, since that may have been set back; a pinned clock says nothing of it.
  const since = pinnedNow(config, pipeline) ? '' : stampOf(new Date(last.getTime() - DAY_MS))
  const names = (await readdir(statePaths(config.state).runs).catch(() => [])).filter((name) => name >= since).sort()
  let found: RunRecord | undefined
  for (const name of names.reverse()) {
    const record = await readRunRecord(config.state, name)
    if (record?.pipeline !== pipeline || record.scheduled === undefined) continue
    const scheduled = new Date(record.scheduled)
    if (!(scheduled >= last && scheduled <= now)) continue
    found = record.exitCode === 0 ? record : (found ?? record)
    if (record.exitCode === 0) break
  }
  return {
    ...{ cron: schedule.cron, zone: schedule.zone, last: last.toISOString() },
    ...(next && { next: next.toISOString() }),
    due: found?.exitCode !== 0,
    ...(found && { run: { run: found.run, endedAt: found.endedAt, outcome: found.outcome, exitCode: found.exitCode } }),
  }
}

/** How the name of a run that begins at an instant begins. */
function stampOf(instant: Date): string {
  return instant.toISOString().replace(/[-:.Z]/g, '')
}
