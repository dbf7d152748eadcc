import type { Recipe } from '../../state/recipes.ts'
import type { LoadTarget } from '../define/bind.ts'
import { keyParts, readsAs } from '../define/input-key.ts'
import { codeRecipe, wholeDigits } from '../define/recipe.ts'
import type { Session } from '../run/session.ts'
import { codeChanges } from './changes.ts'

/** A table that the pipeline has made under another name. */
export interface RenamedTable {
  readonly target: LoadTarget
  /** The table that there is, which no target names any more. */
  readonly was: string
  /** Its partitions; `''`: it has none. */
  readonly partitions: readonly string[]
}

/** The tables that nothing is in yet, and that differ from one that the pipeline has made and names no more by their name alone, as far as recipes tell. */
export async function renamedTables({ pipeline, steps, tokens, recipes }: Session): Promise<readonly RenamedTable[]> {
  const loads = pipeline.targets.filter((target): target is LoadTarget => target.stage === 'load')
  const named = new Set(loads.map(({ load }) => load.table))
  const left = new Set(tokens.tables().filter((table) => !named.has(table)))
  const found: RenamedTable[] = []
  for (const target of loads) {
    if (left.size === 0 || tokens.partitionsOf(target.load.table).length > 0) continue
    const now = codeRecipe(pipeline, target, steps)
    for (const was of left) {
      const partitions = tokens.partitionsOf(was).filter((name) => (name !== '') === target.partitioned)
      const key = tokens.get(was, partitions.at(-1) ?? '')?.inputKey
      if (partitions.length === 0 || key === undefined) continue
      const digits = target.partitioned ? keyParts(key).code : wholeDigits(key)
      const before = digits === undefined ? undefined : await recipes.find(digits)
      if (!before || !isSameButName(before, now, target, key, pipeline)) continue
      left.delete(was)
      found.push({ target, was, partitions })
      break
    }
  }
  return found
}

function isSameButName(before: Recipe, now: Recipe, target: LoadTarget, key: string, pipeline: Session['pipeline']): boolean {
  const changes = codeChanges(before, now, target.load.table)
  if (changes.length !== 1 || changes[0]?.kind !== 'table' || changes[0].what !== 'table') return false
  // Rows that are loaded as they landed have no step: what they are of the key says.
  if (target.partitioned) return readsAs(key, pipeline, target)
  return Object.keys(now).some((group) => group.startsWith('step ')) || Object.hasOwn(before.inputs ?? {}, target.dataset)
}
