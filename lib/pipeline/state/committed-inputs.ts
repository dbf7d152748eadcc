import type { Store } from '../../connectors/store.ts'
import { committedKeys } from '../../export/delivered.ts'
import type { Target } from '../define/bind.ts'
import type { TokenBook } from '../run/session.ts'

/** The input keys under which a target is committed: that of its table's token, or those of its delivery. `partition` undefined: what partitions share. */
export async function committedInputs(
  { tokens, exports }: { readonly tokens: TokenBook; readonly exports: Store },
  target: Target,
  partition: string | undefined,
): Promise<readonly string[]> {
  if (target.stage === 'export') return committedKeys(exports, target.export, partition)
  return [tokens.get(target.load.table, partition ?? '')?.inputKey].filter((key) => key !== undefined)
}
