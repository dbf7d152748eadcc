import { MillraceError, PermanentError, TransientError } from '../../core/errors.ts'
import { refuseDetour } from './address.ts'
import { errorOfNetwork } from './answer.ts'

const MAX_REDIRECTS = 10
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/** One request as it goes out. */
export interface Outgoing {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** What came back: a head, and a body that is read at most once. */
export interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  /** The URL that answered in the end. */
  readonly url: URL
  /** The unpacked body, chunk by chunk. Throws TransientError when it breaks off. */
  bytes(): AsyncIterable<Uint8Array>
}

export interface ExchangeOptions {
  readonly signal: AbortSignal
  /** How long nothing may arrive. */
  readonly timeoutMs: number
  /** What this is, for errors: `page 2 of GET https://…`. */
  readonly what: string
  /** The request to the place of a redirect, with or without credentials; only a GET is asked again at another origin. */
  readonly redirected: (url: URL) => Outgoing
}

/**
 * Sends one request and hands the answer to `receive`, which must be done with the body when it returns; what it leaves is dropped. Follows redirects.
 * @throws TransientError when there is no whole answer, the signal's reason when it aborts, whatever `receive` throws.
 */
export async function exchange<T>(outgoing: Outgoing, options: ExchangeOptions, receive: (answer: Answer) => Promise<T>): Promise<T> {
  const { signal, timeoutMs, what } = options
  signal.throwIfAborted()
  const stalled = new TransientError(`${what} timed out: nothing arrived for ${timeoutMs / 1000} s`, { stage: 'extract' })
  const watch = watchdog(timeoutMs, stalled)
  const either = AbortSignal.any([signal, watch.signal])
  const network = (error: unknown): unknown => {
    if (error instanceof MillraceError) return error
    if (signal.aborted) return signal.reason
    return watch.signal.aborted ? stalled : errorOfNetwork(error, what)
  }
  let response: Response | undefined
  try {
    let request = outgoing
    for (let hops = 0; ; hops++) {
      response = await fetch(request.url.href, { ...initOf(request), redirect: 'manual', signal: either }).catch((error: unknown) => {
        throw network(error)
      })
      watch.touch()
      const location = REDIRECTS.includes(response.status) ? response.headers.get('location') : null
      if (location === null) break
      const next = target(request, response.status, location, options)
      if (hops === MAX_REDIRECTS) throw new PermanentError(`${what} was redirected more than ${MAX_REDIRECTS} times`, { stage: 'extract' })
      await response.body?.cancel()
      request = next
    }
    const { status, statusText, headers, body } = response
    return await receive({ status, statusText, headers, url: request.url, bytes: () => chunks(body, watch.touch, network) })
  } finally {
    watch.stop()
    if (response?.body && !response.bodyUsed && !response.body.locked) await response.body.cancel().catch(() => {})
  }
}

function initOf({ method, headers, body }: Outgoing): RequestInit {
  return { method, headers, ...(body !== undefined && { body }) }
}

function target(from: Outgoing, status: number, location: string, { what, redirected }: ExchangeOptions): Outgoing {
  if (!URL.canParse(location, from.url.href)) throw new PermanentError(`${what} was redirected to no URL`, { stage: 'extract' })
  const url = new URL(location, from.url)
  refuseDetour(from.url, url, what)
  if (from.method === 'POST' && (status < 307 || url.origin !== from.url.origin))
    throw new PermanentError(`${what} was redirected with ${status}, which would send its body elsewhere or drop it: not followed`, {
      stage: 'extract',
      hint: 'put the final address into the base URL and the path',
    })
  return redirected(url)
}

async function* chunks(
  body: ReadableStream<Uint8Array> | null,
  touch: () => void,
  network: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  if (!body) return
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw network(error)
      })
      touch()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Real time, whatever the run's clock is: it guards against a peer that is silent. */
function watchdog(timeoutMs: number, reason: Error) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(reason), timeoutMs)
  return { signal: controller.signal, touch: () => void timer.refresh(), stop: () => clearTimeout(timer) }
}

/** The beginning of a body as text, for messages; the rest is dropped. */
export async function beginning(answer: Answer, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of answer.bytes()) {
      parts.push(chunk)
      bytes += chunk.length
      if (bytes >= maxBytes) break
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(parts).subarray(0, maxBytes).toString()
}
