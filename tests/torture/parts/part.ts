import type { Trial } from '../trial.ts'

/** How much is tried, and with which seed. */
export interface Settings {
  readonly seed: number
  /** The form for `make test`: a sample of everything. */
  readonly short: boolean
  /** Told of each trial that has ended. */
  readonly progress: (trial: Trial) => void
}
