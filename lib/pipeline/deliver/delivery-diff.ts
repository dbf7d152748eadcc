import { stat } from 'node:fs/promises'
import { dirname, join, parse, resolve } from 'node:path'
import { ConfigError } from '../../core/errors.ts'
import { type Comparison, compareSides } from '../../export/gate/compare.ts'
import { isWaiting, readHeld } from '../../export/gate/held.ts'
import { writeSample } from '../../export/gate/sample.ts'
import { keyOfDelivery, withSides, zoneOf } from '../../export/gate/with-sides.ts'
import { requireWhole, type There } from '../../export/go-to.ts'
import type { DeliveryManifest, Held, Latest } from '../../export/manifest.ts'
import { switches } from '../../export/named.ts'
import { readJson } from '../../export/objects.ts'
import type { DeliveryDiff } from '../delivery-report.ts'
import type { Project } from '../project.ts'
import { LOOKING, type OpenSession, openSession } from '../run/open-session.ts'
import type { PointerPlaces } from '../tidy/prune-deliveries.ts'
import type { OneDelivery } from './deliver.ts'
import { goingTo, pointerNamed } from './pointer-of.ts'

/** What is compared with what; default the switch before with the current one, or the current one with what is held. */
export interface DiffChoice {
  readonly from?: number
  readonly to?: number
  /** Where rows that differ go, as Parquet. */
  readonly sample?: string
}

/**
 * Compares two deliveries that are there, by key.
 * @throws ConfigError where there are no two, or one is not whole any more
 */
export async function deliveryDiff(
  project: Project,
  { pipeline, signal, ...which }: OneDelivery,
  choice: DiffChoice,
): Promise<DeliveryDiff> {
  if (choice.sample !== undefined) await requireFolder(choice.sample)
  const open = await openSession(project, pipeline, LOOKING, { signal })
  const { session, context, workspace, close } = open
  try {
    const places = pointerNamed(session, project.clock(pipeline).now(), which)
    const { pointed, place } = await goingTo(session, places, context(places.partition, workspace.folder))
    const history = await switches(session.exports, places.pointer)
    const record = (await readHeld(session.exports, places.pointer))?.held
    const held = isWaiting(record, pointed.latest) ? record : undefined
    const [first, second] = chosen(history, held, choice)
    if (!first || !second)
      throw new ConfigError('there are no two deliveries to compare', {
        ...place,
        hint: `there are: ${history.map((each) => each.switch).join(', ')}; name two with --from and --to`,
      })
    const isSet = pointed.latest.dataset === null
    const whole = (each: Latest | Held) => requireWhole(session.exports, { ...each, manifestSha256: each.run.manifestSha256 }, isSet)
    const members = await pairs(open, await whole(first), await whole(second))
    const compared: DeliveryDiff['compared'][number][] = []
    const taken = new Set<string>()
    for (const [before, after] of members) {
      const sample = choice.sample === undefined ? undefined : isSet ? sampleOf(choice.sample, after, taken) : choice.sample
      const found = await compare(open, places, before, after, sample)
      compared.push({ path: after.path, partition: after.partition, ...found, ...(sample !== undefined && { sample }) })
    }
    return { name: places.name, partition: places.partition ?? null, from: numberOf(first), to: numberOf(second), compared }
  } finally {
    await close()
  }
}

async function requireFolder(file: string): Promise<void> {
  const folder = dirname(resolve(file))
  const found = await stat(folder).catch(() => undefined)
  if (!found?.isDirectory())
    throw new ConfigError(`there is no folder ${folder} for the sample`, { hint: 'make it, or name a file in another one' })
}

/** Where rows of one export and partition of a named delivery go, whose columns are their own: `rows.parquet` becomes `rows-revenue-2018-02.parquet`. */
export function sampleOf(file: string, { path, partition }: Pick<DeliveryManifest, 'path' | 'partition'>, taken: Set<string>): string {
  const { dir, name, ext } = parse(file)
  const own = path.replace(/\.[^./]*$/, '').replaceAll('{partition}', partition ?? '')
  const words = own.replaceAll(/[^\p{L}\p{N}._]+/gu, '-').replaceAll(/^-|-$/g, '')
  for (let n = 1; ; n++) {
    const candidate = join(dir, `${name}-${words}${n === 1 ? '' : `-${n}`}${ext}`)
    if (taken.has(candidate)) continue
    taken.add(candidate)
    return candidate
  }
}

function numberOf(each: Latest | Held): number | 'held' {
  return 'switch' in each ? each.switch : 'held'
}

function chosen(history: readonly Latest[], held: Held | undefined, { from, to }: DiffChoice): readonly (Latest | Held | undefined)[] {
  const at = (n: number) => history.find((each) => each.switch === n)
  if (from === undefined && to === undefined && held) return [history[0], held]
  const second = to === undefined ? history[0] : at(to)
  return [from === undefined ? second && history[history.indexOf(second) + 1] : at(from), second]
}

/** What both hold, of one export, or of each that a set has. */
async function pairs(
  { session }: OpenSession,
  before: There,
  after: There,
): Promise<readonly (readonly [DeliveryManifest, DeliveryManifest])[]> {
  if (!('members' in before.what) && !('members' in after.what)) return [[before.what, after.what]]
  const members = (there: There) => ('members' in there.what ? there.what.members : [])
  const own = async (key: string) => (await readJson(session.exports, key, 'DeliveryManifest'))?.value
  const found: (readonly [DeliveryManifest, DeliveryManifest])[] = []
  for (const member of members(after)) {
    const earlier = members(before).find(({ path, partition }) => path === member.path && partition === member.partition)
    if (!earlier || earlier.manifest === member.manifest) continue
    const [old, now] = [await own(earlier.manifest), await own(member.manifest)]
    if (old && now) found.push([old, now])
  }
  return found
}

async function compare(
  { session, context, workspace }: OpenSession,
  { members }: PointerPlaces,
  before: DeliveryManifest,
  after: DeliveryManifest,
  sample: string | undefined,
): Promise<Comparison> {
  const ctx = context(after.partition ?? undefined, workspace.folder)
  const gate = members.find((each) => each.export.path === after.path)?.export.contract.gate
  const key = gate?.key ?? keyOfDelivery(after)
  const missing = key.find((name) => [before, after].some(({ contract }) => !contract.columns.some((column) => column.name === name)))
  if (missing !== undefined)
    throw new ConfigError(`one of the two has no column "${missing}", by which rows are compared`, { stage: 'export', column: missing })
  const unreadable = (error: unknown): never => {
    throw error
  }
  const tools = { store: session.exports, ctx, openEngine: session.openEngine }
  return withSides({ before, after, zone: zoneOf(after), unreadable }, tools, async (db, old, now) => {
    const comparison = await compareSides(db, old, now, key, ctx.signal)
    if (sample !== undefined) await writeSample({ db, before: old, after: now, comparison, ctx }, resolve(sample))
    return comparison
  })
}
