import { createHash } from 'node:crypto'
import { ConfigError } from '../core/errors.ts'
import type { Export } from './contract/export.ts'
import { fileNames } from './file-name.ts'
import { type PointerLayout, pointerLayout } from './pointer-layout.ts'
import { FORMS, packingOf } from './write/file-forms.ts'

/** Where the objects of one (export, partition) lie in the store. */
export interface DeliveryLayout {
  /** `quakes/2018-02-04`: the path with `{partition}` filled, without its extension; in a named delivery inside the folder of that. */
  readonly folder: string
  /** `.csv`, `.csv.gz`: the path's own, the format's where it has none, with `.gz` or `.zst` where the contract compresses. */
  readonly extension: string
  /** What says which delivery is current: in the same folder, or the named delivery's, which it is then part of. */
  readonly pointer: PointerLayout
  readonly keptLast: string
  /** The plain copy: the path with `{partition}` filled. */
  readonly plain: string
  /** Names this (export, partition) in `_tmp/<run>/<id>-…`, 16 hex digits. */
  readonly id: string
  /** `part`: a file's place among those of the delivery, from 1. */
  data(inputKey: string, sha256: string, part: number): string
  manifest(inputKey: string, sha256: string): string
  /** Rows that differ from the last delivery, of one that was held. */
  sample(inputKey: string, sha256: string): string
  /** Whether a key has the form of a delivery's data, manifest or sample here. */
  isDelivery(key: string): boolean
}

const ENDINGS = { none: '', gzip: '.gz', zstd: '.zst' } as const

const SAMPLE = /^sample-[0-9a-f]{12}-[0-9a-f]{8}\.parquet$/

/** The prefix of what says of which pointers somebody is to be told. */
export const NOTICES = '_notices/'

/** The prefix of objects that are being written. */
export const TEMPORARY = '_tmp/'

/**
 * For `path: 'quakes/{partition}.csv'` and partition 2018-02-04: `quakes/2018-02-04/<key12>-<sha8>.csv`, `quakes/2018-02-04/manifest-<key12>-<sha8>.json`,
 * `quakes/2018-02-04/latest.json`, and the plain copy `quakes/2018-02-04.csv`. With `delivery: 'geo'` the objects lie in `geo/quakes/2018-02-04/`, and the pointer is `geo/latest.json`.
 *
 * In a partition's name `/`, `\`, `%`, control characters and a leading `.` become `%XX`, so that each partition is one part of the path and no two are the same.
 *
 * @throws ConfigError for a path that names no file or lacks its partition, a plain copy at a path without extension (a local store cannot have a file and a folder of one name), of compressed bytes at one that does
 * not say so, or of split files, and for a path under `_tmp/` or `_notices/`
 */
export function deliveryLayout(target: Export, partition: string | undefined): DeliveryLayout {
  const { path, contract, plain, delivery } = target
  const own = extensionOf(path)
  const filled = fill(path, partition)
  const short = filled.slice(0, filled.length - own.length)
  const inside = delivery === undefined ? '' : `${fill(delivery, partition)}/`
  if (partition === undefined && filled !== path) throw new ConfigError(`export path "${path}" has {partition}, but there is no partition`)
  for (const each of [`${short}/`, inside])
    for (const [own, what] of [
      [TEMPORARY, 'what is being written lies there'],
      [NOTICES, 'what somebody is to be told of lies there'],
    ] as const)
      if (each.startsWith(own))
        throw new ConfigError(
          `${each === inside ? 'delivery' : 'export path'} "${each === inside ? delivery : path}" must not begin with ${own}: ${what}`,
        )
  if (plain) checkPlain(target, own)
  if (short === '' || short.endsWith('/')) throw new ConfigError(`export path "${path}" needs a name before its extension`)
  checkEnding(target, own)
  const ending = ENDINGS[packingOf(contract)]
  const extension = own.endsWith(ending) ? own || FORMS[target.format].ending : `${own || FORMS[target.format].ending}${ending}`
  const folder = inside + short
  const names = fileNames(contract, {
    name: short.slice(short.lastIndexOf('/') + 1),
    partition: partition === undefined ? '' : encode(partition),
  })
  const itself = pointerLayout(folder)
  return {
    folder,
    extension,
    pointer: inside === '' ? itself : pointerLayout(inside.slice(0, -1)),
    keptLast: `${folder}/kept-last.json`,
    plain: filled,
    id: createHash('sha256').update(folder).digest('hex').slice(0, 16),
    data: (inputKey, sha256, part) => `${folder}/${names.name(inputKey, sha256, part)}${extension}`,
    manifest: itself.manifest,
    sample: (inputKey, sha256) => `${folder}/sample-${inputKey.slice(0, 12)}-${sha256.slice(0, 8)}.parquet`,
    isDelivery: (key) => {
      if (!key.startsWith(`${folder}/`)) return false
      const name = key.slice(folder.length + 1)
      return itself.isManifest(key) || names.isName(name) || SAMPLE.test(name)
    },
  }
}

/** `.csv`, `.csv.gz`, nothing: what a path says of its form. */
export function extensionOf(path: string): string {
  return /\.[A-Za-z0-9]+(?:\.(?:gz|zst))?$/.exec(path.slice(path.lastIndexOf('/') + 1))?.[0] ?? ''
}

/** A name that says another format leads readers astray. */
function checkEnding({ path, format }: Export, own: string): void {
  const said = own.replace(/\.(gz|zst)$/, '').toLowerCase()
  const other = Object.entries(FORMS).find(([name, { endings }]) => name !== format && endings.includes(said))
  if (other && !FORMS[format].endings.includes(said))
    throw new ConfigError(`export path "${path}" says ${other[0]}, and is delivered as ${format}`, {
      hint: `let it end in ${FORMS[format].ending}`,
    })
}

function checkPlain({ path, format, contract }: Export, own: string): void {
  if (own === '') throw new ConfigError(`export path "${path}" needs an extension such as ${FORMS[format].ending} for its plain copy`)
  const packing = packingOf(contract)
  const ending = ENDINGS[packing]
  if (!own.endsWith(ending))
    throw new ConfigError(`export path "${path}" would be the name of ${packing} bytes in its plain copy`, {
      hint: `write "${path}${ending}"`,
    })
  if ('split' in contract && contract.split)
    throw new ConfigError(`export path "${path}" cannot be the plain copy of several files: they cannot be replaced in one step`, {
      hint: 'leave out plain or split: readers find the files by latest.json',
    })
}

function fill(path: string, partition: string | undefined): string {
  return path.replaceAll('{partition}', () => encode(partition ?? ''))
}

function encode(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is meant
  return name.replaceAll(/[%/\\\x00-\x1f\x7f]|^\./g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
