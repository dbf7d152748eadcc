import { createHash, randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32c } from '@node-rs/crc32'
import { invalid, noBucket } from './problem.ts'

/** One generation of an object; its bytes are the file `blob`. */
export interface Stored {
  readonly bucket: string
  readonly name: string
  readonly generation: string
  metageneration: number
  readonly size: number
  readonly crc32c: string
  /** Composed objects have none. */
  readonly md5Hash?: string
  contentType?: string
  contentEncoding?: string
  metadata?: Record<string, string>
  readonly timeCreated: string
  updated: string
  readonly blob: string
}

/** What a writer may say of an object. */
export interface Described {
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly metadata?: Record<string, string>
  readonly crc32c?: string
  readonly md5Hash?: string
}

export interface Sums {
  readonly size: number
  readonly crc32c: string
  readonly md5Hash: string
}

/** Buckets of objects in a folder: bytes and descriptions are files, so that memory stays free and a server that is started again on the folder goes on. Every change is synchronous: it is atomic. */
export interface Objects {
  readonly folder: string
  requireBucket(bucket: string): void
  find(bucket: string, name: string): Stored | undefined
  /** Names ascending by their UTF-8 bytes. */
  names(bucket: string): string[]
  /** Makes `blob` the new generation. */
  commit(bucket: string, name: string, blob: string, sums: Sums, described: Described, withMd5?: boolean): Stored
  change(object: Stored): void
  remove(object: Stored): void
  newBlob(): string
  pathOf(blob: string): string
}

export function objectsIn(folder: string, buckets: readonly string[]): Objects {
  const all = new Map<string, Stored>()
  const descriptions = join(folder, 'objects')
  for (const each of [descriptions, join(folder, 'blobs')]) mkdirSync(each, { recursive: true })
  for (const file of readdirSync(descriptions)) {
    if (!file.endsWith('.json')) continue
    const object = JSON.parse(readFileSync(join(descriptions, file), 'utf8')) as Stored
    all.set(idOf(object.bucket, object.name), object)
  }
  let last = Math.max(0, ...[...all.values()].map(({ generation }) => Number(generation)))
  const fileOf = ({ bucket, name }: Stored) => join(descriptions, `${createHash('sha256').update(idOf(bucket, name)).digest('hex')}.json`)
  const pathOf = (blob: string) => join(folder, 'blobs', blob)

  function change(object: Stored): void {
    all.set(idOf(object.bucket, object.name), object)
    writeFileSync(`${fileOf(object)}.new`, JSON.stringify(object))
    renameSync(`${fileOf(object)}.new`, fileOf(object))
  }
  return {
    folder,
    pathOf,
    change,
    newBlob: () => {
      const blob = randomUUID()
      writeFileSync(pathOf(blob), '')
      return blob
    },
    requireBucket: (bucket) => {
      if (!buckets.includes(bucket)) throw noBucket()
    },
    find: (bucket, name) => all.get(idOf(bucket, name)),
    names: (bucket) =>
      [...all.values()]
        .filter((object) => object.bucket === bucket)
        .map(({ name }) => name)
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    commit: (bucket, name, blob, sums, { contentType, contentEncoding, metadata }, withMd5 = true) => {
      refuseName(name)
      const before = all.get(idOf(bucket, name))
      last = Math.max(last + 1, Date.now() * 1000)
      const now = new Date().toISOString()
      const object: Stored = {
        ...{ bucket, name, generation: String(last), metageneration: 1, size: sums.size, crc32c: sums.crc32c },
        ...(withMd5 && { md5Hash: sums.md5Hash }),
        ...(contentType !== undefined && { contentType }),
        ...(contentEncoding !== undefined && { contentEncoding }),
        ...(metadata !== undefined && Object.keys(metadata).length > 0 && { metadata }),
        ...{ timeCreated: now, updated: now, blob },
      }
      change(object)
      if (before) rmSync(pathOf(before.blob), { force: true })
      return object
    },
    remove: (object) => {
      all.delete(idOf(object.bucket, object.name))
      rmSync(fileOf(object), { force: true })
      rmSync(pathOf(object.blob), { force: true })
    },
  }
}

/** Size and checksums of a file. */
export function sumsOf(path: string): Sums {
  const file = openSync(path, 'r')
  try {
    const md5 = createHash('md5')
    const buffer = Buffer.allocUnsafe(2 ** 20)
    let crc = 0
    for (;;) {
      const bytes = readSync(file, buffer)
      if (bytes === 0) break
      crc = crc32c(buffer.subarray(0, bytes), crc)
      md5.update(buffer.subarray(0, bytes))
    }
    return { size: statSync(path).size, crc32c: crcText(crc), md5Hash: md5.digest('base64') }
  } finally {
    closeSync(file)
  }
}

/** As the JSON API gives an object. */
export function resourceOf(object: Stored): Record<string, unknown> {
  const { blob: _, generation, metageneration, size, ...rest } = object
  return {
    kind: 'storage#object',
    id: `${object.bucket}/${object.name}/${generation}`,
    ...rest,
    generation,
    metageneration: String(metageneration),
    size: String(size),
    storageClass: 'STANDARD',
    etag: Buffer.from(`${generation}/${metageneration}`).toString('base64'),
  }
}

function crcText(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64')
}

/** Google's rules for names. */
export function refuseName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[\r\n]/.test(name) || name.startsWith('.well-known/acme-challenge/'))
    throw invalid(`Disallowed unicode characters present in object name '${name}'`)
  if (Buffer.byteLength(name) > 1024) throw invalid('The maximum object length is 1024 characters, but got a name with more.')
}

const idOf = (bucket: string, name: string): string => `${bucket}/${name}`
