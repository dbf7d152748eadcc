import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Described, type Objects, type Stored, type Sums, sumsOf } from './objects.ts'
import { type Preconditions, requireAll } from './preconditions.ts'
import { conditionNotMet, invalid, Problem } from './problem.ts'

const UNIT = 256 * 1024

/** What an unfinished upload is, and, when it is finished, the object that it made. */
export interface Session {
  readonly id: string
  readonly bucket: string
  readonly name: string
  readonly conditions: Preconditions
  readonly described: Described
  readonly blob: string
  made?: Stored
}

export type Progress = { readonly made: Stored } | { readonly kept: number }

/** Upload sessions by Google's rules (docs: "Resumable uploads"); they lie in the folder, too. */
export interface Uploads {
  start(bucket: string, name: string, conditions: Preconditions, described: Described): Session
  find(id: string): Session
  /** Takes bytes of a chunk as they arrive. */
  append(session: Session, bytes: Uint8Array): void
  keptOf(session: Session): number
  /** The end of a request that broke off: whole units stay. */
  brokenOff(session: Session): void
  /** Back to what was there before the chunk, and `bytes` more. */
  cutTo(session: Session, bytes: number): void
  finish(session: Session, hash: Described, corrupt?: boolean): Stored
  cancel(session: Session): void
}

export function uploadsOf(objects: Objects): Uploads {
  const folder = join(objects.folder, 'sessions')
  mkdirSync(folder, { recursive: true })
  const sessions = new Map<string, Session>()
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.json')) continue
    const session = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Session
    sessions.set(session.id, session)
  }
  const save = (session: Session) => {
    sessions.set(session.id, session)
    writeFileSync(join(folder, `${session.id}.new`), JSON.stringify(session))
    renameSync(join(folder, `${session.id}.new`), join(folder, `${session.id}.json`))
  }
  const pathOf = (session: Session) => objects.pathOf(session.blob)
  const drop = (session: Session) => {
    sessions.delete(session.id)
    rmSync(join(folder, `${session.id}.json`), { force: true })
    if (!session.made) rmSync(pathOf(session), { force: true })
  }
  return {
    start: (bucket, name, conditions, described) => {
      requireAll(conditions, objects.find(bucket, name))
      const session: Session = { id: randomUUID(), bucket, name, conditions, described, blob: objects.newBlob() }
      save(session)
      return session
    },
    find: (id) => {
      const session = sessions.get(id)
      if (!session) throw new Problem(404, 'notFound', 'Upload session not found')
      return session
    },
    append: (session, bytes) => appendFileSync(pathOf(session), bytes),
    keptOf: (session) => (existsSync(pathOf(session)) ? statSync(pathOf(session)).size : 0),
    brokenOff: (session) => {
      const { size } = statSync(pathOf(session))
      truncateSync(pathOf(session), size - (size % UNIT))
    },
    cutTo: (session, bytes) => truncateSync(pathOf(session), Math.min(bytes, statSync(pathOf(session)).size)),
    finish: (session, hash, corrupt) => {
      try {
        session.made = commitBlob(objects, session, hash, corrupt)
      } catch (error) {
        drop(session)
        throw error
      }
      save(session)
      return session.made
    },
    cancel: drop,
  }
}

/** Checks checksums and preconditions and makes a blob the object, at once. */
export function commitBlob(
  objects: Objects,
  { bucket, name, conditions, described, blob }: Omit<Session, 'id'>,
  hash: Described,
  corrupt = false,
): Stored {
  const path = objects.pathOf(blob)
  const sums = sumsOf(path)
  for (const given of [described, hash]) refuseSums(given, sums)
  requireAll(conditions, objects.find(bucket, name))
  if (!corrupt) return objects.commit(bucket, name, blob, sums, described)
  const bytes = readFileSync(path)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  writeFileSync(path, bytes)
  return objects.commit(bucket, name, blob, sumsOf(path), described)
}

function refuseSums(given: Described, sums: Sums): void {
  if (given.crc32c !== undefined && given.crc32c !== sums.crc32c)
    throw invalid(`Provided CRC32C "${given.crc32c}" doesn't match calculated CRC32C "${sums.crc32c}".`)
  if (given.md5Hash !== undefined && given.md5Hash !== sums.md5Hash)
    throw invalid(`Provided MD5 hash "${given.md5Hash}" doesn't match calculated MD5 hash "${sums.md5Hash}".`)
}

/** `x-goog-hash: crc32c=…,md5=…` */
export function hashOfHeader(header: string | string[] | undefined): Described {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '')
  const crc32c = /crc32c=([^,\s]+)/.exec(text)?.[1]
  const md5Hash = /md5=([^,\s]+)/.exec(text)?.[1]
  return { ...(crc32c !== undefined && { crc32c }), ...(md5Hash !== undefined && { md5Hash }) }
}

/** `bytes 0-99/100`, `bytes 0-99/*`, `bytes * /100`: what a chunk says of itself. */
export interface ChunkRange {
  readonly start?: number
  readonly length?: number
  readonly total?: number
}

export function chunkRangeOf(header: string | undefined, contentLength: number): ChunkRange {
  if (header === undefined) return { start: 0, length: contentLength, total: contentLength }
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header)
  if (!match) throw invalid(`Failed to parse Content-Range header: ${header}`)
  const total = match[3] === '*' ? {} : { total: Number(match[3]) }
  if (match[1] === undefined) return total
  const [start, end] = [Number(match[1]), Number(match[2])]
  if (end - start + 1 !== contentLength) throw invalid(`Invalid Content-Range ${header} for ${contentLength} bytes`)
  return { start, length: contentLength, ...total }
}

/** Refuses a chunk that leaves a gap, or is no multiple of 256 KiB and not the last. */
export function refuseChunk({ start = 0, length = 0, total }: ChunkRange, kept: number): void {
  if (start > kept)
    throw invalid(
      `According to the Content-Range header, the upload offset is ${start} byte(s), which exceeds already uploaded size of ${kept} byte(s).`,
    )
  if (total === undefined && length % UNIT !== 0)
    throw invalid(`Invalid request. There were ${length} byte(s) in the request body. Expected a multiple of ${UNIT}.`)
  if (total !== undefined && start + length > total) throw conditionNotMet()
}
