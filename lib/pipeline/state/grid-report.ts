import type { Stage } from '../../core/errors.ts'
import type { TimeUnit } from '../define/partitions.ts'

/**
 * How something of a partition stands. `missing`: nothing of it is there. `due`: it is there, but not whole, or not from what landed last. `running`: a living run is at work on it. `failed`: it is not done, and its last attempt failed.
 * `quarantined`: it was made and set aside, and waits for a person: a delivery that its gate holds. `stale`: done, by other code than today's. `open`: its window has not ended.
 */
export type GridState = 'missing' | 'due' | 'running' | 'done' | 'failed' | 'quarantined' | 'stale' | 'open'

/** One stage's work on one dataset. The state is of the commit points; figures, attempts and error are what the ledger remembers. */
export interface GridCell {
  readonly stage: Stage
  readonly dataset: string
  /** Table or path, for load and export. */
  readonly target?: string
  readonly state: GridState
  /** A load's content hash, a dataset's hash, a target's input key. */
  readonly inputKey?: string
  readonly rows?: number
  readonly bytes?: number
  readonly ms?: number
  readonly inputRows?: number
  readonly inputBytes?: number
  readonly peakBytes?: number
  readonly spilledBytes?: number
  readonly attempts?: number
  /** UTC, ISO 8601. */
  readonly at?: string
  readonly run?: string
  readonly error?: string
}

export interface GridPartition {
  /** '' for what the partitions share. */
  readonly partition: string
  readonly state: GridState
  /** The stages that the pipeline has. */
  readonly stages: Partial<Readonly<Record<Stage, GridState>>>
  /** When it was last settled; of one that is running since when. */
  readonly at?: string
  readonly run?: string
  readonly attempts?: number
  readonly error?: string
  /** Of its steps together, as last done. */
  readonly ms?: number
  /** The highest of its steps. */
  readonly peakBytes?: number
  readonly datasets: readonly GridCell[]
}

export interface PipelineGrid {
  readonly pipeline: string
  readonly profile: string
  /** The pipeline's clock: UTC, ISO 8601. */
  readonly at: string
  /** Absent where partitions are keys, or there are none. */
  readonly unit?: TimeUnit
  readonly stages: readonly Stage[]
  readonly counts: Readonly<Record<GridState, number>>
  /** What the partitions share; absent where there is nothing. */
  readonly shared?: GridPartition
  /** In their order. */
  readonly partitions: readonly GridPartition[]
}

/** What needs a person's look first comes first. */
export const GRID_STATES: readonly GridState[] = ['running', 'failed', 'quarantined', 'due', 'missing', 'stale', 'open', 'done']

/** How several stand as one: as the one that needs a look first; what is there in part is due. None: undefined. */
export function worstOf(states: Iterable<GridState>): GridState | undefined {
  const all = new Set(states)
  const worst = GRID_STATES.find((state) => all.has(state))
  return worst === 'missing' && all.size > 1 ? 'due' : worst
}
