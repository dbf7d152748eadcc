import { NotFound, PreconditionFailed, TransientError } from '../../core/errors.ts'
import type { PutOptions } from '../store.ts'
import type { Client } from './client.ts'
import type { Content } from './metadata.ts'
import type { UrlOf } from './names.ts'
import { find, isVersion } from './resource.ts'

const MOST_ROUNDS = 50

/** The blobs of one store, for what writes them. */
export interface Blobs {
  readonly client: Client
  readonly urlOf: UrlOf
}

/** What a write is bound to: the version that is there, or that nothing is. */
export const conditionsOf = (version: string | undefined) => (version === undefined ? { ifNoneMatch: '*' } : { ifMatch: version })

/**
 * Runs a write under the version that the options ask for. One without conditions is done under the version that is there now, and again when another writer was faster: so it, too, can be repeated after a 503
 * without doing it twice.
 */
export async function underPrecondition(
  { client, urlOf }: Blobs,
  name: string,
  options: Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'signal'>,
  write: (version: string | undefined) => Promise<string>,
): Promise<string> {
  const file = urlOf(name)
  if (options.ifAbsent) return refusing(`${file} is there already`, () => write(undefined))
  if (options.ifVersion !== undefined) {
    const { ifVersion } = options
    const other = `${file} is not version ${ifVersion}`
    if (!isVersion(ifVersion)) throw new PreconditionFailed(other, { file })
    return refusing(other, () => write(ifVersion))
  }
  for (let round = 1; ; round++) {
    const current = await find(client, urlOf, name, options.signal)
    try {
      return await write(current?.version)
    } catch (error) {
      if (!(error instanceof PreconditionFailed) || round === MOST_ROUNDS) throw error
    }
  }
}

async function refusing(message: string, write: () => Promise<string>): Promise<string> {
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
  readonly version: string | undefined
  readonly content: Content
  readonly signal?: AbortSignal | undefined
}

/**
 * One write under a precondition, repeated while that may help, and settled by reading back when a try ended without an answer: then a 412 or a last failure means nothing yet. A blob of another version than the one before,
 * with the same CRC32C and size, is this write's: done. Gives the version that was made.
 */
export async function settled({ client, urlOf }: Blobs, at: Writing, write: () => Promise<string>): Promise<string> {
  let unsure = false
  try {
    return await client.retry(async () => {
      try {
        return await write()
      } catch (error) {
        if (error instanceof TransientError) unsure = true
        throw error
      }
    }, at.signal)
  } catch (error) {
    if (!unsure || at.signal?.aborted) throw error
    const there = await find(client, urlOf, at.name, at.signal).catch(() => undefined)
    const ours = there && there.version !== at.version && there.bytes === at.content.bytes && there.crc32c === at.content.crc32c
    if (ours) return there.version
    throw error
  }
}

/** Removes one version. @throws PreconditionFailed when another one is there; not when nothing is */
export async function remove({ client, urlOf }: Blobs, name: string, version: string): Promise<void> {
  const file = urlOf(name)
  let unsure = false
  await client.retry(async () => {
    try {
      await client.call({ what: `delete ${file}`, file }, ({ container, abortSignal }) =>
        container.getBlobClient(name).delete({ conditions: { ifMatch: version }, abortSignal }),
      )
    } catch (error) {
      if (error instanceof NotFound) return
      // A version never comes back: after a lost reply, another one means that ours is gone.
      if (error instanceof PreconditionFailed && unsure) return
      if (error instanceof TransientError) unsure = true
      throw error
    }
  })
}
