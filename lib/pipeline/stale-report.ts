/**
 * What changed: a step's SQL, a frame, a function of SQL, a module (or the rest of pipeline.ts), a parameter, a contract or what else is said of an export, a table's disposition, a table's name (`renamed`: what it was), the content of an input, the
 * columns of a source, what is asked of it, a whole step; `unknown`: what it was is not recorded.
 */
export type ChangeKind =
  | 'sql'
  | 'frame'
  | 'function'
  | 'module'
  | 'parameter'
  | 'contract'
  | 'table'
  | 'renamed'
  | 'input'
  | 'columns'
  | 'request'
  | 'step'
  | 'unknown'

/** A dataset that comes out otherwise, and what is written of it. */
export interface Consequence {
  readonly dataset: string
  readonly targets: readonly {
    readonly stage: 'load' | 'export'
    /** Table or path. */
    readonly target: string
    /** Oldest first; empty for a target without partitions. */
    readonly partitions: readonly string[]
    /** It takes landed loads one by one: what is there stays as it was made; of a merge `run --force` applies all loads again. */
    readonly stays?: 'append' | 'merge'
  }[]
  /** What is computed from it, as far as it leads there. */
  readonly derived: readonly Consequence[]
}

/** One change, and what follows from it. */
export interface Cause {
  readonly kind: ChangeKind
  /** The step, function, module, parameter, path, table or dataset. */
  readonly name: string
  /** What of it changed; empty where the name says all. */
  readonly what: string
  /** Empty: what follows is known when the source has been read. */
  readonly follows: readonly Consequence[]
}

/** What is made of what has changed since: see `stalePlan`. */
export interface StaleReport {
  readonly pipeline: string
  readonly profile: string
  readonly causes: readonly Cause[]
  /** Partitions that are done and whose results would come out under another input key; made again when they are named. */
  readonly partitions: readonly string[]
  /** Those of them that the code of today has made, of inputs that are others by now: `status` and `plan`, which know stale by code alone, do not count them. */
  readonly byInputs: readonly string[]
  /** Partitions that are to be read again because of a change: every run takes them. */
  readonly due: readonly string[]
  /** Partitions that are done, stale ones among them. */
  readonly done: number
  /** Those that have ended and are not done: every run takes them. */
  readonly waiting: number
  /** Whether anything of what is done, or of what partitions share, has been made. */
  readonly made: boolean
  /** The command that makes the stale ones again; absent where there is none. */
  readonly again?: string
}
