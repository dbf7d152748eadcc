import type { RunContext } from '../../core/context.ts'
import type { Target } from '../define/bind.ts'
import type { Partition } from '../define/partitions.ts'
import type { Made } from './made.ts'

/** Where a comparison puts what it makes, beside what is there: tables and deliveries stay as they are. `partition`, absent: of what partitions share. The caller holds its lock. */
export interface Aside {
  /** Forgets what earlier comparisons have left of it. */
  begin(partition: Partition | undefined): Promise<void>
  /** Takes what was made for one target, and compares it with what is there. */
  keep(target: Target, made: Made, partition: Partition | undefined, ctx: RunContext): Promise<void>
  /** From here on what was kept can be accepted, all of it or nothing. Gives whether there was anything. */
  end(partition: Partition | undefined, ctx: RunContext): Promise<boolean>
}
