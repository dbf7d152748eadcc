import { type Clock, elapsedMs, systemClock } from '../core/clock.ts'

export interface LockOptions {
  /** What the lock guards, for the error: `pipeline "quakes", partition 2018-02-04`. */
  readonly what: string
  readonly clock?: Clock
  readonly signal?: AbortSignal
  /** How long to wait for another holder. Default 0. */
  readonly waitMs?: number
}

export interface Lock extends Disposable {
  readonly path: string
  release(): void
}

export async function lock(_path: string, _options: LockOptions): Promise<Lock> {
  throw new Error('not built yet')
}
void elapsedMs
void systemClock
