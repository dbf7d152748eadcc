import type { Stage } from '../../core/errors.ts'
import type { CellRow } from '../../state/ledger-rows.ts'
import { hasPartitions, targetName } from '../define/bind.ts'
import { partitionsUntil } from '../define/partitions.ts'
import { waitingDeliveries } from '../deliver/held-deliveries.ts'
import { lookingPlace } from '../look/looking.ts'
import { type Project, statePaths } from '../project.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { extractedOf, type Session } from '../run/session.ts'
import { type CommittedCell, committedCells, planCells } from './grid-cells.ts'
import { GRID_STATES, type GridCell, type GridPartition, type GridState, type PipelineGrid, worstOf } from './grid-report.ts'
import { type Remembered, remembered } from './remembered.ts'
import { sharedState } from './shared-state.ts'

const STAGES: readonly Stage[] = ['extract', 'land', 'transform', 'check', 'load', 'export']
/** Partitions that are looked at side by side: what takes time is waiting for the disk, or a bucket. */
const BESIDE = 16

/** How every dataset of every partition of a pipeline stands: states from the commit points, with the figures and failures that the ledger remembers. Asks no source. @throws ConfigError for a pipeline that is none, or is wrong */
export async function gridOf(project: Project, name: string): Promise<PipelineGrid> {
  await using place = await lookingPlace(project.config.state)
  const { session, close } = await openSession(project, name, LOOKING)
  try {
    using ledger = place.ledger()
    const known = remembered(ledger, name, statePaths(project.config.state).workspaces)
    const now = project.clock(name).now()
    const { partition: cut } = session.pipeline.definition
    const all = cut && hasPartitions(session.pipeline) ? partitionsUntil(cut, now) : []
    const waiting = await waitingDeliveries(
      session,
      all.map((each) => each.name),
    )
    const held = new Set(waiting.flatMap(({ partition = '', paths }) => paths.map((path) => `${partition}\0${path}`)))
    const plan = planCells(session)
    const partitions: GridPartition[] = []
    for (let i = 0; i < all.length; i += BESIDE)
      partitions.push(
        ...(await Promise.all(
          all.slice(i, i + BESIDE).map(async (each) => {
            const open = each.window !== undefined && each.window.end > now
            return settled(each.name, await committedCells(session, plan, each), known, held, open)
          }),
        )),
      )
    const shared = await sharedOf(session, known, held)
    const seen = new Set([...partitions, ...(shared ? [shared] : [])].flatMap(({ datasets }) => datasets.map(({ stage }) => stage)))
    return {
      pipeline: name,
      profile: project.config.profile,
      at: now.toISOString(),
      ...(cut?.by === 'time' && { unit: cut.unit }),
      stages: STAGES.filter((stage) => seen.has(stage)),
      counts: countsOf(partitions),
      ...(shared && { shared }),
      partitions,
    }
  } finally {
    await close()
  }
}

/** What the commit points say of a partition, with what is remembered of it. */
export function settled(
  partition: string,
  committed: readonly CommittedCell[],
  known: Remembered,
  held: ReadonlySet<string>,
  open: boolean,
): GridPartition {
  const row = known.partitions.get(partition)
  const attempt = known.attempts.get(partition)
  const since = known.running.get(partition)
  const own = known.cells.get(partition) ?? new Map<string, CellRow>()
  const cells = committed.flatMap((each): GridCell[] => {
    const memory = own.get([each.stage, each.dataset, each.target ?? ''].join('\0'))
    // A step that became part of another one's statement: nothing of its own was ever seen of it.
    if (each.stage === 'transform' && memory === undefined && own.size > 0) return []
    const state = stateOf(each, { memory, open, running: since !== undefined, held: held.has(`${partition}\0${each.target}`) })
    return [
      {
        ...figuresOf(memory),
        ...defined(each),
        state,
        ...((state === 'failed' || state === 'quarantined') && memory?.error && { error: memory.error }),
      },
    ]
  })
  const stages = Object.fromEntries(
    [...Map.groupBy(cells, ({ stage }) => stage)].map(([stage, of]) => [stage, worstOf(of.map(({ state }) => state))]),
  )
  const worst = worstOf(cells.map(({ state }) => state)) ?? 'missing'
  const state = since !== undefined ? 'running' : row?.state === 'failed' && worst !== 'done' && worst !== 'quarantined' ? 'failed' : worst
  const at = since?.since ?? row?.at
  const run = since?.run ?? row?.run
  return {
    partition,
    state,
    stages,
    ...(at !== undefined && { at }),
    ...(run !== undefined && { run }),
    ...(attempt && { attempts: attempt.attempts }),
    ...((state === 'failed' || state === 'quarantined') && row?.error !== undefined && { error: row.error }),
    ...totalsOf(cells),
    datasets: cells,
  }
}

interface Circumstances {
  readonly memory: CellRow | undefined
  readonly open: boolean
  readonly running: boolean
  readonly held: boolean
}

function stateOf({ state }: CommittedCell, { memory, open, running, held }: Circumstances): GridState {
  // What nothing is made of leaves no trace but in the ledger.
  const there = state ?? (memory === undefined ? 'missing' : 'done')
  const failed = memory?.outcome === 'failed' && (state === undefined || there !== 'done')
  if (running && there !== 'done') return 'running'
  if (held) return 'quarantined'
  if (failed) return 'failed'
  return open ? 'open' : there
}

/** What partitions share: how it stands as a whole, and which of its steps failed last. What was never run has the cells that it will have. */
async function sharedOf(session: Session, known: Remembered, held: ReadonlySet<string>): Promise<GridPartition | undefined> {
  const state = await sharedState(session)
  if (state === undefined) return undefined
  const memory = [...(known.cells.get('')?.values() ?? [])]
  const cells =
    memory.length > 0
      ? memory.map(
          ({ stage, dataset, target, outcome }): CommittedCell => ({
            ...{ stage: stage as Stage, dataset, ...(target !== '' && { target }) },
            state: outcome === 'failed' ? undefined : state,
          }),
        )
      : [
          ...extractedOf(session, false).flatMap((dataset): CommittedCell[] => [
            { stage: 'extract', dataset, state },
            { stage: 'land', dataset, state },
          ]),
          ...session.pipeline.targets.flatMap((target): CommittedCell[] =>
            target.partitioned ? [] : [{ stage: target.stage, dataset: target.dataset, target: targetName(target), state }],
          ),
        ]
  const ordered = cells.toSorted((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage))
  return settled('', ordered, known, held, false)
}

function figuresOf(memory: CellRow | undefined): Partial<GridCell> {
  if (!memory) return {}
  const {
    pipeline: _,
    partition: _of,
    stage: _stage,
    dataset: _dataset,
    target: _target,
    outcome: _outcome,
    error: _error,
    ...rest
  } = memory
  return rest
}

/** The cell, without what is not known. */
function defined({ state: _, ...cell }: CommittedCell): Omit<CommittedCell, 'state'> {
  return cell
}

function totalsOf(cells: readonly GridCell[]): Pick<GridPartition, 'ms' | 'peakBytes'> {
  const times = cells.flatMap(({ ms }) => ms ?? [])
  const peaks = cells.flatMap(({ peakBytes }) => peakBytes ?? [])
  return {
    ...(times.length > 0 && { ms: times.reduce((sum, ms) => sum + ms, 0) }),
    ...(peaks.length > 0 && { peakBytes: Math.max(...peaks) }),
  }
}

function countsOf(partitions: readonly GridPartition[]): PipelineGrid['counts'] {
  const counts = Object.fromEntries(GRID_STATES.map((state) => [state, 0])) as Record<GridState, number>
  for (const { state } of partitions) counts[state]++
  return counts
}
