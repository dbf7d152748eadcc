import { randomUUID } from 'node:crypto'
import type { ByteStream } from '../../core/byte-stream.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { NotFound } from '../../core/errors.ts'
import { type Known, known, type Pieces, piecesOf, resumed } from '../pieces.ts'
import type { ObjectInfo, PutBody, PutOptions, Store } from '../store.ts'
import { isOther, notFound, putting, refuseBoth, refuseNul, removing } from '../store-guards.ts'
import { clientOf } from './client.ts'
import { download } from './download.ts'
import { deadTemporaries, listNames } from './listing.ts'
import { namePrefix, namesUnder } from './names.ts'
import type { GcsOptions } from './options.ts'
import { bucketOf, find, type Resource } from './resource.ts'
import { LostSession, refuseOther, type Target, uploadPieces, uploadWhole } from './upload.ts'
import { type Content, remove, repeated, rewrite, type Source, settled, type Tell, underPrecondition } from './write.ts'

/** Metadata of a temporary: the key that it is for. */
const FOR_KEY = 'millrace-key'
const MOST_SESSIONS = 3

type Conditions = Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'signal'>

/**
 * A bucket as a store. The commit is one request that the bucket decides by generation. Bytes and files, and streams that end within one chunk, have their CRC32C computed before they are sent, and the bucket
 * refuses others; so has a longer stream whose checksum was announced. Any other stream goes to a temporary name, is compared, and is copied to its own by the bucket.
 */
export function openGcsStore(options: GcsOptions, clock: Clock = systemClock): Store & Required<Pick<Store, 'sweep'>> {
  const client = clientOf(options, clock)
  const bucket = bucketOf(options.bucket)
  const names = namesUnder(namePrefix(options.prefix))
  const { chunkSize = 8 * 2 ** 20 } = options

  async function put(key: string, body: PutBody, putOptions: PutOptions = {}): Promise<ObjectInfo> {
    const name = names.nameOf(key)
    const there = () => find(client, bucket, name, putOptions.signal)
    return putting(bucket.urlOf(name), body, putOptions, there, async () => {
      const made =
        'stream' in body
          ? await putStream(key, name, body.stream, putOptions)
          : await putKnown(name, await known(body, chunkSize), putOptions)
      return infoOf(key, made)
    })
  }

  async function putKnown(name: string, content: Known, putOptions: PutOptions): Promise<Resource> {
    const { contentType, metadata = {}, signal } = putOptions
    refuseOther(content.crc32c, putOptions.crc32c)
    return underPrecondition(client, bucket, name, putOptions, (generation) => {
      const target: Target = { name, ifGenerationMatch: generation, crc32c: content.crc32c, contentType, metadata, signal }
      return settled(client, bucket, { name, generation, content: () => content, signal }, (tell) => upload(target, content, tell))
    })
  }

  async function upload(target: Target, content: Known, tell: Tell): Promise<Resource> {
    if (content.bytes <= chunkSize) {
      // A piece's bytes are valid until the next one is asked for.
      for await (const { bytes } of content.pieces())
        return await repeated(client, tell, target.signal, () => uploadWhole(client, bucket, target, bytes))
    }
    for (let session = 1; ; session++) {
      try {
        return await uploadPieces(client, bucket, target, content.pieces(), content.crc32c)
      } catch (error) {
        if (!(error instanceof LostSession) || session === MOST_SESSIONS) throw error
        tell(error)
      }
    }
  }

  async function putStream(key: string, name: string, stream: ByteStream, putOptions: PutOptions): Promise<Resource> {
    const pieces = piecesOf(stream, chunkSize)
    try {
      const first = await pieces.next()
      if (!first.done && first.value.last) return await putKnown(name, await known({ bytes: first.value.bytes }, chunkSize), putOptions)
      return await putLong(key, name, resumed(first, pieces), putOptions)
    } finally {
      await pieces.return()
    }
  }

  async function putLong(key: string, name: string, pieces: Pieces, putOptions: PutOptions): Promise<Resource> {
    const { contentType, metadata = {}, signal, crc32c, ifAbsent, ifVersion } = putOptions
    let content = { bytes: 0, crc32c: '' }
    const measured = measuring(pieces, (measures) => {
      content = measures
    })
    const write = (target: Target) =>
      settled(client, bucket, { name: target.name, generation: target.ifGenerationMatch, content: () => content, signal }, () =>
        uploadPieces(client, bucket, target, measured, crc32c),
      )
    // One that may replace whatever is there may have to be done again, which a stream cannot.
    if (crc32c !== undefined && (ifAbsent || ifVersion !== undefined))
      return underPrecondition(client, bucket, name, putOptions, (ifGenerationMatch) =>
        write({ name, ifGenerationMatch, crc32c, contentType, metadata, signal }),
      )
    const temporary = names.temporary(randomUUID())
    const staged = await write({ name: temporary, ifGenerationMatch: '0', contentType, metadata: { [FOR_KEY]: key }, signal })
    try {
      return await copyObject({ name: temporary, object: staged }, name, putOptions, { contentType, metadata })
    } finally {
      // Without the signal, which may have aborted. What stays all the same is hidden, and swept.
      await remove(client, bucket, temporary, staged.version).catch(() => undefined)
    }
  }

  /** `resource` says what replaces the metadata; without it, they are copied. */
  async function copyObject(from: Source, to: string, conditions: Conditions, resource?: object): Promise<Resource> {
    const { signal } = conditions
    return underPrecondition(client, bucket, to, conditions, (generation) =>
      settled(client, bucket, { name: to, generation, content: () => from.object, signal }, (tell) =>
        repeated(client, tell, signal, () =>
          rewrite(client, bucket, from, { name: to, generation, signal, ...(resource && { resource }) }),
        ),
      ),
    )
  }

  async function copy(
    from: string,
    to: string,
    copyOptions: Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'metadata'> = {},
  ): Promise<ObjectInfo> {
    const [source, name] = [names.nameOf(from), names.nameOf(to)]
    refuseBoth(copyOptions)
    const { metadata } = copyOptions
    for (;;) {
      const object = await find(client, bucket, source)
      if (!object) throw notFound(bucket.urlOf(source))
      try {
        const resource = metadata && { contentType: object.contentType, metadata }
        return infoOf(to, await copyObject({ name: source, object }, name, copyOptions, resource))
      } catch (error) {
        // Replaced between the two requests: then there is another generation, or nothing.
        if (!(error instanceof NotFound)) throw error
      }
    }
  }

  async function removeKey(key: string, { ifVersion }: Pick<PutOptions, 'ifVersion'> = {}): Promise<void> {
    const name = names.nameOf(key)
    return removing(
      () => find(client, bucket, name),
      ifVersion,
      (current) => remove(client, bucket, name, current.version),
      (current, wanted) => isOther(bucket.urlOf(name), wanted, current.version),
    )
  }

  async function* list(prefix: string): AsyncIterable<string> {
    refuseNul(prefix)
    for await (const name of listNames(client, bucket, names.listPrefix(prefix))) {
      const key = names.keyOf(name)
      if (key?.startsWith(prefix)) yield key
    }
  }

  async function sweep(prefix: string): Promise<number> {
    let removed = 0
    for await (const { name, version, metadata } of deadTemporaries(client, bucket, names.temporaries)) {
      if (!metadata[FOR_KEY]?.startsWith(prefix)) continue
      await remove(client, bucket, name, version)
      removed++
    }
    return removed
  }

  return {
    kind: 'gcs',
    put,
    get: async (key, range) => download(client, bucket, names.nameOf(key), range),
    head: async (key) => {
      const object = await find(client, bucket, names.nameOf(key))
      return object && infoOf(key, object)
    },
    list,
    copy,
    delete: removeKey,
    localPath: () => undefined,
    sweep,
    close: async () => undefined,
  }
}

async function* measuring(pieces: Pieces, measure: (measures: Content) => void): Pieces {
  for await (const piece of pieces) {
    if (piece.last) measure({ bytes: piece.offset + piece.bytes.length, crc32c: piece.crc32c })
    yield piece
  }
}

function infoOf(key: string, { bytes, version, crc32c, metadata }: Resource): ObjectInfo {
  return { key, bytes, version, crc32c, metadata }
}
