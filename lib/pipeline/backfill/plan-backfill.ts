import { lookingPlace } from '../look/looking.ts'
import type { Project } from '../project.ts'
import type { BackfillPlan } from '../report.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { type BudgetOptions, divide } from './budget.ts'
import { candidatesOf } from './candidates.ts'
import { type Selection, select } from './select.ts'

/** What a backfill would run, in which order, and why, without running anything or asking a source. @throws ConfigError as `backfill` does */
export async function planBackfill(project: Project, name: string, options: Selection & BudgetOptions): Promise<BackfillPlan> {
  await using place = await lookingPlace(project.config.state)
  const { session, close } = await openSession(project, name, LOOKING)
  try {
    using ledger = place.ledger()
    const now = project.clock(name).now()
    const chosen = select(session.pipeline.definition, options, await candidatesOf(session, ledger, now), now)
    const { jobs, memoryBytes, threads } = divide(project.config.limits, options, chosen.length)
    return {
      pipeline: name,
      profile: project.config.profile,
      partitions: chosen.map(({ partition, why }) => ({ partition: partition.name, why })),
      ...{ jobs, memoryBytes, threads },
    }
  } finally {
    await close()
  }
}
