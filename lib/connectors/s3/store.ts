import { randomUUID } from 'node:crypto'
import type { ByteStream } from '../../core/byte-stream.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { NotFound, PermanentError, PreconditionFailed, TransientError } from '../../core/errors.ts'
import { type Known, known, piecesOf, resumed } from '../pieces.ts'
import type { ObjectInfo, PutBody, PutOptions, Store } from '../store.ts'
import { isOther, notFound, putting, refuseBoth, refuseNul, removing } from '../store-guards.ts'
import { clientOf } from './client.ts'
import { crc32cOf, download } from './download.ts'
import { LostUpload } from './faults.ts'
import { listNames } from './listing.ts'
import { bucketOf, namePrefix } from './names.ts'
import { find as findObject, type Resource } from './objects.ts'
import type { S3Options } from './options.ts'
import { DEFAULT_PART_BYTES } from './settings.ts'
import { abortUpload, beginUpload, completeUpload, copyParts, MOST_PARTS, putWhole, sendParts, type Target, type Upload } from './upload.ts'
import { type Conditions, type Content, remove, settled, underGuard } from './write.ts'

const MOST_UPLOADS = 3
/** S3 copies 5 GiB at once; less, so that each answer comes within the time-out. */
const COPIED_AT_ONCE = 2 * 2 ** 30

/**
 * A bucket as a store. The commit is one request that the bucket decides by ETag: PutObject, or CompleteMultipartUpload where there are parts. Either has the CRC32C of the whole content, and the bucket refuses other bytes.
 * Copies are made in parts, too: not every server heeds the precondition of CopyObject (versitygw 1.8.0 does not, and says nothing).
 */
export function openS3Store(options: S3Options, clock: Clock = systemClock, copiedAtOnce = COPIED_AT_ONCE): Store {
  const client = clientOf(options, clock)
  const bucket = bucketOf(options.bucket, namePrefix(options.prefix))
  const { partSize = DEFAULT_PART_BYTES } = options

  async function put(key: string, body: PutBody, putOptions: PutOptions = {}): Promise<ObjectInfo> {
    const name = bucket.nameOf(key)
    const find = () => findObject(client, bucket, name, putOptions.signal)
    return putting(bucket.urlOf(name), body, putOptions, find, async () => {
      const { contentType, metadata = {}, signal } = putOptions
      const target = { name, contentType, metadata, write: randomUUID(), signal }
      const made =
        'stream' in body
          ? await putStream(target, body.stream, putOptions)
          : await putKnown(target, await known(body, partSize), putOptions)
      return infoOf(key, made)
    })
  }

  async function putKnown(target: Target, content: Known, putOptions: PutOptions): Promise<Resource> {
    refuseOther(content.crc32c, putOptions.crc32c)
    if (content.bytes > partSize) return putFile(target, content, putOptions)
    // A piece's bytes are valid until the next one is asked for.
    for await (const { bytes } of content.pieces())
      return await underGuard(client, bucket, target.name, putOptions, (guard) =>
        settled(client, bucket, { ...target, guard, content }, () => putWhole(client, bucket, target, bytes, content, guard)),
      )
    throw new Error('a body without a piece')
  }

  async function putFile(target: Target, content: Known, conditions: Conditions): Promise<Resource> {
    // So large that each of 10,000 parts has more: whole MiB, which the body is cut anew in.
    const size = Math.max(partSize, Math.ceil(content.bytes / MOST_PARTS / 2 ** 20) * 2 ** 20)
    for (let upload = 1; ; upload++) {
      try {
        return await inParts(target, conditions, (parts) => sendParts(client, bucket, parts, content.pieces(size)))
      } catch (error) {
        if (!(error instanceof LostUpload) || upload === MOST_UPLOADS) throw error
      }
    }
  }

  async function putStream(target: Target, stream: ByteStream, putOptions: PutOptions): Promise<Resource> {
    const pieces = piecesOf(stream, partSize)
    try {
      const first = await pieces.next()
      if (!first.done && first.value.last) return await putKnown(target, await known({ bytes: first.value.bytes }, partSize), putOptions)
      return await inParts(target, putOptions, async (parts) => {
        const content = await sendParts(client, bucket, parts, resumed(first, pieces))
        refuseOther(content.crc32c, putOptions.crc32c)
        return content
      })
    } catch (error) {
      throw toBeRunAgain(error)
    } finally {
      await pieces.return()
    }
  }

  /** One upload, from its begin to its commit; given up when anything fails. */
  async function inParts(target: Target, conditions: Conditions, fill: (upload: Upload) => Promise<Content>): Promise<Resource> {
    const upload = await beginUpload(client, bucket, target)
    try {
      const content = await fill(upload)
      return await underGuard(client, bucket, target.name, conditions, (guard) =>
        settled(client, bucket, { ...target, guard, content }, () => completeUpload(client, bucket, upload, content, guard)),
      )
    } catch (error) {
      await abortUpload(client, bucket, upload)
      throw error
    }
  }

  async function copy(
    from: string,
    to: string,
    copyOptions: Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'metadata'> = {},
  ): Promise<ObjectInfo> {
    const [source, name] = [bucket.nameOf(from), bucket.nameOf(to)]
    refuseBoth(copyOptions)
    for (;;) {
      const object = await findObject(client, bucket, source)
      if (!object) throw notFound(bucket.urlOf(source))
      const content = { bytes: object.bytes, crc32c: await crc32cOf(client, bucket, source, object) }
      const { metadata = object.metadata } = copyOptions
      const target: Target = { name, contentType: object.contentType, metadata, write: randomUUID() }
      if (content.bytes === 0) return infoOf(to, await putKnown(target, await known({ bytes: '' }, partSize), copyOptions))
      try {
        const made = await inParts(target, copyOptions, async (upload) => {
          await copyParts(client, bucket, upload, { name: source, object }, copiedAtOnce).catch(replaced)
          return content
        })
        return infoOf(to, made)
      } catch (error) {
        // The source was replaced between the two requests: then there is another one, or nothing.
        if (!(error instanceof ReplacedSource)) throw toBeRunAgain(error)
      }
    }
  }

  async function removeKey(key: string, { ifVersion }: Pick<PutOptions, 'ifVersion'> = {}): Promise<void> {
    const name = bucket.nameOf(key)
    return removing(
      () => findObject(client, bucket, name),
      ifVersion,
      (current) => remove(client, bucket, name, current),
      (current, wanted) => isOther(bucket.urlOf(name), wanted, current.version),
    )
  }

  async function* list(prefix: string): AsyncIterable<string> {
    refuseNul(prefix)
    for await (const name of listNames(client, bucket, bucket.prefix + prefix)) {
      const key = bucket.keyOf(name)
      if (key !== undefined) yield key
    }
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    const name = bucket.nameOf(key)
    for (;;) {
      const object = await findObject(client, bucket, name)
      if (!object) return undefined
      try {
        return infoOf(key, { ...object, crc32c: await crc32cOf(client, bucket, name, object) })
      } catch (error) {
        // A foreign object, replaced while its checksum was computed.
        if (!(error instanceof PreconditionFailed)) throw error
      }
    }
  }

  return {
    kind: 's3',
    put,
    get: async (key, range) => download(client, bucket, bucket.nameOf(key), range),
    head,
    list,
    copy,
    delete: removeKey,
    localPath: () => undefined,
    close: () => client.close(),
  }
}

/** A lost upload of a stream, which cannot be read again but by whoever makes it, or of a copy. */
function toBeRunAgain(error: unknown): unknown {
  return error instanceof LostUpload ? new TransientError(error.message, { ...error.place, hint: 'run again' }) : error
}

class ReplacedSource extends PermanentError {}

function replaced(error: unknown): never {
  if (error instanceof PreconditionFailed || error instanceof NotFound) throw new ReplacedSource(error.message, { ...error.place })
  throw error
}

/** @throws PermanentError when content is not what its writer announced */
function refuseOther(crc32c: string, announced: string | undefined): void {
  if (announced !== undefined && announced !== crc32c)
    throw new PermanentError(`the content has crc32c ${crc32c}, not ${announced} as announced`, {
      hint: 'it was damaged on the way: run again',
    })
}

function infoOf(key: string, { bytes, version, crc32c = '', metadata }: Resource): ObjectInfo {
  return { key, bytes, version, crc32c, metadata }
}
