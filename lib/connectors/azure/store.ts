import type { ByteStream } from '../../core/byte-stream.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { NotFound, TransientError } from '../../core/errors.ts'
import { type Known, known, type Pieces, piecesOf, resumed } from '../pieces.ts'
import type { ObjectInfo, PutBody, PutOptions, Store } from '../store.ts'
import { isOther, isThere, notFound, putting, refuseBoth, refuseNul, removing } from '../store-guards.ts'
import { LostBlocks } from './answers.ts'
import { clientOf } from './client.ts'
import { AZURE_COPY_SIZES, type CopySizes, copyBlob } from './copy.ts'
import { crcOf, download } from './download.ts'
import { listNames } from './listing.ts'
import type { Content } from './metadata.ts'
import { namePrefix, namesUnder, urlsIn } from './names.ts'
import type { AzureOptions } from './options.ts'
import { find, type Resource } from './resource.ts'
import { commitBlocks, refuseOther, stageBlocks, type Target, uploadWhole } from './upload.ts'
import { type Blobs, remove, underPrecondition } from './write.ts'

const MOST_SENDS = 3

type Conditions = Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'signal'>

/** What a write has made. */
interface Made extends Content {
  readonly version: string
}

/**
 * A container as a store. The commit is one request that Azure decides by ETag: Put Blob for what fits into one request, Put Block List for the rest. Azure keeps no CRC32C: it stands in the blob's metadata, which the same request
 * writes, and every byte was sent with an MD5 that Azure compared. A blob without it is read once to know it.
 */
export function openAzureStore(options: AzureOptions, clock: Clock = systemClock, copySizes: CopySizes = AZURE_COPY_SIZES): Store {
  const client = clientOf(options, clock)
  const urlOf = urlsIn(options)
  const blobs: Blobs = { client, urlOf }
  const names = namesUnder(namePrefix(options.prefix))
  const { chunkSize = 8 * 2 ** 20 } = options

  async function put(key: string, body: PutBody, putOptions: PutOptions = {}): Promise<ObjectInfo> {
    const name = names.nameOf(key)
    const { signal, metadata = {}, contentType } = putOptions
    const target: Target = { name, contentType, metadata, signal }
    const there = () => find(client, urlOf, name, signal)
    return putting(urlOf(name), body, putOptions, there, async () => {
      const made =
        'stream' in body
          ? await putStream(target, body.stream, putOptions)
          : await putKnown(target, await known(body, chunkSize), putOptions)
      return { key, ...made, metadata }
    })
  }

  async function putKnown(target: Target, content: Known, putOptions: PutOptions): Promise<Made> {
    const { bytes, crc32c } = content
    refuseOther(crc32c, putOptions.crc32c)
    for (let sends = 1; ; sends++) {
      try {
        if (bytes > chunkSize) return await putBlocks(target, content.pieces(), putOptions, crc32c)
        // A piece's bytes are valid until the next one is asked for.
        for await (const piece of content.pieces()) {
          const write = (version: string | undefined) => uploadWhole(blobs, target, version, { bytes, crc32c }, piece.bytes)
          return { bytes, crc32c, version: await underPrecondition(blobs, target.name, putOptions, write) }
        }
      } catch (error) {
        if (!(error instanceof LostBlocks) || sends === MOST_SENDS) throw error
      }
    }
  }

  async function putStream(target: Target, stream: ByteStream, putOptions: PutOptions): Promise<Made> {
    const pieces = piecesOf(stream, chunkSize)
    try {
      const first = await pieces.next()
      if (!first.done && first.value.last) return await putKnown(target, await known({ bytes: first.value.bytes }, chunkSize), putOptions)
      return await putBlocks(target, resumed(first, pieces), putOptions, putOptions.crc32c)
    } catch (error) {
      // A stream cannot be sent again.
      throw error instanceof LostBlocks ? new TransientError(error.message, { ...error.place, hint: 'run again' }) : error
    } finally {
      await pieces.return()
    }
  }

  async function putBlocks(target: Target, pieces: Pieces, conditions: Conditions, announced: string | undefined): Promise<Made> {
    const staged = await stageBlocks(blobs, target, pieces, announced)
    const { bytes, crc32c } = staged
    try {
      const version = await underPrecondition(blobs, target.name, conditions, (version) => commitBlocks(blobs, target, version, staged))
      return { bytes, crc32c, version }
    } catch (error) {
      // What has dropped the blocks may have decided the precondition, too.
      if (error instanceof LostBlocks) await refuseUnmet(target.name, conditions)
      throw error
    }
  }

  async function refuseUnmet(name: string, { ifAbsent, ifVersion, signal }: Conditions): Promise<void> {
    if (!ifAbsent && ifVersion === undefined) return
    const there = await find(client, urlOf, name, signal)
    if (ifAbsent && there) throw isThere(urlOf(name))
    if (ifVersion !== undefined && there?.version !== ifVersion) throw isOther(urlOf(name), ifVersion)
  }

  /** What is at a name, with its checksum. */
  async function look(name: string): Promise<(Resource & Content) | undefined> {
    for (;;) {
      const blob = await find(client, urlOf, name)
      if (!blob) return undefined
      const crc32c = blob.crc32c ?? (await crcOf(client, urlOf, name, blob))
      if (crc32c !== undefined) return { ...blob, crc32c }
    }
  }

  async function copy(
    from: string,
    to: string,
    copyOptions: Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'metadata'> = {},
  ): Promise<ObjectInfo> {
    const [source, name] = [names.nameOf(from), names.nameOf(to)]
    refuseBoth(copyOptions)
    for (let sends = 1; ; ) {
      const blob = await look(source)
      if (!blob) throw notFound(urlOf(source))
      const { bytes, crc32c } = blob
      const metadata = copyOptions.metadata ?? blob.metadata
      try {
        const version = await copyBlob(blobs, { name: source, blob }, name, copyOptions, metadata, copySizes)
        return { key: to, bytes, crc32c, version, metadata }
      } catch (error) {
        if (error instanceof LostBlocks) {
          await refuseUnmet(name, copyOptions)
          if (sends++ < MOST_SENDS) continue
        }
        // Replaced meanwhile: then there is another version, or nothing.
        if (!(error instanceof NotFound)) throw error
      }
    }
  }

  async function removeKey(key: string, { ifVersion }: Pick<PutOptions, 'ifVersion'> = {}): Promise<void> {
    const name = names.nameOf(key)
    return removing(
      () => find(client, urlOf, name),
      ifVersion,
      (current) => remove(blobs, name, current.version),
      (_, wanted) => isOther(urlOf(name), wanted),
    )
  }

  async function* list(prefix: string): AsyncIterable<string> {
    refuseNul(prefix)
    for await (const name of listNames(client, urlOf, names.listPrefix(prefix))) {
      const key = names.keyOf(name)
      if (key?.startsWith(prefix)) yield key
    }
  }

  return {
    kind: 'azure',
    put,
    get: async (key, range) => download(client, urlOf, names.nameOf(key), range),
    head: async (key) => {
      const blob = await look(names.nameOf(key))
      return blob && { key, bytes: blob.bytes, version: blob.version, crc32c: blob.crc32c, metadata: blob.metadata }
    },
    list,
    copy,
    delete: removeKey,
    localPath: () => undefined,
    close: async () => undefined,
  }
}
