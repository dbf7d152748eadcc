import { ConfigError, NotFound, PermanentError, PreconditionFailed } from '../../core/errors.ts'
import type { PutOptions } from '../store.ts'
import { blobMetadata, type Content } from './metadata.ts'
import { etagOf, find, type Resource } from './resource.ts'
import { blockIds, commitBlocks, type Staged } from './upload.ts'
import { type Blobs, conditionsOf, remove, settled, underPrecondition } from './write.ts'

/** One version of a blob, with its checksum. */
export interface Source {
  readonly name: string
  readonly blob: Resource & Content
}

/** How large a copy in one request may be (Copy Blob From URL), and how large the blocks of one in several. */
export interface CopySizes {
  readonly wholeBytes: number
  readonly blockBytes: number
}

export const AZURE_COPY_SIZES: CopySizes = { wholeBytes: 256 * 2 ** 20, blockBytes: 100 * 2 ** 20 }

/**
 * Copies one version on the server. In one request, in which Azure compares the versions of both; a larger one in blocks that the server reads itself, which become the target when the source is known to be the same
 * still. The asynchronous copy (Copy Blob) would empty the target while it is under way. Gives the version that was made.
 * @throws NotFound when the source has been replaced or removed meanwhile; LostBlocks when another write of the target has dropped its blocks
 */
export function copyBlob(
  blobs: Blobs,
  from: Source,
  to: string,
  conditions: Pick<PutOptions, 'ifAbsent' | 'ifVersion'>,
  metadata: Readonly<Record<string, string>>,
  sizes: CopySizes,
): Promise<string> {
  return from.blob.bytes <= sizes.wholeBytes
    ? underPrecondition(blobs, to, conditions, (version) => copyWhole(blobs, from, to, version, metadata))
    : copyInBlocks(blobs, from, to, conditions, metadata, sizes.blockBytes)
}

async function copyWhole(
  blobs: Blobs,
  from: Source,
  to: string,
  version: string | undefined,
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const { client, urlOf } = blobs
  const file = urlOf(to)
  const doing = { what: `copy ${urlOf(from.name)} to ${file}`, file: urlOf(from.name) }
  return settled(blobs, { name: to, version, content: from.blob }, async () => {
    try {
      return await client.call(doing, async ({ container, abortSignal, sourceOf }) => {
        const { url, ...authorization } = await sourceOf(from.name)
        const { etag } = await container.getBlobClient(to).syncCopyFromURL(url, {
          ...authorization,
          conditions: conditionsOf(version),
          sourceConditions: { ifMatch: from.blob.version },
          metadata: blobMetadata(metadata, from.blob, file),
          abortSignal,
        })
        return etagOf(etag, file)
      })
    } catch (error) {
      // Not every server says which of the two preconditions failed.
      if (error instanceof PreconditionFailed) await refuseReplaced(blobs, from)
      throw error instanceof NotFound ? await unreadable(blobs, from) : error
    }
  })
}

async function copyInBlocks(
  blobs: Blobs,
  from: Source,
  to: string,
  conditions: Pick<PutOptions, 'ifAbsent' | 'ifVersion'>,
  metadata: Readonly<Record<string, string>>,
  blockBytes: number,
): Promise<string> {
  const { client, urlOf } = blobs
  const file = urlOf(to)
  const { bytes, crc32c, contentType } = from.blob
  const doing = { what: `copy ${urlOf(from.name)} to ${file}`, file: urlOf(from.name) }
  // Known in vain already: no need to copy. What decides is the commit.
  if (conditions.ifAbsent && (await find(client, urlOf, to))) throw new PreconditionFailed(`${file} is there already`, { file })
  const idOf = blockIds()
  const ids: string[] = []
  for (let at = 0; at < bytes; at += blockBytes) {
    const id = idOf(ids.length)
    ids.push(id)
    const stage = () =>
      client.call(doing, async ({ container, abortSignal, sourceOf }) => {
        const { url, ...authorization } = await sourceOf(from.name)
        const count = Math.min(blockBytes, bytes - at)
        await container.getBlockBlobClient(to).stageBlockFromURL(id, url, at, count, { ...authorization, abortSignal })
      })
    try {
      await client.retry(stage)
    } catch (error) {
      if (error instanceof NotFound) throw await unreadable(blobs, from)
      // Its range may be gone with it.
      if (error instanceof PermanentError) await refuseReplaced(blobs, from)
      throw error
    }
  }
  // A version never comes back: it was there all the while.
  await refuseReplaced(blobs, from)
  const staged: Staged = { ids, bytes, crc32c }
  const target = { name: to, contentType, metadata }
  const made = await underPrecondition(blobs, to, conditions, (version) => commitBlocks(blobs, target, version, staged))
  const there = await find(client, urlOf, to)
  if (there?.version !== made || there.bytes === bytes) return made
  await remove(blobs, to, made).catch(() => undefined)
  throw new PermanentError(`${file} was copied with ${there.bytes} bytes, not ${bytes}: removed again`, {
    file,
    hint: 'the server cannot put blocks from a URL: use another one',
  })
}

/** Why Azure finds no source that is there. @throws NotFound when it is there no more */
async function unreadable(blobs: Blobs, from: Source): Promise<Error> {
  await refuseReplaced(blobs, from)
  const file = blobs.urlOf(from.name)
  return new ConfigError(`cannot copy ${file}: Azure cannot read it, though it is there`, {
    file,
    hint: "let the account's firewall, and whatever stands before `endpoint`, take the addresses that this machine uses",
  })
}

async function refuseReplaced({ client, urlOf }: Blobs, { name, blob }: Source): Promise<void> {
  const file = urlOf(name)
  if ((await find(client, urlOf, name))?.version !== blob.version) throw new NotFound(`${file} was replaced while it was copied`, { file })
}
