import { ConfigError } from '../core/errors.ts'
import type { Export } from './contract/export.ts'
import { type DeliveryLayout, deliveryLayout } from './layout.ts'

/** One export of a pipeline, and the dataset that it delivers. */
export interface PlacedExport {
  /** Whose it is, where exports of two pipelines are looked at. */
  readonly pipeline?: string
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

/** The same of another pipeline, whose names have another form. */
const OTHER = '{partition}*'

const TIME = /^\d{4}(?:-\d{2}(?:-\d{2}(?:T\d{2})?)?)?$/

/**
 * Refuses exports of one pipeline that would write over each other: two with the same folder of deliveries, a plain copy with the name of another's pointer, manifest or object, and a file with the name of another's
 * folder, which a disk cannot have both. `keys`: the partitions where they are keys; partitions of time may be any.
 * @throws ConfigError placed at stage and dataset, naming both
 */
export function checkPlaces(exports: readonly PlacedExport[], keys: readonly string[] | undefined): void {
  checkAll(placesOf(exports, keys ?? [ANY, ...timesIn(exports)]))
}

/** What a pipeline delivers, and what its partitions are called. */
export interface PipelineExports {
  readonly exports: readonly PlacedExport[]
  /** Where its partitions are keys. */
  readonly keys: readonly string[] | undefined
  /** How many characters the name of a partition of time has: those of other lengths are never called the same. */
  readonly nameLength: number | undefined
}

/**
 * The same of two pipelines of a project, whose deliveries go to one store: also two named deliveries of one name.
 * @throws ConfigError placed at pipeline, stage and dataset, naming both
 */
export function checkPlacesOfTwo(one: PipelineExports, other: PipelineExports): void {
  const times = timesIn([...one.exports, ...other.exports])
  const known = [...times, ...(one.keys ?? []), ...(other.keys ?? [])]
  const namesOf = ({ keys, nameLength }: PipelineExports) =>
    keys ?? [nameLength === one.nameLength ? ANY : OTHER, ...new Set(known.filter((name) => TIME.test(name) && name.length === nameLength))]
  checkAll([other, one].flatMap((each) => placesOf(each.exports, namesOf(each))))
}

function placesOf(exports: readonly PlacedExport[], names: readonly string[]): readonly Place[] {
  return exports.flatMap((each) =>
    (each.partitioned ? names : [undefined]).map((partition) => ({ ...each, partition, layout: deliveryLayout(each.export, partition) })),
  )
}

function checkAll(places: readonly Place[]): void {
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
  const sets = new Map<string, Place>()
  for (const place of places) {
    if (!isMember(place)) continue
    const { folder } = place.layout.pointer
    const other = sets.get(folder)
    if (other && other.pipeline !== place.pipeline)
      throw new ConfigError(
        `the delivery "${place.export.delivery}" is made by ${ownerOf(other)} and by ${ownerOf(place)}; give one another name`,
        placeOf(place),
      )
    sets.set(folder, place)
  }
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

/** What of the paths may be the name of a partition of time. */
function timesIn(exports: readonly PlacedExport[]): readonly string[] {
  return [...new Set(exports.flatMap(({ export: { path } }) => path.match(/\d{4}(?:-\d{2}(?:-\d{2}(?:T\d{2})?)?)?/g) ?? []))]
}

function sharesFolder(place: Place, other: Place): ConfigError {
  const { path } = place.export
  if (path === other.export.path && place.partition === other.partition)
    return new ConfigError(`"${path}" is exported from both ${ownerOf(other)} and ${ownerOf(place)}`, placeOf(place))
  return collision(place, other, `would share the folder ${place.layout.folder}/ of their deliveries`)
}

function collision(place: Place, other: Place, what: string): ConfigError {
  const own = place.pipeline === other.pipeline ? '' : ` of ${ownerOf(place)}`
  return new ConfigError(`${said(place)}${own} and ${said(other)} of ${ownerOf(other)} ${what}; give one another name`, placeOf(place))
}

function ownerOf({ pipeline, dataset }: Place): string {
  return pipeline === undefined ? dataset : `pipeline ${pipeline} (${dataset})`
}

function said({ export: { path }, partition }: Place): string {
  return partition === undefined || partition === ANY || partition === OTHER ? `"${path}"` : `"${path}" for ${partition}`
}

function placeOf({ pipeline, dataset }: Place) {
  return { ...(pipeline !== undefined && { pipeline }), stage: 'export', dataset } as const
}
