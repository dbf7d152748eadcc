import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import { type ErrorPlace, TransientError } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import { openDuckDB } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { judgedOf, judgeSet } from './gate/judge-set.ts'
import type { MadeDelivery } from './make-delivery.ts'
import type { SetManifest, SetMember } from './manifest.ts'
import { createManifest } from './manifests.ts'
import { anotherDelivery, exportError, headsOf, readJson, recordOf, runOf } from './objects.ts'
import { settlePlain } from './plain-copy.ts'
import { lookAt, switchPointer } from './pointer.ts'
import type { PointerLayout } from './pointer-layout.ts'
import { setOf } from './set.ts'
import type { Staged } from './stage.ts'

/** A named delivery, and what is to be new in it. */
export interface SetRequest {
  readonly pipeline: string
  /** Its name as the pipeline has it, with `{partition}`. */
  readonly delivery: string
  /** undefined: one for all partitions. */
  readonly partition: string | undefined
  readonly pointer: PointerLayout
  /** Paths of all exports that are part of it: what it holds of others is left out. */
  readonly paths: readonly string[]
  readonly staged: readonly Staged[]
  /** Compare anew what is held already. */
  readonly force?: boolean
  /** Who is told of the switch. */
  readonly notify: readonly string[]
}

/** What became of a named delivery. */
export interface SetReceipt {
  /** `mended`: the same was current already, and plain copies were brought to it. */
  readonly outcome: 'delivered' | 'mended' | 'unchanged'
  readonly rows: number
  readonly files: number
  readonly manifest: string | undefined
}

/**
 * Commits all that was staged of a named delivery as one: a manifest of what it holds, old and new, then the one switch of its `latest.json`, then the plain copies. The caller holds the delivery's lock; between
 * machines the switch's precondition decides. A member that is beyond its contract's gate holds all.
 * @throws GateError where it is held; OutrunError where another run has switched to other rows of what was staged meanwhile; then nothing is switched
 */
export async function switchSet(
  request: SetRequest,
  store: Store,
  ctx: RunContext,
  openEngine: OpenEngine = openDuckDB,
): Promise<SetReceipt> {
  const place: ErrorPlace = {
    stage: 'export',
    pipeline: request.pipeline,
    file: request.pointer.latest,
    ...(request.partition !== undefined && { partition: request.partition }),
  }
  try {
    return await settle(request, { store, ctx, openEngine, place })
  } catch (error) {
    throw exportError(error, place)
  }
}

/** What a switch works with. */
interface Switching {
  readonly store: Store
  readonly ctx: RunContext
  readonly openEngine: OpenEngine
  readonly place: ErrorPlace
}

async function settle(request: SetRequest, { store, ctx, openEngine, place }: Switching): Promise<SetReceipt> {
  const { pipeline, delivery, partition, pointer, staged, notify } = request
  await store.sweep?.(`${pointer.folder}/`)
  const pointed = await lookAt(store, pointer)
  const held = pointed.latest && (await setOf(store, pointed.latest.manifest))
  const members = merged(request, held?.members ?? [], place)
  if (members.length === 0) return { outcome: 'unchanged', rows: 0, files: 0, manifest: undefined }
  const inputKey = hashOf(members.map((each) => [each.path, each.partition, each.inputKey]))
  const shas = { ...held?.run.manifests, ...Object.fromEntries(staged.flatMap(({ made }) => (made ? [[made.key, made.sha256]] : []))) }
  const manifest: SetManifest = await recordOf('SetManifest', {
    ...{ format: 1, pipeline, delivery, partition: partition ?? null, members, inputKey },
    rows: members.reduce((sum, each) => sum + each.rows, 0),
    run: { ...runOf(ctx), manifests: Object.fromEntries(members.map((each) => [each.manifest, shas[each.manifest]])) },
  })
  const key = await keyOf(pointer, manifest, store)
  for (const path of leftOut(held?.members ?? [], request.paths))
    ctx.emit({
      type: 'warning',
      stage: 'export',
      message: `"${path}" is no longer part of the delivery "${delivery}": it goes with this switch`,
    })
  const manifestSha256 = await createManifest(store, key, 'SetManifest', manifest)
  for (const { made } of staged) if (made) await requireThere(store, made)
  const judged = judgedOf(staged, held?.members ?? [])
  const gated = {
    pipeline,
    path: delivery,
    partition,
    inputKey,
    pointer,
    pointed,
    gates: judged.map(({ gate }) => gate),
    store,
    ctx,
    place,
  }
  const set = { key, sha256: manifestSha256 }
  const release = await judgeSet(judged, set, gated, { ctx, openEngine, anew: request.force ?? false })
  const next = { pipeline, dataset: null, path: delivery, partition: partition ?? null, inputKey, manifest: key, manifestSha256, notify }
  const switched = await switchPointer({ store, ctx, place }, pointer, pointed, next)
  let copied = false
  for (const each of staged) {
    const { made, layout, before } = each
    if (!made) continue
    const copying = { request: each, layout, before, store, place: { ...place, dataset: each.dataset } }
    if ((await settlePlain(copying, made.key, made.manifest.files[0])).changed) copied = true
  }
  await release()
  const files = members.reduce((sum, each) => sum + each.files.length, 0)
  return { outcome: switched ? 'delivered' : copied ? 'mended' : 'unchanged', rows: manifest.rows, files, manifest: key }
}

/** By what it holds; by the members' own manifests too, where one of them was lost and written again, and the set that names the first is there. */
async function keyOf(pointer: PointerLayout, { inputKey, members, run }: SetManifest, store: Store): Promise<string> {
  const names = members.map((each) => each.manifest)
  const key = pointer.manifest(inputKey, hashOf(names))
  const there = await readJson(store, key, 'SetManifest')
  const same = !there || names.every((name) => there.value.run.manifests[name] === run.manifests[name])
  return same ? key : pointer.manifest(inputKey, hashOf(names.map((name) => [name, run.manifests[name]])))
}

/** Paths of what a delivery holds and is no longer to hold. */
export function leftOut(held: readonly SetMember[], paths: readonly string[]): readonly string[] {
  return [...new Set(held.map(({ path }) => path))].filter((path) => !paths.includes(path))
}

/** What a set names is there: only `prune` takes away what was staged, and under the same lock. */
async function requireThere(store: Store, { key, manifest }: MadeDelivery): Promise<void> {
  const objects = [{ key }, ...manifest.files]
  const heads = await headsOf(store, objects)
  const gone = objects.find((_, i) => !heads[i])?.key
  if (gone !== undefined)
    throw new TransientError(`${gone} is gone: something has removed it since it was staged`, {
      file: gone,
      hint: 'run again: it is made again',
    })
}

/** What the delivery is to hold, by path and partition. */
function merged({ paths, staged }: SetRequest, held: readonly SetMember[], place: ErrorPlace): SetMember[] {
  const idOf = (path: string, partition: string | null) => `${path}\0${partition ?? ''}`
  const members = new Map(held.filter(({ path }) => paths.includes(path)).map((each) => [idOf(each.path, each.partition), each]))
  for (const { export: target, partition, made, before, inputKey } of staged) {
    if (!made) continue
    const id = idOf(target.path, partition ?? null)
    const now = members.get(id)
    if (now?.inputKey !== before.last?.inputKey && now?.inputKey !== inputKey) throw anotherDelivery(place)
    const { format: _, run: __, ...delivered } = made.manifest
    members.set(id, { ...delivered, manifest: made.key })
  }
  return [...members.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, member]) => member)
}
