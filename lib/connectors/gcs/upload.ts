import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { PermanentError, TransientError } from '../../core/errors.ts'
import type { Piece, Pieces } from '../pieces.ts'
import type { Client } from './client.ts'
import type { Doing } from './faults.ts'
import { type Bucket, base64Of, FIELDS, type Resource, resourceOf } from './resource.ts'

const GONE: readonly number[] = [404, 410]
const INCOMPLETE = 308
const CANCEL_MS = 5_000

/** What an upload makes. */
export interface Target {
  readonly name: string
  /** The write is done only while the name is at this generation; 0: while nothing is there. */
  readonly ifGenerationMatch: string
  /** When known ahead: Cloud Storage then refuses other bytes. */
  readonly crc32c?: string
  readonly contentType?: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** Bytes that fit into one request, in one request. One try. */
export async function uploadWhole(client: Client, bucket: Bucket, target: Target, bytes: Uint8Array): Promise<Resource> {
  const boundary = `millrace-${randomUUID()}`
  const doing = doingOf(bucket, target)
  const body = Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${resourceText(target)}\r\n`),
    Buffer.from(`--${boundary}\r\nContent-Type: ${target.contentType ?? 'application/octet-stream'}\r\n\r\n`),
    bytes,
    Buffer.from(`\r\n--${boundary}--`),
  ])
  const reply = await client.send({
    ...startOf(bucket, target, 'multipart'),
    headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
    body,
    doing,
    signal: target.signal,
  })
  return resourceOf(reply.body, doing.file)
}

/**
 * A body in pieces, in one upload session (docs: "Perform resumable uploads"): the precondition is bound to the session, so every request in it may be repeated. After a request that failed the session is
 * asked what it has, and is given the rest of the piece. A session that is left unfinished makes no object; it is cancelled.
 * @throws TransientError when the session is lost: the body has to come again from its start
 */
export async function uploadPieces(client: Client, bucket: Bucket, target: Target, pieces: Pieces, announced?: string): Promise<Resource> {
  const { signal } = target
  const doing = doingOf(bucket, target)
  const session = await client.retry(async () => {
    const headers = {
      'Content-Type': 'application/json; charset=UTF-8',
      ...(target.contentType && { 'X-Upload-Content-Type': target.contentType }),
    }
    const reply = await client.send({ ...startOf(bucket, target, 'resumable'), headers, body: resourceText(target), doing, signal })
    const { location } = reply.headers
    if (location === undefined) throw new PermanentError(`what answered for ${doing.file} began no upload`, { ...doing })
    return location
  }, signal)
  try {
    for await (const piece of pieces) {
      if (piece.last) refuseOther(piece.crc32c, announced)
      const made = await sendPiece(client, session, piece, doing, signal)
      if (made) return made
    }
    throw new Error('pieces without a last one')
  } catch (error) {
    // Without the caller's signal, which may have aborted. A session that stays all the same ends after a week, unseen.
    const signal = AbortSignal.timeout(CANCEL_MS)
    await client.send({ method: 'DELETE', url: session, doing, signal, expected: [...GONE, 499] }).catch(() => undefined)
    throw error
  }
}

/** @throws PermanentError when content is not what its writer announced */
export function refuseOther(crc32c: string, announced: string | undefined): void {
  if (announced !== undefined && announced !== crc32c)
    throw new PermanentError(`the content has crc32c ${crc32c}, not ${announced} as announced`, {
      hint: 'it was damaged on the way: run again',
    })
}

/** Gives the object when the piece was the last, after that many bytes were kept by the server as it has. */
async function sendPiece(
  client: Client,
  session: string,
  piece: Piece,
  doing: Doing,
  signal: AbortSignal | undefined,
): Promise<Resource | undefined> {
  const { bytes, offset, last } = piece
  const total = last ? String(offset + bytes.length) : '*'
  const put = async (range: string, body: Uint8Array, headers: Readonly<Record<string, string>> = {}) => {
    const all = { ...headers, 'Content-Range': `bytes ${range}/${total}` }
    const reply = await client.send({ method: 'PUT', url: session, headers: all, body, doing, signal, expected: [INCOMPLETE, ...GONE] })
    if (GONE.includes(reply.status))
      throw new LostSession(`cannot ${doing.what}: the upload session is gone`, { file: doing.file, hint: 'run again' })
    return reply.status === INCOMPLETE ? { kept: keptOf(reply.headers) } : { made: resourceOf(reply.body, doing.file) }
  }
  let kept = offset
  let unsure = false
  return client.retry(async () => {
    for (;;) {
      const rest = bytes.subarray(kept - offset)
      const checksum: Record<string, string> = last ? { 'X-Goog-Hash': `crc32c=${base64Of(piece.crc32c)}` } : {}
      const asked = unsure
      unsure = true
      const state =
        asked || rest.length === 0
          ? await put('*', new Uint8Array(0), rest.length === 0 ? checksum : {})
          : await put(`${kept}-${kept + rest.length - 1}`, rest, checksum)
      unsure = false
      if (state.made) return state.made
      if (state.kept < offset)
        throw new LostSession(`cannot ${doing.what}: the upload session has lost bytes`, { file: doing.file, hint: 'run again' })
      const before = kept
      kept = state.kept
      if (!last && kept === offset + bytes.length) return undefined
      if (!asked && kept <= before)
        throw new TransientError(`cannot ${doing.what}: the upload session takes no bytes`, { file: doing.file, hint: 'run again later' })
    }
  }, signal)
}

/** A session that cannot be gone on with. Only a body that can be read again from its start can be sent to another one. */
export class LostSession extends PermanentError {}

/** `Range: bytes=0-42`: 43 bytes; no such header: none. */
function keptOf(headers: IncomingHttpHeaders): number {
  const end = /^bytes=0-(\d+)$/.exec(headers.range ?? '')?.[1]
  return end === undefined ? 0 : Number(end) + 1
}

function startOf(bucket: Bucket, target: Target, uploadType: 'multipart' | 'resumable') {
  return {
    method: 'POST',
    url: `/upload${bucket.pathOf('').slice(0, -1)}`,
    query: { uploadType, name: target.name, ifGenerationMatch: target.ifGenerationMatch, fields: FIELDS },
  } as const
}

function resourceText({ name, crc32c, contentType, metadata }: Target): string {
  return JSON.stringify({ name, metadata, ...(contentType && { contentType }), ...(crc32c !== undefined && { crc32c: base64Of(crc32c) }) })
}

function doingOf(bucket: Bucket, { name }: Target): Doing {
  const file = bucket.urlOf(name)
  return { what: `write ${file}`, file }
}
