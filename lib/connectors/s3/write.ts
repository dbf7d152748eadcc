import { NotFound, PreconditionFailed, TransientError } from '../../core/errors.ts'
import type { PutOptions } from '../store.ts'
import type { Client } from './client.ts'
import { crc32cOf } from './download.ts'
import { LostUpload } from './faults.ts'
import type { Bucket } from './names.ts'
import { find, type Resource } from './objects.ts'

const MOST_ROUNDS = 50

export type Conditions = Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'signal'>

/** What a write must leave. */
export interface Content {
  readonly bytes: number
  readonly crc32c: string
}

/** What stood at a name when a write began: the write is done only while that is so. */
export interface Guard {
  readonly before: Resource | undefined
  readonly headers: { readonly IfMatch?: string; readonly IfNoneMatch?: string }
}

const ABSENT: Guard = { before: undefined, headers: { IfNoneMatch: '*' } }
const unchanged = (before: Resource): Guard => ({ before, headers: { IfMatch: `"${before.etag}"` } })

/**
 * Runs a write under the guard that the options ask for. One without conditions is done under what is there now, and again when another writer was faster: so it, too, can be repeated after a 503
 * without doing it twice.
 */
export async function underGuard(
  client: Client,
  bucket: Bucket,
  name: string,
  options: Conditions,
  write: (guard: Guard) => Promise<Resource>,
): Promise<Resource> {
  const file = bucket.urlOf(name)
  const { ifAbsent, ifVersion, signal } = options
  if (ifAbsent) return refusing(file, `${file} is there already`, () => write(ABSENT))
  if (ifVersion !== undefined) {
    const other = `${file} is not version ${ifVersion}`
    const current = await find(client, bucket, name, signal)
    if (current?.version !== ifVersion) throw new PreconditionFailed(other, { file })
    return refusing(file, other, () => write(unchanged(current)))
  }
  for (let round = 1; ; round++) {
    const current = await find(client, bucket, name, signal)
    try {
      return await refusing(file, `${file} is written by others all the time`, () => write(current ? unchanged(current) : ABSENT))
    } catch (error) {
      if (!(error instanceof PreconditionFailed) || round === MOST_ROUNDS) throw error
    }
  }
}

/** S3 answers 404 where `If-Match` finds nothing. */
async function refusing(file: string, message: string, write: () => Promise<Resource>): Promise<Resource> {
  try {
    return await write()
  } catch (error) {
    if (error instanceof PreconditionFailed || error instanceof NotFound) throw new PreconditionFailed(message, { file })
    throw error
  }
}

/** What is written where, for settling it. */
export interface Writing {
  readonly name: string
  /** The mark of the write. */
  readonly write: string
  readonly guard: Guard
  readonly content: Content
  readonly signal?: AbortSignal | undefined
}

/** Takes the failures of single tries. */
export type Tell = (error: unknown) => void

/**
 * Settles a write by reading back: when a try ended without an answer, then a 412 or a last failure means nothing yet. An object with this write's mark is this write's, and so is another than the one before with the same
 * CRC32C and size: done. `once` is repeated while that may help.
 */
export async function settled(client: Client, bucket: Bucket, at: Writing, once: () => Promise<Resource>): Promise<Resource> {
  let unsure = false
  const tell = (error: unknown) => {
    if (error instanceof TransientError || error instanceof LostUpload) unsure = true
  }
  try {
    const made = await client.retry(async () => {
      try {
        return await once()
      } catch (error) {
        tell(error)
        throw error
      }
    }, at.signal)
    return await verified(client, bucket, at, made)
  } catch (error) {
    if (!unsure || at.signal?.aborted) throw error
    const there = await find(client, bucket, at.name, at.signal).catch(() => undefined)
    if (there && (await isDone(client, bucket, at, there))) return { ...there, crc32c: at.content.crc32c }
    throw error
  }
}

async function isDone(client: Client, bucket: Bucket, { name, write, guard, content }: Writing, there: Resource): Promise<boolean> {
  if (there.bytes !== content.bytes || (there.write !== write && there.version === guard.before?.version)) return false
  return (await crc32cOf(client, bucket, name, there).catch(() => undefined)) === content.crc32c
}

/** What an answer says of the object that was made is compared; where it says nothing, the object decides, and is read where its head says nothing either. One with other bytes than ours is removed, that content and no other. */
async function verified(client: Client, bucket: Bucket, at: Writing, made: Resource): Promise<Resource> {
  const { bytes, crc32c } = at.content
  if (made.crc32c === crc32c) return made
  const file = bucket.urlOf(at.name)
  const there = await find(client, bucket, at.name, at.signal)
  if (there?.write !== at.write)
    throw new TransientError(`${file} was replaced before it could be compared with what was written`, { file, hint: 'run again' })
  const found = await crc32cOf(client, bucket, at.name, there)
  if (there.bytes === bytes && found === crc32c) return { ...there, crc32c }
  await remove(client, bucket, at.name, there).catch(() => undefined)
  throw new TransientError(`${file} was stored with crc32c ${found}, not ${crc32c}: removed again`, {
    file,
    hint: 'it was damaged on the way: run again',
  })
}

/** Removes one object. @throws PreconditionFailed when another content is there; not when nothing is */
export async function remove(client: Client, bucket: Bucket, name: string, object: Resource): Promise<void> {
  const file = bucket.urlOf(name)
  const doing = { what: `delete ${file}`, file }
  const input = { Bucket: bucket.name, Key: name, IfMatch: `"${object.etag}"` }
  let unsure = false
  await client.retry(async () => {
    try {
      await client.call(doing, (calls, options) => calls.deleteObject(input, options))
    } catch (error) {
      if (error instanceof NotFound) return
      // After a lost reply, another content means that somebody has written since: ours is gone.
      if (error instanceof PreconditionFailed && unsure) return
      if (error instanceof TransientError) unsure = true
      throw error
    }
  })
}
