import { keyPart } from '../core/key-part.ts'

/** Where the loads of one dataset's partition are in the landing store: `<pipeline>/<dataset>/<partition>/`. */
export interface LandingPlace {
  readonly folder: string
  readonly manifests: string
  manifest(id: number): string
  confirmation(id: number, n: number): string
  /** A data file of a load, named by its bytes, so that two runs of the same input name it the same; `kind` is '' for rows, 'gone' for tombstones; `extension` by default `parquet`. */
  file(id: number, sha256: string, kind?: '' | 'gone', extension?: string): string
}

export function landingPlace(pipeline: string, dataset: string, partition: string): LandingPlace {
  const folder = `${keyPart(pipeline)}/${keyPart(dataset)}/${keyPart(partition)}/`
  const manifests = `${folder}_manifests/`
  return {
    folder,
    manifests,
    manifest: (id) => `${manifests}${padded(id)}.json`,
    confirmation: (id, n) => `${manifests}${padded(id)}.confirmed-${padded(n)}.json`,
    file: (id, sha256, kind = '', extension = 'parquet') =>
      `${folder}${padded(id)}-${sha256.slice(0, 12)}${kind && `-${kind}`}.${extension}`,
  }
}

/** Where the compacted loads of a cursor dataset are in the landing store: `<pipeline>/<dataset>/_compacted/`. */
export interface CompactedPlace {
  readonly folder: string
  record(to: number): string
  file(to: number, sha256: string): string
  /** What the names of one compaction's files begin with. */
  files(to: number): string
}

export function compactedPlace(pipeline: string, dataset: string): CompactedPlace {
  const folder = `${keyPart(pipeline)}/${keyPart(dataset)}/_compacted/`
  return {
    folder,
    record: (to) => `${folder}${padded(to)}.json`,
    file: (to, sha256) => `${folder}${padded(to)}-${sha256.slice(0, 12)}.parquet`,
    files: (to) => `${folder}${padded(to)}-`,
  }
}

/** The load that a landed file's name says it is of. Undefined for what millrace does not write. */
export function loadOfFile(key: string): number | undefined {
  const [, id] = /\/(\d{6,})-[^/]*$/.exec(key) ?? []
  return id === undefined ? undefined : Number(id)
}

/** What an object under `_manifests/` or `_compacted/` is. Undefined for what millrace does not write. */
export function recordOfKey(key: string): { readonly id: number; readonly confirmed?: number } | undefined {
  const [, id, n] = /\/(\d{6,})(?:\.confirmed-(\d{6,}))?\.json$/.exec(key) ?? []
  if (id === undefined) return undefined
  return { id: Number(id), ...(n !== undefined && { confirmed: Number(n) }) }
}

const padded = (n: number): string => String(n).padStart(6, '0')
