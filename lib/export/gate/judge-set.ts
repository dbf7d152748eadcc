import type { RunContext } from '../../core/context.ts'
import type { OpenEngine } from '../../engines/engine-pool.ts'
import { type Gate, limitsAnything } from '../contract/gate-options.ts'
import type { SetMember } from '../manifest.ts'
import type { Staged } from '../stage.ts'
import { type Gated, hold, refuseWaiting, release } from './hold.ts'
import { judge } from './verdict.ts'

/** What was staged of one member of a set that has a gate, and what the set holds of it. */
interface Judged {
  readonly staged: Staged
  readonly gate: Gate
  readonly now: SetMember
}

/** What was staged, beside what a set holds of it; only where a gate is to be asked. */
export function judgedOf(staged: readonly Staged[], held: readonly SetMember[]): readonly Judged[] {
  return staged.flatMap((each): Judged[] => {
    const { gate } = each.export.contract
    const now = held.find((member) => member.path === each.export.path && member.partition === (each.partition ?? null))
    return limitsAnything(gate) && now && each.made && each.made.key !== now.manifest ? [{ staged: each, gate, now }] : []
  })
}

/**
 * Asks the gate of each member, by what the store has of both; `anew`: also where the same is held already. One that is beyond holds the whole set. Gives what is to be called once the set is switched.
 * @throws GateError naming all members that are beyond their gates
 */
export async function judgeSet(
  judged: readonly Judged[],
  set: { readonly key: string; readonly sha256: string },
  gated: Gated,
  { ctx, openEngine, anew }: { readonly ctx: RunContext; readonly openEngine: OpenEngine; readonly anew: boolean },
): Promise<() => Promise<void>> {
  if (judged.length === 0) return async () => undefined
  const { store, pointer } = gated
  const record = await refuseWaiting(gated, anew)
  const [beyond, samples]: [string[], string[]] = [[], []]
  for (const { staged, gate, now } of judged) {
    if (!staged.made) continue
    const verdict = await judge({
      ...{ gate, made: staged.made.manifest, against: now.manifest, layout: staged.layout, store, ctx, openEngine },
    })
    const name = staged.layout.folder.slice(pointer.folder.length + 1)
    beyond.push(...verdict.beyond.map((sentence) => `${name}: ${sentence}`))
    if (verdict.sample !== undefined) samples.push(verdict.sample)
  }
  if (beyond.length > 0) return hold(gated, record, { made: set, beyond, samples })
  return () => release(store, pointer, record)
}
