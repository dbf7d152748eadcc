import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that came through. */
export interface Passed {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** What the server answered; undefined while it has not, or where it was never asked. */
  status?: number
}

/** What becomes of one request. */
export type HttpFault =
  /** Answered by the proxy, the server is not asked. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is reset after so many bytes of the request's body; 0: before the server hears of it. */
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** The server does it, and the client is told nothing: its connection is reset. */
  | { readonly kind: 'lose-answer' }
  /** The connection is reset after so many bytes of the answer's body. */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** Some bytes of the request's body are others when they reach the server. */
  | { readonly kind: 'damage'; readonly atByte: number }
  /** Nobody answers any more. */
  | { readonly kind: 'stall' }

export type Plan = (passed: Passed) => HttpFault | undefined | Promise<HttpFault | undefined>

/** An HTTP proxy before a server, which passes requests on as they are, Host included, and fails as it is told. */
export interface HttpProxy extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly Passed[]
  /** How many faults have happened. */
  readonly faults: number
  /** Decides about each request from now on, as soon as its head has come. */
  plan(fault: Plan): void
  /** Forgets plan, requests and faults. */
  calm(): void
}

export async function httpProxy(target: string): Promise<HttpProxy> {
  let requests: Passed[] = []
  let faultOf: Plan = () => undefined
  let faults = 0
  const server = createServer((from, to) => {
    const url = new URL(from.url ?? '/', target)
    const passed: Passed = { method: from.method ?? '', path: url.pathname, query: url.searchParams, headers: from.headers }
    requests.push(passed)
    const served = async () => {
      const fault = await faultOf(passed)
      if (fault) faults++
      await passOn(target, from, to, passed, fault)
    }
    served().catch(() => to.destroy())
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests
    },
    get faults() {
      return faults
    },
    plan: (fault) => {
      faultOf = fault
    },
    calm: () => {
      requests = []
      faults = 0
      faultOf = () => undefined
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

async function passOn(
  target: string,
  from: IncomingMessage,
  to: ServerResponse,
  passed: Passed,
  fault: HttpFault | undefined,
): Promise<void> {
  if (fault?.kind === 'stall') return
  if (fault?.kind === 'status') {
    for await (const _ of from);
    to.writeHead(fault.status, { 'Content-Type': 'application/xml', ...fault.headers }).end(passed.method === 'HEAD' ? '' : fault.body)
    return
  }
  if (fault?.kind === 'cut-request' && fault.afterBytes === 0) {
    from.socket.resetAndDestroy()
    return
  }
  const upstream = request(new URL(passed.path, target), { method: passed.method, path: from.url, headers: from.headers })
  upstream.on('error', () => to.destroy())
  const answered = new Promise<IncomingMessage>((answer) => upstream.on('response', answer))
  let at = 0
  for await (const chunk of from as AsyncIterable<Buffer>) {
    if (fault?.kind === 'cut-request' && at + chunk.length >= fault.afterBytes) {
      upstream.destroy()
      from.socket.resetAndDestroy()
      return
    }
    if (fault?.kind === 'damage' && at <= fault.atByte && fault.atByte < at + chunk.length)
      chunk[fault.atByte - at] = (chunk[fault.atByte - at] ?? 0) ^ 1
    at += chunk.length
    upstream.write(chunk)
  }
  upstream.end()
  const answer = await answered
  if (answer.statusCode !== undefined) passed.status = answer.statusCode
  if (fault?.kind === 'lose-answer') {
    for await (const _ of answer);
    from.socket.resetAndDestroy()
    return
  }
  to.writeHead(answer.statusCode ?? 500, answer.headers)
  let given = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (fault?.kind === 'cut-answer' && given + chunk.length >= fault.afterBytes) {
      to.write(chunk.subarray(0, fault.afterBytes - given), () => from.socket.resetAndDestroy())
      return
    }
    given += chunk.length
    to.write(chunk)
  }
  to.end()
}
