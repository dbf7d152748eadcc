import type { Store } from '../../connectors/store.ts'
import type { RunContext } from '../../core/context.ts'
import { type ErrorPlace, GateError, NotFound, PreconditionFailed } from '../../core/errors.ts'
import { hashOf } from '../../core/hash.ts'
import type { Gate } from '../contract/gate-options.ts'
import type { Held } from '../manifest.ts'
import { putJson, recordOf, runOf, unchangedSince, won } from '../objects.ts'
import type { Pointed } from '../pointer.ts'
import type { PointerLayout } from '../pointer-layout.ts'
import { type HeldRecord, isWaiting, readHeld } from './held.ts'
import { HELD } from './held-message.ts'

/** A delivery before its switch, whose exports have gates. */
export interface Gated {
  readonly pipeline: string
  /** The export's path or the delivery's name, as the pipeline has it. */
  readonly path: string
  readonly partition: string | undefined
  readonly inputKey: string
  readonly pointer: PointerLayout
  readonly pointed: Pointed
  readonly gates: readonly Gate[]
  readonly store: Store
  readonly ctx: Pick<RunContext, 'run' | 'clock'>
  readonly place: ErrorPlace
}

/**
 * What is held at this pointer, to be given back to `hold` or `release`. A delivery of the same input that waits already is refused without looking at a row; not with `anew`.
 * @throws GateError for one that waits
 */
export async function refuseWaiting(gated: Gated, anew: boolean): Promise<HeldRecord | undefined> {
  const { store, pointer, pointed, inputKey, gates } = gated
  const record = await readHeld(store, pointer)
  if (anew || !record || !isWaiting(record.held, pointed.latest)) return record
  const { held } = record
  if (held.inputKey === inputKey && held.gate === hashOf(gates) && (await store.head(held.manifest))) throw gateError(held)
  return record
}

/**
 * Records that a delivery waits for a person: the last one stays current.
 * @throws GateError, always: what is beyond the gate, and how it is accepted; OutrunError where another run has held one meanwhile
 */
export async function hold(
  gated: Gated,
  before: HeldRecord | undefined,
  {
    made,
    beyond,
    samples,
  }: {
    readonly made: { readonly key: string; readonly sha256: string }
    readonly beyond: readonly string[]
    readonly samples: readonly string[]
  },
): Promise<never> {
  const { pipeline, path, partition, inputKey, pointer, pointed, gates, store, ctx, place } = gated
  const held = await recordOf('Held', {
    ...{ format: 1, pipeline, path, partition: partition ?? null, inputKey, manifest: made.key },
    ...{ against: pointed.latest?.manifest ?? '', gate: hashOf(gates), beyond, samples },
    run: { ...runOf(ctx), manifestSha256: made.sha256 },
  })
  await won(place, () => putJson(store, pointer.held, held, unchangedSince(before?.info)))
  throw gateError(held)
}

/** Takes away the record of a delivery that waits no more. One that somebody else has written since is theirs. */
export async function release(store: Store, pointer: PointerLayout, record: HeldRecord | undefined): Promise<void> {
  if (!record) return
  await store.delete(pointer.held, { ifVersion: record.info.version }).catch((error: unknown) => {
    if (!(error instanceof PreconditionFailed || error instanceof NotFound)) throw error
  })
}

function gateError(held: Held): GateError {
  const sample = held.samples.length > 0 ? `look at ${held.samples.join(', ')}; ` : ''
  return new GateError(`${HELD}, which stays: ${held.beyond.join('; ')}`, {
    hint: `${sample}if it is right: ${acceptCommand(held)}`,
  })
}

/** The command line that lets a delivery through. */
export function acceptCommand({ pipeline, path, partition }: Pick<Held, 'pipeline' | 'path' | 'partition'>): string {
  return `millrace deliver accept ${pipeline} ${shellWord(path)}${partition === null ? '' : ` --partition ${shellWord(partition)}`} --reason '…'`
}

function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
