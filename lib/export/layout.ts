import { createHash } from 'node:crypto'
import { ConfigError } from '../core/errors.ts'
import type { Export } from './contract.ts'

/** Where the objects of one (export, partition) lie in the store. */
export interface DeliveryLayout {
  /** `quakes/2018-02-04`: the path with `{partition}` filled, without its extension. */
  readonly folder: string
  /** `.csv`, `.csv.gz`: the path's own, `.csv` where it has none, with `.gz` or `.zst` where the contract compresses. */
  readonly extension: string
  readonly latest: string
  readonly keptLast: string
  /** The plain copy: the path with `{partition}` filled. */
  readonly plain: string
  /** Names this (export, partition) in `_tmp/<run>/<id>-…`, 16 hex digits. */
  readonly id: string
  data(inputKey: string, sha256: string): string
  manifest(inputKey: string, sha256: string): string
  /** Whether a key has the form of a delivery's data or manifest here. */
  isDelivery(key: string): boolean
}

const ENDINGS = { none: '', gzip: '.gz', zstd: '.zst' } as const

/** The prefix of objects that are being written. */
export const TEMPORARY = '_tmp/'

const DELIVERY = /^(?:[0-9a-f]{12}-[0-9a-f]{8}\.[A-Za-z0-9.]+|manifest-[0-9a-f]{12}-[0-9a-f]{8}\.json)$/

/**
 * For `path: 'quakes/{partition}.csv'` and partition 2018-02-04: `quakes/2018-02-04/<key12>-<sha8>.csv`, `quakes/2018-02-04/manifest-<key12>-<sha8>.json`,
 * `quakes/2018-02-04/latest.json`, and the plain copy `quakes/2018-02-04.csv`.
 *
 * In a partition's name `/`, `\`, `%`, control characters and a leading `.` become `%XX`, so that each partition is one part of the path and no two are the same.
 *
 * @throws ConfigError for a path that names no file or lacks its partition, a plain copy at a path without extension (a local store cannot have a file and a folder of one name) or of compressed bytes at one that does
 * not say so, and for a path under `_tmp/`
 */
export function deliveryLayout(target: Export, partition: string | undefined): DeliveryLayout {
  const { path, contract, plain } = target
  const own = /\.[A-Za-z0-9]+(?:\.(?:gz|zst))?$/.exec(path.slice(path.lastIndexOf('/') + 1))?.[0] ?? ''
  const filled = path.replaceAll('{partition}', () => encodePartition(partition ?? ''))
  if (partition === undefined && filled !== path) throw new ConfigError(`export path "${path}" has {partition}, but there is no partition`)
  if (`${filled.slice(0, filled.length - own.length)}/`.startsWith(TEMPORARY))
    throw new ConfigError(`export path "${path}" must not begin with ${TEMPORARY}: what is being written lies there`)
  if (plain && own === '') throw new ConfigError(`export path "${path}" needs an extension such as .csv for its plain copy`)
  const ending = ENDINGS[contract.compression]
  if (plain && !own.endsWith(ending))
    throw new ConfigError(`export path "${path}" would be the name of ${contract.compression} bytes in its plain copy`, {
      hint: `write "${path}${ending}"`,
    })
  const folder = filled.slice(0, filled.length - own.length)
  if (folder === '' || folder.endsWith('/')) throw new ConfigError(`export path "${path}" needs a name before its extension`)
  const extension = own.endsWith(ending) ? own || '.csv' : `${own || '.csv'}${ending}`
  const name = (inputKey: string, sha256: string) => `${inputKey.slice(0, 12)}-${sha256.slice(0, 8)}`
  return {
    folder,
    extension,
    latest: `${folder}/latest.json`,
    keptLast: `${folder}/kept-last.json`,
    plain: filled,
    id: createHash('sha256').update(folder).digest('hex').slice(0, 16),
    data: (inputKey, sha256) => `${folder}/${name(inputKey, sha256)}${extension}`,
    manifest: (inputKey, sha256) => `${folder}/manifest-${name(inputKey, sha256)}.json`,
    isDelivery: (key) => key.startsWith(`${folder}/`) && DELIVERY.test(key.slice(folder.length + 1)),
  }
}

function encodePartition(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is meant
  return name.replaceAll(/[%/\\\x00-\x1f\x7f]|^\./g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
