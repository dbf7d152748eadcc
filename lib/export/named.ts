import type { Store } from '../connectors/store.ts'
import { PermanentError } from '../core/errors.ts'
import { isWaiting, readHeld } from './gate/held.ts'
import type { Latest } from './manifest.ts'
import { readJson } from './objects.ts'
import { lookAt } from './pointer.ts'
import type { PointerLayout } from './pointer-layout.ts'
import { setOf } from './set.ts'

/** What a pointer leads to. */
export interface Named {
  /** Keys of all objects: the pointer's own, manifests and files. */
  readonly keys: ReadonlySet<string>
  /** Runs that made the deliveries. */
  readonly runs: readonly string[]
}

/** What a pointer has said, newest first: what it says now, then what was kept of each earlier switch. */
export async function switches(store: Store, pointer: PointerLayout): Promise<readonly Latest[]> {
  const { latest } = await lookAt(store, pointer)
  if (!latest) return []
  const earlier: Latest[] = []
  for await (const key of store.list(`${pointer.folder}/switch-`)) {
    const n = pointer.switchOf(key)
    // That of the current one is left by a run that was killed before it switched.
    if (n === undefined || n >= latest.switch) continue
    const record = await readJson(store, key, 'Latest')
    if (record) earlier.push(record.value)
  }
  return [latest, ...earlier.sort((a, b) => b.switch - a.switch)]
}

/**
 * All objects that a pointer leads to: the current delivery, one that is held, one from which a person went back, and as many earlier ones as `keep` says with the current one.
 * @throws PermanentError for a record that a hand has changed
 */
export async function namedBy(store: Store, pointer: PointerLayout, keep: number): Promise<Named> {
  const history = await switches(store, pointer)
  const waiting = (await readHeld(store, pointer))?.held
  const held = isWaiting(waiting, history[0]) ? waiting : undefined
  const manifests = new Set([
    ...[...new Set(history.map(({ manifest }) => manifest))].slice(0, Math.max(1, keep)),
    ...[history[0]?.rolledBack?.manifest, held?.manifest].filter((key) => key !== undefined),
  ])
  const keys = new Set([pointer.latest, ...(held ? [pointer.held, ...held.samples] : [])])
  const runs: string[] = []
  for (const key of manifests) {
    keys.add(key)
    const made = await madeBy(store, key, history[0]?.dataset === null)
    for (const each of made?.keys ?? []) keys.add(each)
    if (made) runs.push(made.run)
  }
  return { keys, runs }
}

async function madeBy(
  store: Store,
  key: string,
  isSet: boolean,
): Promise<{ readonly keys: readonly string[]; readonly run: string } | undefined> {
  try {
    if (!isSet) {
      const manifest = (await readJson(store, key, 'DeliveryManifest'))?.value
      return manifest && { keys: manifest.files.map((file) => file.key), run: manifest.run.id }
    }
    const set = await setOf(store, key)
    return set && { keys: set.members.flatMap((member) => [member.manifest, ...member.files.map((file) => file.key)]), run: set.run.id }
  } catch (error) {
    // An earlier delivery of an earlier format: nobody can go back to it.
    if (error instanceof PermanentError) return undefined
    throw error
  }
}
