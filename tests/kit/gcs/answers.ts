import { appendFileSync, copyFileSync, createReadStream, openSync, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { type Described, type Objects, resourceOf, type Stored, sumsOf } from './objects.ts'
import { preconditionsOf, requireAll } from './preconditions.ts'
import { invalid, noObject } from './problem.ts'
import type { Asked } from './request.ts'

/** What is sent back. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly stream?: Readable
}

/** The requests that are neither uploads nor tokens. */
export function answerTo(
  objects: Objects,
  asked: Asked,
  body: unknown,
  limits: { readonly rewriteBytes: number; readonly pageSize: number },
): Answer {
  const { operation, bucket, name, query } = asked
  objects.requireBucket(bucket)
  if (operation === 'list') return { status: 200, json: listOf(objects, bucket, query, limits.pageSize) }
  if (operation === 'compose') return compose(objects, asked, body)
  const object = liveOf(objects, bucket, name, query.get('generation') ?? query.get('sourceGeneration'))
  if (operation === 'copy' || operation === 'rewrite') return copy(objects, asked, object, body, limits.rewriteBytes)
  requireAll(preconditionsOf(query), object, operation === 'head' || operation === 'media')
  if (operation === 'head') return { status: 200, json: resourceOf(object) }
  if (operation === 'media') return mediaOf(objects, object, asked)
  if (operation === 'delete') {
    objects.remove(object)
    return { status: 204 }
  }
  return patch(objects, object, body as Described)
}

function liveOf(objects: Objects, bucket: string, name: string, generation: string | null): Stored {
  const object = objects.find(bucket, name)
  if (!object || (generation !== null && object.generation !== generation)) throw noObject(bucket, name)
  return object
}

/** `items` and `prefixes`, as many as `maxResults` at once; the page token is the last name. */
function listOf(objects: Objects, bucket: string, query: URLSearchParams, pageSize: number): unknown {
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
  const most = Math.min(Number(query.get('maxResults') ?? pageSize), pageSize)
  const token = query.get('pageToken')
  const after = token === null ? '' : Buffer.from(token, 'base64').toString()
  const items: unknown[] = []
  const prefixes: string[] = []
  let last = ''
  for (const name of objects.names(bucket)) {
    if (
      !name.startsWith(prefix) ||
      (after !== '' &&
        (Buffer.compare(Buffer.from(name), Buffer.from(after)) <= 0 ||
          (delimiter !== '' && after.endsWith(delimiter) && name.startsWith(after))))
    )
      continue
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length)
    const folder = cut < 0 ? undefined : name.slice(0, cut + delimiter.length)
    if (folder !== undefined && folder === prefixes.at(-1)) continue
    if (items.length + prefixes.length === most)
      return { kind: 'storage#objects', items, prefixes, nextPageToken: Buffer.from(last).toString('base64') }
    const object = objects.find(bucket, name)
    if (folder !== undefined) prefixes.push(folder)
    else if (object) items.push(resourceOf(object))
    last = folder ?? name
  }
  return { kind: 'storage#objects', ...(items.length > 0 && { items }), ...(prefixes.length > 0 && { prefixes }) }
}

function mediaOf(objects: Objects, object: Stored, { headers }: Asked): Answer {
  const hash = [`crc32c=${object.crc32c}`, ...(object.md5Hash === undefined ? [] : [`md5=${object.md5Hash}`])].join(',')
  const common = {
    'Content-Type': object.contentType ?? 'application/octet-stream',
    'x-goog-hash': hash,
    'x-goog-generation': object.generation,
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-stored-content-length': String(object.size),
    'Accept-Ranges': 'bytes',
    ...(object.contentEncoding !== undefined && { 'Content-Encoding': object.contentEncoding }),
  }
  const path = objects.pathOf(object.blob)
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? []
  if (from === '' && to === '') {
    const stream = object.size === 0 ? Readable.from([]) : streamOf(path)
    return { status: 200, headers: { ...common, 'Content-Length': String(object.size) }, stream }
  }
  const start = from === '' ? Math.max(0, object.size - Number(to)) : Number(from)
  const end = Math.min(from === '' || to === '' ? object.size - 1 : Number(to), object.size - 1)
  if (start >= object.size || end < start)
    return { status: 416, headers: { 'Content-Range': `bytes */${object.size}` }, json: { error: { code: 416 } } }
  return {
    status: 206,
    headers: { ...common, 'Content-Length': String(end - start + 1), 'Content-Range': `bytes ${start}-${end}/${object.size}` },
    stream: streamOf(path, { start, end }),
  }
}

/** Opened now: the object may be replaced before the first byte is sent. */
function streamOf(path: string, range: { readonly start?: number; readonly end?: number } = {}): Readable {
  return createReadStream('', { fd: openSync(path, 'r'), ...range })
}

function patch(objects: Objects, object: Stored, body: Described): Answer {
  if (body.contentType !== undefined) object.contentType = body.contentType
  if (body.metadata !== undefined) object.metadata = { ...object.metadata, ...body.metadata }
  object.metageneration++
  object.updated = new Date().toISOString()
  objects.change(object)
  return { status: 200, json: resourceOf(object) }
}

/** Copies of more than `rewriteBytes` need several calls of rewrite, each with the token of the one before. */
function copy(objects: Objects, { operation, query, to }: Asked, source: Stored, body: unknown, rewriteBytes: number): Answer {
  if (!to) throw invalid('a copy without a destination')
  objects.requireBucket(to.bucket)
  requireAll(preconditionsOf(query, 'Source'), source)
  requireAll(preconditionsOf(query), objects.find(to.bucket, to.name))
  const done = Number(query.get('rewriteToken')?.split(':')[1] ?? 0) + rewriteBytes
  if (operation === 'rewrite' && done < source.size)
    return {
      status: 200,
      json: {
        kind: 'storage#rewriteResponse',
        done: false,
        objectSize: String(source.size),
        totalBytesRewritten: String(done),
        rewriteToken: `token:${done}`,
      },
    }
  const blob = objects.newBlob()
  copyFileSync(objects.pathOf(source.blob), objects.pathOf(blob))
  // A body takes the place of all that describes the source.
  const described = body === undefined ? source : (body as Described)
  const { size, crc32c, md5Hash = '' } = source
  const made = objects.commit(to.bucket, to.name, blob, { size, crc32c, md5Hash }, described, source.md5Hash !== undefined)
  if (operation === 'copy') return { status: 200, json: resourceOf(made) }
  return {
    status: 200,
    json: {
      kind: 'storage#rewriteResponse',
      done: true,
      objectSize: String(size),
      totalBytesRewritten: String(size),
      resource: resourceOf(made),
    },
  }
}

interface ComposeBody {
  readonly sourceObjects?: readonly {
    readonly name: string
    readonly generation?: string
    readonly objectPreconditions?: { readonly ifGenerationMatch?: string }
  }[]
  readonly destination?: Described
}

function compose(objects: Objects, { bucket, name, query }: Asked, body: unknown): Answer {
  const { sourceObjects = [], destination = {} } = (body ?? {}) as ComposeBody
  if (sourceObjects.length === 0 || sourceObjects.length > 32)
    throw invalid('The number of source components provided must be between 1 and 32')
  requireAll(preconditionsOf(query), objects.find(bucket, name))
  const sources = sourceObjects.map(({ name: source, generation, objectPreconditions }) => {
    const object = liveOf(objects, bucket, source, generation ?? null)
    const match = objectPreconditions?.ifGenerationMatch
    requireAll(match === undefined ? {} : { GenerationMatch: String(match) }, object)
    return object
  })
  const blob = objects.newBlob()
  for (const source of sources) appendFileSync(objects.pathOf(blob), readFileSync(objects.pathOf(source.blob)))
  return { status: 200, json: resourceOf(objects.commit(bucket, name, blob, sumsOf(objects.pathOf(blob)), destination, false)) }
}
