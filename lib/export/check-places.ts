import { ConfigError } from '../core/errors.ts'
import type { Export } from './contract/export.ts'
import { type DeliveryLayout, deliveryLayout } from './layout.ts'

/** One export of a pipeline, and the dataset that it delivers. */
export interface PlacedExport {
  readonly dataset: string
  readonly export: Export<never>
  readonly partitioned: boolean
}

/** One export's objects, of one partition. */
interface Place extends PlacedExport {
  readonly partition: string | undefined
  readonly layout: DeliveryLayout
}

/** Stands for the partitions of time that no other path speaks of. */
const ANY = '{partition}'

/**
 * Refuses exports of one pipeline that would write over each other: two with the same folder of deliveries, a plain copy with the name of another's pointer, manifest or object, and a file with the name of another's
 * folder, which a disk cannot have both. `keys`: the partitions where they are keys; partitions of time may be any.
 * @throws ConfigError placed at stage and dataset, naming both
 */
export function checkPlaces(exports: readonly PlacedExport[], keys: readonly string[] | undefined): void {
  const names = keys ?? [ANY, ...new Set(exports.flatMap(({ export: { path } }) => timesIn(path)))]
  const places = exports.flatMap((each): Place[] =>
    (each.partitioned ? names : [undefined]).map((partition) => ({ ...each, partition, layout: deliveryLayout(each.export, partition) })),
  )
  const folders = new Map<string, Place>()
  checkSets(places)
  for (const place of places) {
    const { folder } = place.layout
    const other = folders.get(folder)
    if (other) throw sharesFolder(place, other)
    folders.set(folder, place)
  }
  const files = new Map<string, Place>()
  for (const place of places) {
    for (const file of filesOf(place)) {
      const other = files.get(file)
      if (other) throw collision(place, other, `would both write ${file}`)
      files.set(file, place)
    }
  }
  /** Of which delivery's folder a path may be an object. */
  const delivererOf = (path: string): Place | undefined => {
    const inside = folders.get(path.slice(0, path.lastIndexOf('/')))
    return inside?.layout.isDelivery(path) ? inside : undefined
  }
  for (const place of places) {
    const { plain, keptLast } = place.layout
    const deliverer = place.export.plain ? delivererOf(plain) : undefined
    if (deliverer) throw collision(place, deliverer, `would both write ${plain}`)
    for (const folder of ancestorsOf(keptLast)) {
      const other = files.get(folder) ?? delivererOf(folder)
      if (other) throw collision(place, other, `need a folder and a file of the name ${folder}, and a disk cannot have both`)
    }
  }
}

/** A named delivery has its folder for itself: no other pointer, and no other's objects in it. */
function checkSets(places: readonly Place[]): void {
  const sets = new Map(places.flatMap((place) => (isMember(place) ? [[place.layout.pointer.folder, place] as const] : [])))
  for (const place of places) {
    for (const folder of [
      place.layout.folder,
      ...ancestorsOf(place.layout.keptLast),
      ...(place.export.plain ? ancestorsOf(place.layout.plain) : []),
    ]) {
      const set = sets.get(folder)
      if (set && !(isMember(place) && place.layout.pointer.folder === folder && place.layout.folder !== folder))
        throw new ConfigError(
          `${said(place)} lies in the folder of the delivery "${set.export.delivery}"; give one another name`,
          placeOf(place),
        )
    }
    const set = place.export.plain ? sets.get(place.layout.plain) : undefined
    if (set) throw new ConfigError(`${said(place)} would be a file of the name of the delivery "${set.export.delivery}"`, placeOf(place))
  }
}

const isMember = (place: Place) => place.export.delivery !== undefined

function filesOf({ export: target, layout }: Place): readonly string[] {
  const own = target.delivery === undefined ? [layout.pointer.latest] : []
  return [...own, layout.keptLast, ...(target.plain ? [layout.plain] : [])]
}

/** All folders that a file is in. */
function ancestorsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
}

/** What of a path may be the name of a partition of time. */
function timesIn(path: string): readonly string[] {
  return path.match(/\d{4}(?:-\d{2}(?:-\d{2}(?:T\d{2})?)?)?/g) ?? []
}

function sharesFolder(place: Place, other: Place): ConfigError {
  const { path } = place.export
  if (path === other.export.path && place.partition === other.partition)
    return new ConfigError(`"${path}" is exported from both ${other.dataset} and ${place.dataset}`, placeOf(place))
  return collision(place, other, `would share the folder ${place.layout.folder}/ of their deliveries`)
}

function collision(place: Place, other: Place, what: string): ConfigError {
  return new ConfigError(`${said(place)} and ${said(other)} of ${other.dataset} ${what}; give one another name`, placeOf(place))
}

function said({ export: { path }, partition }: Place): string {
  return partition === undefined || partition === ANY ? `"${path}"` : `"${path}" for ${partition}`
}

function placeOf({ dataset }: Place) {
  return { stage: 'export', dataset } as const
}
