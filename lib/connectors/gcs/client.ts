import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import { type Clock, systemClock } from '../../core/clock.ts'
import { TransientError } from '../../core/errors.ts'
import { retrying } from '../../core/retry.ts'
import { millraceVersion } from '../../core/version.ts'
import { type Verified, verifiedBy } from '../store-tls.ts'
import { type Credentials, credentialsFor } from './credentials.ts'
import { type Doing, errorOfAnswer, errorOfNetwork, type Whence } from './faults.ts'
import type { GcsOptions } from './options.ts'
import { SETTINGS } from './tls.ts'

/** One request of the JSON API. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** A path below the endpoint, or the whole URL of an upload session. */
  readonly url: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly doing: Doing
  readonly signal?: AbortSignal | undefined
  /** Answers other than 2xx that the caller knows what to do with. */
  readonly expected?: readonly number[]
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The body's JSON, or its text. */
  readonly body: unknown
}

/** The connection of one store: one `Storage` of the SDK, which gives endpoint and credentials. */
export interface Client {
  readonly clock: Clock
  /** One try. @throws TransientError, ConfigError and the rest of faults.ts; the signal's reason when it aborts */
  send(call: Call): Promise<Reply>
  /** The same, and the body chunk by chunk. Throws TransientError when it breaks off or stalls. */
  download(call: Call): Promise<AsyncIterable<Uint8Array>>
  /** Repeats what is safe to repeat: reads, and writes under a precondition. */
  retry<T>(work: (attempt: number) => Promise<T>, signal?: AbortSignal): Promise<T>
}

/** Opens no connection and loads no SDK before the first request. */
export function clientOf(options: GcsOptions, clock: Clock = systemClock): Client {
  const { timeoutMs = 60_000, retries = 5 } = options
  let loaded: Promise<Credentials> | undefined
  const credentials = () => {
    loaded ??= credentialsFor(options)
    return loaded
  }
  let read: Verified | undefined
  const tls = () => {
    read ??= verifiedBy(options.tls ?? {}, SETTINGS)
    return read
  }

  /** Gives the answer's head. A token that is refused is fetched anew, once. */
  async function open(call: Call): Promise<Opened> {
    const { endpoint, whence, headersFor, refuse, sdk } = await credentials()
    const url = new URL(call.url, endpoint)
    for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) url.searchParams.set(name, value)
    for (let again = false; ; again = true) {
      const authorization = await headersFor(url.href, call.doing)
      const headers = { ...call.headers, ...authorization, 'User-Agent': `millrace/${millraceVersion} gcloud-node-storage/${sdk}` }
      const opened = await exchange(call, url, { headers, timeoutMs, ...tls() }, whence)
      if (opened.response.statusCode !== 401 || again || authorization.authorization === undefined) return opened
      opened.response.resume()
      await refuse(authorization.authorization)
    }
  }

  async function send(call: Call): Promise<Reply> {
    const { response, reasonOf, whence } = await open(call)
    let body: unknown
    try {
      body = parsed(await text(response))
    } catch (error) {
      throw reasonOf(error)
    }
    const status = response.statusCode ?? 0
    if ((status < 200 || status > 299) && !call.expected?.includes(status))
      throw errorOfAnswer(status, response.headers, body, call.doing, whence)
    return { status, headers: response.headers, body }
  }

  async function download(call: Call): Promise<AsyncIterable<Uint8Array>> {
    const opened = await open(call)
    const { response, reasonOf, whence } = opened
    const partial = call.headers?.Range !== undefined
    if (response.statusCode === (partial ? 206 : 200)) return chunks(opened)
    try {
      throw errorOfAnswer(response.statusCode ?? 0, response.headers, parsed(await text(response)), call.doing, whence)
    } catch (error) {
      throw reasonOf(error)
    }
  }

  return {
    clock,
    send,
    download,
    retry: (work, signal = new AbortController().signal) =>
      // The event's stage is never seen: a store has nobody to tell.
      retrying({ clock, signal, emit: () => undefined }, { stage: 'export', retries }, work),
  }
}

interface Opened {
  readonly request: ClientRequest
  readonly response: IncomingMessage
  readonly whence: Whence
  /** Whether bytes are waited for: a peer is silent only then. */
  readonly waiting: { now: boolean }
  /** Why reading the answer failed. */
  reasonOf(error: unknown): unknown
}

interface Outgoing extends Verified {
  readonly headers: OutgoingHttpHeaders
  readonly timeoutMs: number
}

/**
 * One request on the wire. Not `fetch`: that copies each body, unpacks gzip unasked, and cannot tell a slow upload from a stalled one, as a socket's timeout can. Connections are kept and used again by Node's
 * own agents.
 */
function exchange(call: Call, url: URL, { headers, timeoutMs, ...tls }: Outgoing, whence: Whence): Promise<Opened> {
  const { doing, signal, body, method } = call
  signal?.throwIfAborted()
  const waiting = { now: true }
  const reasonOf = (error: unknown) => {
    if (signal?.aborted) return signal.reason
    return errorOfNetwork(error, doing, whence)
  }
  return new Promise((resolve, reject) => {
    const length = body === undefined ? (method === 'GET' ? {} : { 'Content-Length': 0 }) : { 'Content-Length': Buffer.byteLength(body) }
    const options = { method, headers: { ...headers, ...length }, timeout: timeoutMs, ...tls, ...(signal && { signal }) }
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options)
    request.on('timeout', () => {
      if (waiting.now) request.destroy(stalled(doing, timeoutMs))
      else request.socket?.setTimeout(timeoutMs)
    })
    request.on('error', (error) => reject(reasonOf(error)))
    request.on('response', (response) => resolve({ request, response, whence, waiting, reasonOf }))
    request.end(body)
  })
}

function stalled({ what, file }: Doing, timeoutMs: number): TransientError {
  return new TransientError(`cannot ${what}: timed out, nothing moved for ${timeoutMs / 1000} s`, {
    file,
    hint: 'check the network, and run again',
  })
}

async function* chunks({ request, response, waiting, reasonOf }: Opened): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) {
      waiting.now = false
      yield chunk
      waiting.now = true
    }
  } catch (error) {
    throw reasonOf(error)
  } finally {
    if (!response.complete) request.destroy()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
