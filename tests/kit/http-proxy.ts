import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** One request on its way. */
export interface Passing {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What becomes of a request instead of passing. */
export type Fate =
  /** The server never sees it: the connection is reset, or this is answered. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'stall' }
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: OutgoingHttpHeaders; readonly body?: string }
  /** Half of its body comes to the server, then a reset on both sides; of one without a body, nothing. */
  | { readonly kind: 'cut-request' }
  /** The server does it, and its answer is lost. */
  | { readonly kind: 'lose-reply' }
  /** Half of the answer's body comes, or so many bytes of it, then a reset. */
  | { readonly kind: 'cut-answer'; readonly afterBytes?: number }
  /** Passes as another one. */
  | { readonly kind: 'pass-as'; readonly url: string; readonly headers: OutgoingHttpHeaders; readonly body: Buffer }

/** A proxy before an HTTP server that keeps what passes, and breaks what it is told to. */
export interface HttpProxy extends AsyncDisposable {
  readonly url: string
  /** What has been asked since the last plan, with the status of the answer where one went back. */
  readonly requests: readonly (Passing & { status?: number })[]
  /** Says what becomes of requests from now on: `nth` counts them from 1. */
  plan(fate: (request: Passing, nth: number) => Fate | undefined | Promise<Fate | undefined>): void
}

export async function httpProxy(target: string): Promise<HttpProxy> {
  let fateOf: (request: Passing, nth: number) => Fate | undefined | Promise<Fate | undefined> = () => undefined
  const requests: (Passing & { status?: number })[] = []
  const server = createServer(async (incoming, answer) => {
    const body = await buffer(incoming).catch(() => undefined)
    if (!body) return
    const passing: Passing & { status?: number } = {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers: incoming.headers,
      body,
    }
    requests.push(passing)
    const fate = await fateOf(passing, requests.length)
    if (fate?.kind === 'stall') return
    if (fate?.kind === 'reset' || (fate?.kind === 'cut-request' && body.length === 0)) return incoming.socket.resetAndDestroy()
    if (fate?.kind === 'answer') {
      passing.status = fate.status
      answer.writeHead(fate.status, fate.headers).end(fate.body)
      return
    }
    const as = fate?.kind === 'pass-as' ? fate : passing
    const outgoing = send(new URL(as.url, target), { method: passing.method, headers: { ...as.headers, 'content-length': as.body.length } })
    outgoing.on('error', () => incoming.socket.destroy())
    if (fate?.kind === 'cut-request') {
      outgoing.write(as.body.subarray(0, as.body.length / 2), () => {
        outgoing.destroy()
        incoming.socket.resetAndDestroy()
      })
      return
    }
    outgoing.on('response', async (reply) => {
      const content = await buffer(reply)
      if (fate?.kind === 'lose-reply') return incoming.socket.resetAndDestroy()
      passing.status = reply.statusCode ?? 0
      answer.writeHead(passing.status, reply.headers)
      if (fate?.kind !== 'cut-answer') return answer.end(content)
      answer.write(content.subarray(0, fate.afterBytes ?? Math.ceil(content.length / 2)), () => incoming.socket.resetAndDestroy())
    })
    // As it came: the signature of a request covers its headers.
    outgoing.end(as.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    plan: (fate) => {
      requests.length = 0
      fateOf = fate
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
