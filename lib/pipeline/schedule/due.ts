import { ConfigError } from '../../core/errors.ts'
import { loadPipeline } from '../define/load-definition.ts'
import { scheduleOf } from '../define/schedule.ts'
import { type EachPipeline, eachPipeline } from '../each-pipeline.ts'
import type { Project } from '../project.ts'
import type { DueReport } from '../report.ts'
import { scheduleState } from './schedule-state.ts'

/**
 * How one pipeline, or each that has a schedule, stands by it; those that have waited longest first. Reads pipeline files and run records: no connection, no landing.
 * @throws ConfigError where the one that is named has no schedule
 */
export async function due(project: Project, name?: string): Promise<EachPipeline<DueReport>> {
  const { pipelines, broken } = await eachPipeline(project, name, (each) => dueOf(project, each))
  const found = pipelines.flat()
  if (name !== undefined && found.length === 0)
    throw new ConfigError(`pipeline "${name}" has no schedule`, {
      pipeline: name,
      hint: `give it one, as schedule: '0 5 * * *'; or run it whenever you want: millrace run ${name}`,
    })
  return { pipelines: found.sort(byTime), broken }
}

async function dueOf(project: Project, name: string): Promise<readonly DueReport[]> {
  const { definition } = await loadPipeline(project.config.folder, name)
  const schedule = scheduleOf(definition)
  if (!schedule) return []
  return [{ pipeline: name, profile: project.config.profile, schedule: await scheduleState(project, name, schedule) }]
}

function byTime(a: DueReport, b: DueReport): number {
  return Number(b.schedule.due) - Number(a.schedule.due) || Date.parse(a.schedule.last) - Date.parse(b.schedule.last)
}
