import type { Clock } from './clock.ts'
import type { Stage } from './errors.ts'

/** What a run may use. */
export interface Limits {
  /** DuckDB's `memory_limit` for each engine instance: four fifths of the run's memory. */
  readonly memoryBytes: number
  /** Threads for each engine instance. */
  readonly threads: number
  /** The reader child is killed beyond this resident size. */
  readonly readerMemoryBytes: number
  /** The reader child is killed when one read takes longer. */
  readonly readerTimeoutMs: number
}

interface Happening {
  readonly dataset?: string
  /** The partition that is landed, where a look-back lands an earlier one than the context's. */
  readonly of?: string
}

interface StageBegan extends Happening {
  readonly type: 'stage'
  readonly phase: 'start'
  readonly stage: Stage
  readonly target?: string
}

interface StageEnded extends Happening {
  readonly type: 'stage'
  readonly phase: 'end'
  readonly stage: Stage
  readonly target?: string
  readonly rows?: number
  readonly bytes?: number
  /** What it read, as far as that is known: rows, and bytes of their files. */
  readonly inputRows?: number
  readonly inputBytes?: number
  /** What its result is of: a load's content hash, a dataset's hash, a target's input key. */
  readonly inputKey?: string
  /** Keys of the objects that it committed, or paths of the files that it made. */
  readonly files?: readonly string[]
  /** How the rows add up. land: `read` = rows + `unchanged` + `superseded`, and keys that are `gone`; load: the dataset's = rows + `superseded`, and what was `removed`. */
  readonly counts?: Readonly<Record<string, number>>
  readonly ms: number
  /** `done`, or why nothing was done. `stopped`: the run was interrupted (a stage says `failed`, its context's `emit` knows better), or the stage beside it has failed. */
  /** `staged`: part of a named delivery that has not been switched yet. */
  readonly outcome: 'done' | 'staged' | 'unchanged' | 'skipped' | 'failed' | 'stopped'
}

interface StageProgress extends Happening {
  readonly type: 'progress'
  readonly stage: Stage
  readonly target?: string
  readonly rows?: number
  /** Rows that there are to go through. */
  readonly totalRows?: number
  readonly bytes?: number
}

interface Retried extends Happening {
  readonly type: 'retry'
  readonly stage: Stage
  readonly attempt: number
  readonly delayMs: number
  readonly reason: string
}

interface Warned extends Happening {
  readonly type: 'warning'
  readonly stage?: Stage
  readonly message: string
}

interface Noticed extends Happening {
  readonly type: 'notice'
  readonly stage: Stage
  /** Who has been told. */
  readonly receiver: string
  /** Key of the pointer that was switched. */
  readonly target: string
  readonly switch: number
  readonly id: string
  readonly ms: number
}

interface UnitBegan extends Happening {
  readonly type: 'unit'
  readonly phase: 'start'
  /** From 1. */
  readonly attempt: number
}

interface UnitEnded extends Happening {
  readonly type: 'unit'
  readonly phase: 'end'
  /** `again`: it failed, and is tried again. `held`: another run is at work on it, and it is looked at again. */
  readonly outcome: 'done' | 'unchanged' | 'open' | 'failed' | 'stopped' | 'notRun' | 'again' | 'held'
  readonly attempt: number
  readonly ms: number
  /** Rows that it has loaded or delivered. */
  readonly rows?: number
  /** Why, where it failed. */
  readonly reason?: string
}

interface Standing extends Happening {
  readonly type: 'standing'
  /** Partitions that have ended, one way or the other. */
  readonly ended: number
  readonly failed: number
  readonly total: number
  /** Milliseconds that the rest will take at the pace so far; absent while nothing is known of it. */
  readonly leftMs?: number
  /** Resident memory of all processes of the run. */
  readonly rssBytes: number
}

/** Something that happened, for logs, progress and the run record. Never holds a secret; never holds data but counts. */
export type RunEvent = StageBegan | StageEnded | StageProgress | Retried | Warned | Noticed | UnitBegan | UnitEnded | Standing

/** What every stage is given: nothing else reaches it from the outside. */
export interface RunContext {
  readonly pipeline: string
  readonly run: string
  /** The partition at work; absent for a pipeline's shared datasets. */
  readonly partition?: string
  readonly clock: Clock
  /** Aborted when the run must stop: a stage leaves nothing half-written and throws the signal's reason. */
  readonly signal: AbortSignal
  /** A folder of this run alone, on the disk of the profile's state; swept when its run is gone. */
  readonly workspace: string
  /** The run's own folder, where that is another one: it outlives those of its units. */
  readonly runFolder?: string
  readonly limits: Limits
  /** Somebody looks on while it happens: only then is it worth finding out how far a stage is. */
  readonly live?: boolean
  emit(event: RunEvent): void
}
