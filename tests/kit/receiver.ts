import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** A request as a receiver of notices has got it. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** What it was answered; `lost`: it was taken, and the connection was cut before an answer. */
  readonly answer: number | 'lost' | 'silent'
}

/** What to answer: a status, with headers and a body; `lost`: cut the connection; `silent`: never answer. */
export type Reply =
  | number
  | 'lost'
  | 'silent'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }

/** A receiver of notices that keeps what it gets. Answers as the next of `replies` says, then 204. Closed after the test. */
export interface Receiver {
  readonly url: string
  readonly received: readonly Received[]
  /** The data of the notices that it has taken: answered 2xx, or taken and the answer lost. */
  readonly taken: readonly NoticeData[]
  reply(...replies: readonly Reply[]): void
}

/** As much of a notice as tests ask for. */
export interface NoticeData {
  readonly id: string
  readonly switch: number
  readonly latest: string
  readonly rows?: number
}

/** `told`: called with each request before it is answered. */
export async function startReceiver(told: () => unknown = () => undefined): Promise<Receiver> {
  const received: Received[] = []
  let replies: Reply[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const reply = replies.shift() ?? 204
    const answer = typeof reply === 'object' ? reply.status : reply
    received.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body, answer })
    told()
    respond(response, reply)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    get taken() {
      return received
        .filter(({ answer }) => answer === 'lost' || (typeof answer === 'number' && answer < 300))
        .map(({ body }) => dataOf(body))
    },
    reply: (...all) => {
      replies = [...all]
    },
  }
}

function respond(response: ServerResponse, reply: Reply): void {
  if (reply === 'silent') return
  if (reply === 'lost') {
    response.socket?.destroy()
    return
  }
  const { status, headers = {}, body = '' } = typeof reply === 'object' ? reply : { status: reply }
  response.writeHead(status, headers).end(body)
}

function dataOf(body: string): NoticeData {
  const { id, data } = JSON.parse(body) as { id: string; data: Omit<NoticeData, 'id'> }
  return { ...data, id }
}
