import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { joined } from './joined.ts'

/** What happens when a client first says a certain text. */
export type ProxyFault =
  /** It does not reach the server; both sides are cut. */
  | 'cutBefore'
  /** It reaches the server, whose answer is swallowed; then both sides are cut. */
  | 'loseReply'
  /** It reaches the server; from then on nothing passes either way, and nobody is told. */
  | 'freezeAfter'
  /** It does not reach the server; from then on nothing passes either way, and nobody is told. */
  | 'freezeBefore'

/** A TCP proxy before a database server, which cuts, freezes or swallows. */
export interface DatabaseProxy extends AsyncDisposable {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Faults that have happened. */
  readonly faults: number
  /** Connections that were opened through it. */
  readonly connections: number
  /** Cuts the next connection whose client has sent this many bytes, once. */
  cutOnceAfter(bytes: number): void
  /** Does this once, on the connection whose client says `text`. */
  once(text: string, fault: ProxyFault): void
}

export async function databaseProxy(target: { readonly host: string; readonly port: number }): Promise<DatabaseProxy> {
  const sockets = new Set<Socket>()
  let cutAfter: number | undefined
  let planned: { readonly text: string; readonly fault: ProxyFault } | undefined
  let [faults, connections] = [0, 0]
  const server = createServer((client) => {
    connections++
    const upstream = connect(target.port, target.host)
    let [sent, frozen, swallowing] = [0, false, false]
    const cut = () => {
      upstream.destroy()
      client.resetAndDestroy()
    }
    joined(client, upstream, sockets, () => frozen)
    upstream.on('data', (bytes) => {
      if (swallowing) cut()
      else if (!frozen && !client.write(bytes)) {
        upstream.pause()
        client.once('drain', () => upstream.resume())
      }
    })
    const forward = (bytes: Buffer) => {
      if (upstream.write(bytes)) return
      client.pause()
      upstream.once('drain', () => client.resume())
    }
    client.on('data', (bytes) => {
      if (frozen) return
      sent += bytes.length
      if (cutAfter !== undefined && sent >= cutAfter) {
        upstream.write(bytes.subarray(0, bytes.length - (sent - cutAfter)), cut)
        cutAfter = undefined
        faults++
      } else if (planned && bytes.includes(planned.text)) {
        const { fault } = planned
        planned = undefined
        faults++
        if (fault === 'loseReply') swallowing = true
        if (fault === 'loseReply' || fault === 'freezeAfter') forward(bytes)
        if (fault === 'cutBefore') cut()
        if (fault === 'freezeAfter' || fault === 'freezeBefore') frozen = true
      } else forward(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    get faults() {
      return faults
    },
    get connections() {
      return connections
    },
    cutOnceAfter: (bytes) => {
      cutAfter = bytes
    },
    once: (text, fault) => {
      planned = { text, fault }
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
