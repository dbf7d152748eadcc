import { crc32c } from '@node-rs/crc32'
import { crcText } from '../../core/checksums.ts'
import { PermanentError } from '../../core/errors.ts'
import type { Pieces } from '../pieces.ts'
import type { Client } from './client.ts'
import type { Doing } from './faults.ts'
import { withWrite } from './metadata.ts'
import type { Bucket } from './names.ts'
import { base64Of, crcOf, type Described, type Resource, versionOf } from './objects.ts'
import type { Content, Guard } from './write.ts'

/** S3 takes so many parts of one upload. */
export const MOST_PARTS = 10_000
const ABORT_MS = 10_000
const MOST_ABORTS = 5
const ABORT_AGAIN_MS = 200
/** How long a begun upload's id is waited for after a stop. */
const ID_MS = 10_000

/** What an upload makes. */
export interface Target {
  readonly name: string
  readonly contentType?: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** The mark of the write. */
  readonly write: string
  readonly signal?: AbortSignal | undefined
}

/** Bytes that fit into one request, in one request: S3 refuses those that have another CRC32C. One try. */
export async function putWhole(
  client: Client,
  bucket: Bucket,
  target: Target,
  bytes: Uint8Array,
  content: Content,
  { headers }: Guard,
): Promise<Resource> {
  const input = { ...placeOf(bucket, target), ...descriptionOf(target), ...headers, Body: bytes, ChecksumCRC32C: base64Of(content.crc32c) }
  const made = await client.call(doingOf(bucket, target), (calls, options) => calls.putObject(input, options), target.signal)
  return resourceFor(bucket, target, content, made)
}

/** A part that S3 has. */
interface Part {
  readonly PartNumber: number
  readonly ETag: string
  readonly ChecksumCRC32C?: string
}

/** An upload in parts. Nobody sees anything of it until it is complete. */
export interface Upload {
  readonly target: Target
  readonly id: string
  readonly parts: Part[]
}

/** Begins an upload whose parts and whole have a CRC32C. A stop waits for the answer: without its id, nobody could give the upload up. */
export async function beginUpload(client: Client, bucket: Bucket, target: Target): Promise<Upload> {
  const doing = doingOf(bucket, target)
  const later = laterThan(target.signal, ID_MS)
  const checked = { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' } as const
  const input = { ...placeOf(bucket, target), ...descriptionOf(target), ...checked }
  const begin = () => client.call(doing, (calls, options) => calls.createMultipartUpload(input, options), later.signal)
  const { UploadId } = await client.retry(begin, target.signal).finally(later.forget)
  if (UploadId === undefined) throw answeredNothing(doing, 'began no upload')
  return { target, id: UploadId, parts: [] }
}

/** A signal that aborts some time after another, for the same reason, until it is forgotten. */
function laterThan(signal: AbortSignal | undefined, ms: number): { readonly signal: AbortSignal; readonly forget: () => void } {
  const later = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const wait = () => {
    timer = setTimeout(() => later.abort(signal?.reason), ms)
  }
  signal?.addEventListener('abort', wait)
  const forget = () => {
    signal?.removeEventListener('abort', wait)
    clearTimeout(timer)
  }
  return { signal: later.signal, forget }
}

/** Sends the pieces of a body as parts, each repeated by itself; gives what the whole is. @throws PermanentError for more than 10,000 */
export async function sendParts(client: Client, bucket: Bucket, upload: Upload, pieces: Pieces): Promise<Content> {
  const { target, parts } = upload
  const doing = doingOf(bucket, target)
  for await (const { bytes, offset, last, crc32c: whole } of pieces) {
    if (parts.length === MOST_PARTS)
      throw new PermanentError(`cannot ${doing.what}: it has more than ${MOST_PARTS} parts`, {
        file: doing.file,
        hint: 'set a larger partSize in s3(…)',
      })
    const checksum = base64Of(crcText(crc32c(bytes)))
    const number = parts.length + 1
    const input = { ...placeOf(bucket, target), UploadId: upload.id, PartNumber: number, Body: bytes, ChecksumCRC32C: checksum }
    const send = () => client.call(doing, (calls, options) => calls.uploadPart(input, options), target.signal)
    const { ETag, ChecksumCRC32C } = await client.retry(send, target.signal)
    parts.push(partOf(doing, number, ETag, ChecksumCRC32C))
    if (last) return { bytes: offset + bytes.length, crc32c: whole }
  }
  throw new Error('pieces without a last one')
}

/** Copies an object's bytes into parts, on the server; `from` must still have the given content. @throws PreconditionFailed, NotFound */
export async function copyParts(
  client: Client,
  bucket: Bucket,
  upload: Upload,
  from: { readonly name: string; readonly object: Resource },
  mostBytes: number,
): Promise<void> {
  const { target, parts } = upload
  const [source, to] = [bucket.urlOf(from.name), bucket.urlOf(target.name)]
  const doing = { what: `copy ${source} to ${to}`, file: source }
  for (const range of rangesOf(from.object.bytes, mostBytes)) {
    const number = parts.length + 1
    const input = {
      ...placeOf(bucket, target),
      UploadId: upload.id,
      PartNumber: number,
      CopySource: `${bucket.name}/${encodeURIComponent(from.name)}`,
      CopySourceIfMatch: `"${from.object.etag}"`,
      ...(range !== undefined && { CopySourceRange: range }),
    }
    const send = () => client.call(doing, (calls, options) => calls.uploadPartCopy(input, options), target.signal)
    const { CopyPartResult } = await client.retry(send, target.signal)
    parts.push(partOf(doing, number, CopyPartResult?.ETag, CopyPartResult?.ChecksumCRC32C))
  }
}

/** Makes the object of an upload, in one step that S3 decides by the guard; refused where the parts have another CRC32C. One try; after a 412 the upload is still there. */
export async function completeUpload(
  client: Client,
  bucket: Bucket,
  upload: Upload,
  content: Content,
  { headers }: Guard,
): Promise<Resource> {
  const { target, id, parts } = upload
  const input = {
    ...placeOf(bucket, target),
    ...headers,
    UploadId: id,
    MultipartUpload: { Parts: parts },
    ChecksumCRC32C: base64Of(content.crc32c),
    ChecksumType: 'FULL_OBJECT',
  } as const
  const made = await client.call(doingOf(bucket, target), (calls, options) => calls.completeMultipartUpload(input, options), target.signal)
  return resourceFor(bucket, target, content, made)
}

/**
 * Gives up an upload: its parts go. Without the caller's signal, which may have aborted; what cannot be reached now is left to the bucket's lifecycle rule. Asked again until S3 knows nothing of it: a part that was under way when
 * its request was given up may still arrive.
 */
export async function abortUpload(client: Client, bucket: Bucket, { target, id }: Upload): Promise<void> {
  const signal = AbortSignal.timeout(ABORT_MS)
  const input = { ...placeOf(bucket, target), UploadId: id }
  const abort = () => client.call(doingOf(bucket, target), (calls, options) => calls.abortMultipartUpload(input, options), signal)
  try {
    for (let time = 0; time < MOST_ABORTS; time++) {
      await client.retry(abort, signal)
      await client.clock.sleep(ABORT_AGAIN_MS, signal)
    }
  } catch {
    // It is gone, or cannot be reached.
  }
}

/** The ranges of a copy as S3 writes them, each of `mostBytes` at most; of what fits into one: all, which needs none. */
export function rangesOf(bytes: number, mostBytes: number): readonly (string | undefined)[] {
  if (bytes <= mostBytes) return [undefined]
  const size = Math.max(mostBytes, Math.ceil(bytes / MOST_PARTS))
  return Array.from({ length: Math.ceil(bytes / size) }, (_, i) => `bytes=${i * size}-${Math.min((i + 1) * size, bytes) - 1}`)
}

function partOf(doing: Doing, PartNumber: number, ETag: string | undefined, ChecksumCRC32C: string | undefined): Part {
  if (ETag === undefined) throw answeredNothing(doing, 'took no part')
  return { PartNumber, ETag, ...(ChecksumCRC32C !== undefined && { ChecksumCRC32C }) }
}

/** The object that an answer to a write means. */
function resourceFor(bucket: Bucket, target: Target, content: Content, answer: Described): Resource {
  const { metadata, write, contentType } = target
  if (answer.ETag === undefined) throw answeredNothing(doingOf(bucket, target), 'made no object')
  const etag = answer.ETag.replace(/^"|"$/g, '')
  return { etag, version: versionOf(etag, write), bytes: content.bytes, crc32c: crcOf(answer), metadata, write, contentType }
}

function answeredNothing({ file }: Doing, what: string): PermanentError {
  return new PermanentError(`what answered for ${file} ${what}`, {
    file,
    hint: 'check `endpoint`, and whether a proxy answers in its place',
  })
}

const placeOf = (bucket: Bucket, { name }: Target) => ({ Bucket: bucket.name, Key: name })

const descriptionOf = ({ contentType, metadata, write }: Target) => ({
  Metadata: withWrite(metadata, write),
  ...(contentType !== undefined && { ContentType: contentType }),
})

function doingOf(bucket: Bucket, { name }: Target): Doing {
  const file = bucket.urlOf(name)
  return { what: `write ${file}`, file }
}
