import { heldDeliveries } from '../deliver/held-deliveries.ts'
import { type EachPipeline, eachPipeline } from '../each-pipeline.ts'
import { lookingPlace } from '../look/looking.ts'
import { pendingNotices } from '../notice/pending-notices.ts'
import { type Project, statePaths } from '../project.ts'
import type { PipelineStatus } from '../report.ts'
import { checksPartitionsAlone } from '../run/checked.ts'
import { leftoverRows } from '../run/leftover-rows.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { isAlive } from '../run/workspace.ts'
import { scheduleState } from '../schedule/schedule-state.ts'
import { runningPartitions } from './running.ts'
import { sharedState } from './shared-state.ts'
import { staleReport } from './stale.ts'
import { partitionStates } from './states.ts'

/** How the partitions of one pipeline, or of all, and what they share stand: from the commit points, with what the ledger remembers of failures. Asks no source. */
export function status(project: Project, name?: string): Promise<EachPipeline<PipelineStatus>> {
  return eachPipeline(project, name, (each) => statusOf(project, each))
}

async function statusOf(project: Project, name: string): Promise<PipelineStatus> {
  await using place = await lookingPlace(project.config.state)
  const { session, close } = await openSession(project, name, LOOKING)
  try {
    using ledger = place.ledger()
    const remembered = new Map(ledger.partitions(name).map((row) => [row.partition, row]))
    const attempts = new Map(ledger.attempts(name).map((row) => [row.partition, row]))
    const { workspaces } = statePaths(project.config.state)
    const running = runningPartitions([...attempts.values()], workspaces)
    const [last] = ledger.runs(name, 1)
    const states = await partitionStates(session, project.clock(name).now())
    const stale = staleReport(
      name,
      states.map((each) => ({ partition: each.partition.name, stale: each.stale })),
    )
    const shared = await sharedState(session)
    const notices = await pendingNotices(session)
    const { schedule } = session.pipeline
    const sharedRow = remembered.get('')
    return {
      pipeline: name,
      profile: project.config.profile,
      partitions: states.map(({ partition, state, stale }) => {
        const row = remembered.get(partition.name)
        // A failed check leaves no trace in the commit points where nothing is made of what it checks.
        const failed = row?.state === 'failed' && (state !== 'done' || stale || checksPartitionsAlone(session.pipeline))
        const since = running.get(partition.name)?.since
        const tried = attempts.get(partition.name)?.attempts
        const at = since ?? row?.at
        return {
          partition: partition.name,
          state: since !== undefined ? 'running' : failed ? 'failed' : state,
          ...(at !== undefined && { at }),
          ...(tried !== undefined && { attempts: tried }),
          ...(failed && row.error !== undefined && { error: row.error }),
        }
      }),
      ...(stale && { stale }),
      ...(shared && {
        shared: {
          // A failed check leaves no trace in the commit points where nothing is made of what it checks.
          state: running.has('') ? 'running' : sharedRow?.state === 'failed' ? 'failed' : shared,
          ...(sharedRow && { at: sharedRow.at }),
          ...(sharedRow?.state === 'failed' && sharedRow.error !== undefined && { error: sharedRow.error }),
        },
      }),
      ...(notices.length > 0 && { notices }),
      warnings: [
        ...leftoverRows(session),
        ...(await heldDeliveries(
          session,
          states.flatMap(({ partition, state }) => (state === 'due' ? [partition.name] : [])),
        )),
      ],
      ...(last && {
        lastRun: { run: last.run, at: last.startedAt, outcome: last.outcome ?? (isAlive(workspaces, last.run) ? 'running' : 'killed') },
      }),
      ...(schedule && { schedule: await scheduleState(project, name, schedule) }),
    }
  } finally {
    await close()
  }
}
