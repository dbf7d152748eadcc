import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Answer, answerTo } from './answers.ts'
import type { Fault, FaultPlan } from './faults.ts'
import { insertOf, partsOf } from './insert.ts'
import { type Described, type Objects, refuseName, resourceOf } from './objects.ts'
import { preconditionsOf } from './preconditions.ts'
import { invalid, Problem } from './problem.ts'
import { type Asked, askedOf, type Operation } from './request.ts'
import { chunkRangeOf, hashOfHeader, type Progress, refuseChunk, type Uploads } from './uploads.ts'

/** A request that came, for assertions. */
export interface Recorded {
  readonly operation: Operation
  readonly method: string
  readonly bucket: string
  readonly name: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The JSON that described an object. */
  described?: unknown
  /** Bytes of content that were received. */
  bytes: number
  /** Undefined: nothing was answered. */
  status?: number
}

export interface Serving {
  readonly objects: Objects
  readonly uploads: Uploads
  readonly plan: FaultPlan
  readonly requests: Recorded[]
  readonly tokens: { issued: number; readonly valid: Set<string> }
  readonly requireToken: boolean
  readonly rewriteBytes: number
  readonly pageSize: number
  readonly ignorePreconditions: boolean
  readonly baseUrl: () => string
}

/** The client is to see no answer. */
class Vanish extends Error {}

export function handlerOf(serving: Serving): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { objects, uploads, plan, requests, tokens } = serving

  return async (request, response) => {
    if (request.url?.startsWith('/_control/')) return control(serving, request, response)
    const { socket } = request
    const asked = askedOf(request)
    if (serving.ignorePreconditions) for (const name of [...asked.query.keys()]) if (/^if[A-Z]/.test(name)) asked.query.delete(name)
    const record: Recorded = {
      ...{ operation: asked.operation, method: request.method ?? '', bucket: asked.bucket, bytes: 0, headers: request.headers },
      name: asked.name || sessionName(asked),
      query: Object.fromEntries(asked.query),
    }
    requests.push(record)
    const fault = plan.next(asked.operation, record.name)
    try {
      const answer = await answered(request, asked, record, fault)
      if (fault?.kind === 'lose-reply') throw new Vanish()
      await send(response, answer, fault, record)
    } catch (error) {
      if (error instanceof Vanish) return void socket.resetAndDestroy()
      if (fault?.kind === 'stall' || socket.destroyed) return
      if (response.headersSent) return void socket.destroy()
      request.resume()
      const problem =
        error instanceof Problem ? error : new Problem(500, 'backendError', String(error instanceof Error ? error.stack : error))
      await send(response, { status: problem.status, json: problem.body() }, undefined, record)
    }
  }

  function sessionName({ query }: Asked): string {
    const id = query.get('upload_id')
    try {
      return id === null ? '' : uploads.find(id).name
    } catch {
      return ''
    }
  }

  async function answered(request: IncomingMessage, asked: Asked, record: Recorded, fault: Fault | undefined): Promise<Answer> {
    if (fault?.kind === 'stall') return new Promise<Answer>(() => undefined)
    if (fault?.kind === 'status') {
      const { status, reason = 'backendError', headers, body } = fault
      const sent = await buffer(request).catch(() => Buffer.alloc(0))
      record.described = describedIn(asked, sent)
      const json = body === undefined ? new Problem(status, reason, `injected ${status}`).body() : undefined
      return { status, ...(headers && { headers }), ...(json ? { json } : { stream: Readable.from([body ?? '']) }) }
    }
    if (asked.operation === 'token') {
      await buffer(request)
      const token = `secret-token-${++tokens.issued}`
      tokens.valid.add(token)
      const json = {
        access_token: token,
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 3600,
      }
      return { status: 200, json }
    }
    requireToken(asked)
    const body = received(request, record, fault)
    if (asked.operation === 'chunk' || asked.operation === 'status') return chunk(asked, body, fault)
    if (asked.operation === 'cancel') {
      uploads.cancel(uploads.find(asked.query.get('upload_id') ?? ''))
      return { status: 499, json: {} }
    }
    if (asked.operation === 'insert') {
      objects.requireBucket(asked.bucket)
      const content = Buffer.concat(await collected(body))
      record.described = describedIn(asked, content)
      return { status: 200, json: resourceOf(insertOf(objects, asked, content, fault?.kind === 'corrupt')) }
    }
    const json = jsonOf(Buffer.concat(await collected(body)))
    if (json !== undefined) record.described = json
    if (asked.operation === 'start') return start(asked, (json ?? {}) as Described)
    if (asked.operation === 'unknown') throw new Problem(404, 'notFound', 'Not Found')
    return answerTo(objects, asked, json, serving)
  }

  function requireToken({ headers }: Asked): void {
    if (serving.requireToken && !tokens.valid.has(headers.authorization?.replace('Bearer ', '') ?? ''))
      throw new Problem(401, 'authError', 'Invalid Credentials')
  }

  function start(asked: Asked, described: Described & { readonly name?: string }): Answer {
    objects.requireBucket(asked.bucket)
    const name = asked.name || described.name || ''
    refuseName(name)
    const type = asked.headers['x-upload-content-type']
    const session = uploads.start(asked.bucket, name, preconditionsOf(asked.query), {
      ...(typeof type === 'string' && { contentType: type }),
      ...described,
    })
    const path = `/resumable/upload/storage/v1/b/${encodeURIComponent(asked.bucket)}/o?uploadType=resumable&upload_id=${session.id}`
    return { status: 200, headers: { Location: `${serving.baseUrl()}${path}`, 'X-GUploader-UploadID': session.id }, json: {} }
  }

  async function chunk(asked: Asked, body: AsyncIterable<Buffer>, fault: Fault | undefined): Promise<Answer> {
    const session = uploads.find(asked.query.get('upload_id') ?? '')
    const range = chunkRangeOf(asked.headers['content-range'], Number(asked.headers['content-length'] ?? 0))
    if (session.made) {
      await collected(body)
      return progress({ made: session.made })
    }
    const before = uploads.keptOf(session)
    refuseChunk(range, before)
    // What the session has already is not written again.
    let skip = before - (range.start ?? before)
    try {
      for await (const bytes of body) {
        const fresh = bytes.subarray(Math.min(skip, bytes.length))
        skip -= bytes.length - fresh.length
        uploads.append(session, fresh)
      }
    } catch (error) {
      uploads.brokenOff(session)
      throw error
    }
    if (fault?.kind === 'keep') {
      uploads.cutTo(session, before + fault.bytes)
      uploads.brokenOff(session)
    }
    const kept = uploads.keptOf(session)
    if (range.total === undefined || kept < range.total) return progress({ kept })
    const made = uploads.finish(session, hashOfHeader(asked.headers['x-goog-hash']), fault?.kind === 'corrupt')
    return progress({ made })
  }
}

function progress(at: Progress): Answer {
  if ('made' in at) return { status: 200, json: resourceOf(at.made) }
  return { status: 308, ...(at.kept > 0 && { headers: { Range: `bytes=0-${at.kept - 1}` } }) }
}

/** The body as it comes; a reset takes what came before it, and no more. */
async function* received(request: IncomingMessage, record: Recorded, fault: Fault | undefined): AsyncGenerator<Buffer> {
  const most = fault?.kind === 'reset' ? (fault.afterBytes ?? 0) : Number.POSITIVE_INFINITY
  if (most === 0) throw new Vanish()
  try {
    for await (const chunk of request) {
      const bytes = (chunk as Buffer).subarray(0, most - record.bytes)
      record.bytes += bytes.length
      yield bytes
      if (record.bytes >= most) throw new Vanish()
    }
  } catch (error) {
    throw error instanceof Vanish ? error : new Vanish()
  }
  if (fault?.kind === 'reset') throw new Vanish()
}

async function collected(body: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = []
  for await (const bytes of body) all.push(bytes)
  return all
}

async function send(response: ServerResponse, answer: Answer, fault: Fault | undefined, record: Recorded): Promise<void> {
  const { status, headers = {}, json, stream } = answer
  record.status = status
  if (!stream) {
    const told = fault?.kind === 'wrong-crc' ? lying(json) : json
    const text = told === undefined ? '' : JSON.stringify(told)
    response.writeHead(status, {
      ...headers,
      'Content-Type': 'application/json; charset=UTF-8',
      'Content-Length': String(Buffer.byteLength(text)),
    })
    response.end(text)
    return
  }
  response.writeHead(status, headers)
  const most = fault?.kind === 'cut' || fault?.kind === 'stall-body' ? fault.afterBytes : Number.POSITIVE_INFINITY
  let sent = 0
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Uint8Array).subarray(0, most - sent)
    if (fault?.kind === 'flip' && sent === 0) bytes[0] = (bytes[0] ?? 0) ^ 1
    sent += bytes.length
    if (response.destroyed) return
    if (!response.write(bytes)) await drained(response)
    if (sent >= most) break
  }
  if (fault?.kind === 'stall-body') return
  if (fault?.kind === 'cut') setTimeout(() => response.socket?.resetAndDestroy(), 20)
  else response.end()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

/** The same description with another CRC32C. */
function lying(json: unknown): unknown {
  const told = json as Record<string, unknown>
  if (told.resource) return { ...told, resource: lying(told.resource) }
  return { ...told, crc32c: 'AAAAAQ==' }
}

/** What a body says of an object; undefined where it says nothing. */
function describedIn({ operation, query, headers }: Asked, body: Buffer): unknown {
  try {
    if (operation !== 'insert') return jsonOf(body)
    return query.get('uploadType') === 'multipart' ? partsOf(headers['content-type'] ?? '', body).described : {}
  } catch {
    return undefined
  }
}

function jsonOf(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(bytes.toString())
  } catch {
    throw invalid('Parse Error')
  }
}

/** For a harness in another process: `GET /_control/requests`, `POST /_control/faults`, `POST /_control/calm`. */
async function control({ plan, requests }: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(request)
  if (request.url === '/_control/faults') plan.add(JSON.parse(body.toString()))
  if (request.url === '/_control/calm') {
    plan.clear()
    requests.length = 0
  }
  response.end(JSON.stringify(request.url === '/_control/requests' ? requests : {}))
}
