import { accept } from '../../export/accept.ts'
import { isHeldMessage } from '../../export/gate/held-message.ts'
import { filesOf, type There } from '../../export/go-to.ts'
import { switches } from '../../export/named.ts'
import { rollBack } from '../../export/roll-back.ts'
import { openLedger } from '../../state/ledger.ts'
import { partitionCode } from '../define/input-key.ts'
import { partitionsUntil } from '../define/partitions.ts'
import type { SwitchedReport } from '../delivery-report.ts'
import { openNotices } from '../notice/notices.ts'
import { type Project, statePaths } from '../project.ts'
import { LOOKING, type OpenSession, openSession } from '../run/open-session.ts'
import { sweepDeadRuns } from '../run/sweep.ts'
import { partitionState } from '../state/states.ts'
import { goingTo, lockPointer, pointerNamed, type WhichDeliveries } from './pointer-of.ts'

/** One delivery that a person acts on. */
export interface OneDelivery extends WhichDeliveries {
  readonly pipeline: string
  readonly name: string
  readonly signal: AbortSignal
}

/**
 * Makes an earlier delivery current again.
 * @throws ConfigError where there is none, or it is not whole any more; TransientError while a run is at work on it
 */
export function rollback(
  project: Project,
  one: OneDelivery,
  how: { readonly to?: number; readonly reason: string },
): Promise<SwitchedReport> {
  return switching(project, one, async (open, places) => {
    const { session, context, workspace } = open
    const going = await goingTo(session, places, context(places.partition, workspace.folder))
    const history = await switches(session.exports, places.pointer)
    const there = await rollBack(going, history, { to: how.to, reason: how.reason })
    return { was: going.pointed.latest.switch, there }
  })
}

/**
 * Lets a held delivery through, or goes forward again after a rollback.
 * @throws ConfigError where nothing waits, or it is not whole any more; TransientError while a run is at work on it
 */
export function acceptHeld(project: Project, one: OneDelivery, reason: string): Promise<SwitchedReport> {
  return switching(project, one, async (open, places) => {
    const { session, context, workspace } = open
    const going = await goingTo(session, places, context(places.partition, workspace.folder))
    const there = await accept(going, reason)
    if (places.partition !== undefined) await rememberDone(project, open, places.partition)
    return { was: going.pointed.latest.switch, there }
  })
}

/** The ledger has the partition as held: where it is done now, no run would come by to say so. */
async function rememberDone(project: Project, { session, id }: OpenSession, name: string): Promise<void> {
  const { definition } = session.pipeline
  const now = project.clock(definition.name).now()
  const partition = definition.partition && partitionsUntil(definition.partition, now).find((each) => each.name === name)
  if (!partition || (await partitionState(session, partition, now)).state !== 'done') return
  using ledger = openLedger(statePaths(project.config.state).ledger)
  const row = ledger.partitions(definition.name).find((each) => each.partition === name)
  if (!isHeldMessage(row?.error)) return
  ledger.endPartition({
    ...{ run: row?.run ?? id, pipeline: definition.name, at: now, inputKey: partitionCode(session.pipeline, session.steps) },
    report: { partition: name, outcome: 'unchanged', ms: 0, steps: [] },
  })
}

async function switching(
  project: Project,
  { pipeline, signal, ...which }: OneDelivery,
  act: (open: OpenSession, places: ReturnType<typeof pointerNamed>) => Promise<{ readonly was: number; readonly there: There }>,
): Promise<SwitchedReport> {
  const open = await openSession(project, pipeline, LOOKING, { signal })
  const { session, close } = open
  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    using _held = await lockPointer(session, pointerNamed(session, project.clock(pipeline).now(), which), signal)
    return await work()
  }
  try {
    const places = pointerNamed(session, project.clock(pipeline).now(), which)
    await sweepDeadRuns(statePaths(project.config.state).workspaces, session)
    const notices = openNotices(session, project.config)
    const { was, there } = await locked(() => act(open, places))
    await notices.send(open.context(places.partition, open.workspace.folder), [places.pointer.folder])
    const told = notices.reports()
    return {
      ...{ pipeline, name: places.name, partition: places.partition ?? null },
      ...{ from: was, switch: was + 1, manifest: there.manifest, rows: there.what.rows, files: filesOf(there.what).length },
      ...(told.length > 0 && { notices: told }),
    }
  } finally {
    await close()
  }
}
