import type { Store } from '../../connectors/store.ts'
import type { RunContext } from '../../core/context.ts'
import { messageOf, NotFound, PermanentError } from '../../core/errors.ts'
import type { OpenEngine } from '../../engines/engine-pool.ts'
import type { Gate } from '../contract/gate-options.ts'
import type { DeliveryLayout } from '../layout.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { readJson } from '../objects.ts'
import { compareSides } from './compare.ts'
import { beyondGate } from './gate.ts'
import { putSample } from './sample.ts'
import type { Side } from './side.ts'
import { keyOfDelivery, withSides, zoneOf } from './with-sides.ts'

/** What is compared, and what is needed for it. */
export interface Judging {
  readonly gate: Gate
  readonly made: DeliveryManifest
  /** Key of the manifest of the last delivery. */
  readonly against: string
  readonly layout: DeliveryLayout
  readonly store: Store
  readonly ctx: Pick<RunContext, 'workspace' | 'limits' | 'signal'>
  readonly openEngine: OpenEngine
  /** The rows of what is delivered, where they are at hand; else they are read back. */
  readonly rows?: Side
}

/** In what a delivery is beyond its gate. */
export interface Verdict {
  /** A sentence each; none: it passes. */
  readonly beyond: readonly string[]
  /** Key of the rows that differ. */
  readonly sample: string | undefined
}

const PASSES: Verdict = { beyond: [], sample: undefined }

/**
 * Holds a delivery against the last one. Beyond the gate a sample of the rows that differ is written. A last delivery that cannot be read, or has not the key's columns, is none that anybody could be sure of: that is beyond
 * the gate, too.
 * @throws CheckError where the key names several rows
 */
export async function judge(judging: Judging): Promise<Verdict> {
  const { gate, made, against, layout, store, ctx, rows } = judging
  let last: DeliveryManifest | undefined
  try {
    last = (await readJson(store, against, 'DeliveryManifest'))?.value
  } catch (error) {
    return unreadable(error)
  }
  if (!last) return unreadable(new NotFound(`${against} is gone`))
  if (last.rows === 0) return PASSES
  const key = gate.key ?? keyOfDelivery(made)
  const missing = key.filter((name) => !last.contract.columns.some((column) => column.name === name))
  if (missing.length > 0)
    return { beyond: [`the last delivery has no ${missing.join(', ')}, by which rows are compared`], sample: undefined }
  const compare = { before: last, after: rows ?? made, zone: zoneOf(made), unreadable }
  return withSides(compare, judging, async (db, before, after) => {
    const comparison = await compareSides(db, before, after, key, ctx.signal)
    const beyond = beyondGate(gate, comparison)
    if (beyond.length === 0) return PASSES
    const name = (sha256: string) => layout.sample(made.inputKey, sha256)
    return { beyond, sample: await putSample({ db, before, after, comparison, name, store, ctx }) }
  })
}

/** What is gone or damaged cannot be compared; whatever else went wrong may go through later. */
function unreadable(error: unknown): Verdict {
  if (!(error instanceof NotFound || error instanceof PermanentError)) throw error
  return { beyond: [`the last delivery cannot be read: ${messageOf(error)}`], sample: undefined }
}
