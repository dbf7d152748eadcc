import { NotFound, PreconditionFailed, TransientError } from '../../core/errors.ts'
import type { PutOptions } from '../store.ts'
import type { Client } from './client.ts'
import { type Bucket, find, type Resource, resourceOf } from './resource.ts'
import { LostSession } from './upload.ts'

const MOST_ROUNDS = 50

/** What a write must leave. */
export interface Content {
  readonly bytes: number
  readonly crc32c: string
}

/**
 * Runs a write under the generation that the options ask for. One without conditions is done under the generation that is there now, and again when another writer was faster: so it, too, can be repeated
 * after a 503 without doing it twice.
 */
export async function underPrecondition(
  client: Client,
  bucket: Bucket,
  name: string,
  options: Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'signal'>,
  write: (generation: string) => Promise<Resource>,
): Promise<Resource> {
  const file = bucket.urlOf(name)
  if (options.ifAbsent) return refusing(`${file} is there already`, () => write('0'))
  if (options.ifVersion !== undefined) {
    const { ifVersion } = options
    const other = `${file} is not version ${ifVersion}`
    // A generation is a number, and 0 would mean that nothing is there.
    if (!/^[1-9]\d*$/.test(ifVersion)) throw new PreconditionFailed(other, { file })
    return refusing(other, () => write(ifVersion))
  }
  for (let round = 1; ; round++) {
    const current = await find(client, bucket, name, options.signal)
    try {
      return await write(current?.version ?? '0')
    } catch (error) {
      if (!(error instanceof PreconditionFailed) || round === MOST_ROUNDS) throw error
    }
  }
}

async function refusing(message: string, write: () => Promise<Resource>): Promise<Resource> {
  try {
    return await write()
  } catch (error) {
    if (error instanceof PreconditionFailed) throw new PreconditionFailed(message, { ...error.place })
    throw error
  }
}

/** What is written where, for settling it. */
export interface Writing {
  readonly name: string
  /** What was there before. */
  readonly generation: string
  /** What must be there after; asked for when the write has ended. */
  readonly content: () => Content
  readonly signal?: AbortSignal | undefined
}

/**
 * Settles a write by reading back: when a try ended without an answer, then a 412 or a last failure means nothing yet. An object of another generation than the one before, with the same CRC32C and size, is
 * this write's: done. Who repeats is the write itself, see `repeated`.
 */
export async function settled(client: Client, bucket: Bucket, at: Writing, write: (tell: Tell) => Promise<Resource>): Promise<Resource> {
  let unsure = false
  const tell = (error: unknown) => {
    if (error instanceof TransientError || error instanceof LostSession) unsure = true
  }
  try {
    return await verified(client, bucket, at, await write(tell))
  } catch (error) {
    tell(error)
    if (!unsure || at.signal?.aborted) throw error
    const there = await find(client, bucket, at.name, at.signal).catch(() => undefined)
    if (there && there.version !== at.generation && same(there, at.content())) return there
    throw error instanceof LostSession ? new TransientError(error.message, { ...error.place, hint: 'run again' }) : error
  }
}

/** Takes the failures of single tries. */
export type Tell = (error: unknown) => void

/** One request, repeated while that may help. */
export function repeated(client: Client, tell: Tell, signal: AbortSignal | undefined, once: () => Promise<Resource>): Promise<Resource> {
  return client.retry(async () => {
    try {
      return await once()
    } catch (error) {
      tell(error)
      throw error
    }
  }, signal)
}

const same = (a: Content, b: Content): boolean => a.bytes === b.bytes && a.crc32c === b.crc32c

/** What an answer says of the object that was made is compared; where it differs, the object decides. One with other bytes than ours is removed, that generation and no other. */
async function verified(client: Client, bucket: Bucket, at: Writing, made: Resource): Promise<Resource> {
  const content = at.content()
  if (same(made, content)) return made
  const there = await find(client, bucket, at.name)
  if (there?.version === made.version && same(there, content)) return there
  await remove(client, bucket, at.name, made.version).catch(() => undefined)
  const file = bucket.urlOf(at.name)
  throw new TransientError(`${file} was stored with crc32c ${made.crc32c}, not ${content.crc32c}: removed again`, {
    file,
    hint: 'it was damaged on the way: run again',
  })
}

/** Removes one generation. @throws PreconditionFailed when another one is there; not when nothing is */
export async function remove(client: Client, bucket: Bucket, name: string, generation: string): Promise<void> {
  const file = bucket.urlOf(name)
  const doing = { what: `delete ${file}`, file }
  let unsure = false
  await client.retry(async () => {
    try {
      await client.send({ method: 'DELETE', url: bucket.pathOf(name), query: { ifGenerationMatch: generation }, doing })
    } catch (error) {
      if (error instanceof NotFound) return
      // A generation never comes back: after a lost reply, another one means that ours is gone.
      if (error instanceof PreconditionFailed && unsure) return
      if (error instanceof TransientError) unsure = true
      throw error
    }
  })
}

/** One generation of an object. */
export interface Source {
  readonly name: string
  readonly object: Resource
}

/** Copies one generation on the server, in as many calls as it asks for (docs: "Objects: rewrite"). One try. */
export async function rewrite(
  client: Client,
  bucket: Bucket,
  from: Source,
  to: { readonly name: string; readonly generation: string; readonly resource?: object; readonly signal?: AbortSignal | undefined },
): Promise<Resource> {
  const file = bucket.urlOf(to.name)
  const doing = { what: `copy ${bucket.urlOf(from.name)} to ${file}`, file: bucket.urlOf(from.name) }
  let rewriteToken: string | undefined
  for (;;) {
    const reply = await client.send({
      method: 'POST',
      url: `${bucket.pathOf(from.name)}/rewriteTo${bucket.pathOf(to.name).replace('/storage/v1', '')}`,
      query: {
        sourceGeneration: from.object.version,
        ifSourceGenerationMatch: from.object.version,
        ifGenerationMatch: to.generation,
        rewriteToken,
      },
      ...(to.resource && { headers: { 'Content-Type': 'application/json; charset=UTF-8' }, body: JSON.stringify(to.resource) }),
      doing,
      signal: to.signal,
    })
    const { done, rewriteToken: next, resource } = reply.body as { done?: boolean; rewriteToken?: string; resource?: unknown }
    if (done !== false || next === undefined) return resourceOf(resource, file)
    rewriteToken = next
  }
}
