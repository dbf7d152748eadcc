import { createHash, randomUUID } from 'node:crypto'
import { PermanentError, PreconditionFailed } from '../../core/errors.ts'
import type { Pieces } from '../pieces.ts'
import { blobMetadata, type Content } from './metadata.ts'
import { etagOf, find } from './resource.ts'
import { type Blobs, conditionsOf, settled } from './write.ts'

/** Blocks that are under way at once. */
const IN_FLIGHT = 3
/** As most programs have it: all blocks that wait at a name must have ids of one length. */
const ID_LENGTH = 48

/** What an upload makes. */
export interface Target {
  readonly name: string
  readonly contentType?: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** What is sent beside a blob's bytes, in the request that makes it. */
export function descriptionOf({ name, contentType, metadata }: Target, content: Content, { urlOf }: Blobs) {
  return {
    metadata: blobMetadata(metadata, content, urlOf(name)),
    blobHTTPHeaders: { blobContentType: contentType ?? 'application/octet-stream' },
  }
}

/** Bytes that fit into one request, in one request (Put Blob), with their MD5. Gives the version that was made. */
export async function uploadWhole(
  blobs: Blobs,
  target: Target,
  version: string | undefined,
  content: Content,
  bytes: Uint8Array,
): Promise<string> {
  const { client, urlOf } = blobs
  const { name, signal } = target
  const file = urlOf(name)
  const options = { ...descriptionOf(target, content, blobs), transactionalContentMD5: md5Of(bytes), conditions: conditionsOf(version) }
  try {
    return await settled(blobs, { name, version, content, signal }, () =>
      client.call(
        { what: `write ${file}`, file },
        async ({ container, abortSignal, bodyOf }) => {
          const { etag } = await container.getBlockBlobClient(name).upload(bodyOf(bytes), bytes.length, { ...options, abortSignal })
          return etagOf(etag, file)
        },
        signal,
      ),
    )
  } catch (error) {
    if (version !== undefined || !(error instanceof PreconditionFailed) || (await find(client, urlOf, name, signal))) throw error
    // Nothing is there but blocks that an upload has left: Azurite 3.37 refuses to create the blob, and lets blocks become it.
    return commitBlocks(blobs, target, version, await stageBlocks(blobs, target, onePiece(bytes, content.crc32c)))
  }
}

async function* onePiece(bytes: Uint8Array, crc32c: string): Pieces {
  yield { offset: 0, bytes, last: true, crc32c }
}

/** Blocks that wait at a name to become its content, in their order. */
export interface Staged extends Content {
  readonly ids: readonly string[]
}

/**
 * Sends a body in blocks (Put Block), each with its MD5, and repeated alone when it fails; a few at once, each from a copy of its own. Nothing of them is seen: blocks that no commit names go when another write makes the blob, or
 * after a week.
 */
export async function stageBlocks({ client, urlOf }: Blobs, { name, signal }: Target, pieces: Pieces, announced?: string): Promise<Staged> {
  const file = urlOf(name)
  const doing = { what: `write ${file}`, file }
  const ids: string[] = []
  const idOf = blockIds()
  const stop = new AbortController()
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const free: Buffer[] = []
  const sending = new Set<Promise<void>>()
  let content: Content = { bytes: 0, crc32c: '' }
  let failed: { readonly error: unknown } | undefined
  const send = async (id: string, bytes: Uint8Array) => {
    const transactionalContentMD5 = md5Of(bytes)
    await client.retry(
      () =>
        client.call(
          doing,
          ({ container, abortSignal, bodyOf }) =>
            container.getBlockBlobClient(name).stageBlock(id, bodyOf(bytes), bytes.length, { transactionalContentMD5, abortSignal }),
          either,
        ),
      either,
    )
  }
  try {
    for await (const piece of pieces) {
      if (piece.last) refuseOther(piece.crc32c, announced)
      content = { bytes: piece.offset + piece.bytes.length, crc32c: piece.crc32c }
      // Azure has no empty blocks; no blocks at all make an empty blob.
      if (piece.bytes.length === 0) continue
      if (sending.size === IN_FLIGHT) await Promise.race(sending)
      if (failed) break
      // The piece's own bytes are overwritten when the next one is asked for.
      const room = free.pop() ?? Buffer.allocUnsafeSlow(piece.bytes.length)
      room.set(piece.bytes)
      const id = idOf(ids.length)
      ids.push(id)
      const work = send(id, room.subarray(0, piece.bytes.length))
        .catch((error: unknown) => {
          failed ??= { error }
        })
        .finally(() => {
          free.push(room)
          sending.delete(work)
        })
      sending.add(work)
    }
    while (sending.size > 0 && !failed) await Promise.race(sending)
    if (failed) throw failed.error
    return { ids, ...content }
  } catch (error) {
    stop.abort(error)
    await Promise.all(sending)
    throw signal?.aborted ? signal.reason : error
  }
}

/** Makes the blob of its blocks (Put Block List), content, type and metadata in one. Gives the version that was made. @throws LostBlocks when another write has dropped them */
export function commitBlocks(blobs: Blobs, target: Target, version: string | undefined, staged: Staged): Promise<string> {
  const { name, signal } = target
  const file = blobs.urlOf(name)
  const options = { ...descriptionOf(target, staged, blobs), conditions: conditionsOf(version) }
  return settled(blobs, { name, version, content: staged, signal }, () =>
    blobs.client.call(
      { what: `write ${file}`, file },
      async ({ container, abortSignal }) => {
        const { etag } = await container.getBlockBlobClient(name).commitBlockList([...staged.ids], { ...options, abortSignal })
        return etagOf(etag, file)
      },
      signal,
    ),
  )
}

/** Ids of blocks that no other upload has. */
export function blockIds(): (index: number) => string {
  const upload = randomUUID()
  return (index) => Buffer.from(upload + String(index).padStart(ID_LENGTH - upload.length, '0')).toString('base64')
}

/** @throws PermanentError when content is not what its writer announced */
export function refuseOther(crc32c: string, announced: string | undefined): void {
  if (announced !== undefined && announced !== crc32c)
    throw new PermanentError(`the content has crc32c ${crc32c}, not ${announced} as announced`, {
      hint: 'it was damaged on the way: run again',
    })
}

const md5Of = (bytes: Uint8Array): Uint8Array => createHash('md5').update(bytes).digest()
