import { thisMachine } from '../../config/limits.ts'
import { lookingPlace } from '../look/looking.ts'
import type { Project } from '../project.ts'
import type { BackfillPlan } from '../report.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { type BudgetOptions, divide } from './budget.ts'
import { candidatesOf } from './candidates.ts'
import { type EnduranceOptions, endurance } from './endurance.ts'
import { lastForecast, memoryPlan } from './memory-plan.ts'
import { type Selection, select } from './select.ts'

/** What a backfill would run, in which order, and why, without running anything or asking a source. @throws ConfigError as `backfill` does */
export async function planBackfill(
  project: Project,
  name: string,
  options: Selection & BudgetOptions & EnduranceOptions,
): Promise<BackfillPlan> {
  endurance(options)
  await using place = await lookingPlace(project.config.state)
  const begun = performance.now()
  const { session, context, workspace, close } = await openSession(project, name, LOOKING)
  const startSeconds = (performance.now() - begun) / 1000
  try {
    using ledger = place.ledger()
    const now = project.clock(name).now()
    const restated = options.stale ? context(undefined, workspace.folder) : undefined
    const chosen = select(session.pipeline.definition, options, await candidatesOf(session, ledger, now, restated), now)
    const budget = divide(project.config.limits, options, chosen.length)
    const { jobs, memoryBytes, threads } = budget
    const memory = memoryPlan(budget, ledger.cells(name), thisMachine().memoryBytes, startSeconds)
    const forecast = memory.total(chosen.map(({ partition }) => partition.name))
    const last = lastForecast(ledger, name)
    return {
      pipeline: name,
      profile: project.config.profile,
      partitions: chosen.map(({ partition, why }) => {
        const { seconds, peakBytes, bytesWritten } = memory.forecast(partition.name)
        return { partition: partition.name, why, ...(forecast && { forecast: { seconds, peakBytes, bytesWritten } }) }
      }),
      ...(forecast && { forecast }),
      ...(last && { lastForecast: last }),
      ...{ jobs, memoryBytes: Math.min(memoryBytes, memory.budget.wholeBytes), threads },
    }
  } finally {
    await close()
  }
}
