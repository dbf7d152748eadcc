import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { joined } from './joined.ts'

/** What becomes of one connection's answers. */
export interface AnswerFault {
  /** `cut`: both sides see the connection reset; `end`: the client sees an orderly end, as from a firewall; `stall`: nothing passes any more, either way, and nobody is told. */
  readonly how: 'cut' | 'end' | 'stall'
  /** Bytes of the server's that pass before. */
  readonly afterBytes: number
}

/** A TCP proxy before a server, which breaks off what the server answers. */
export interface AnswerProxy extends AsyncDisposable {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Connections that were opened through it. */
  readonly connections: number
  /** Faults that have happened. */
  readonly faults: number
  /** What clients have said so far. */
  said(): string
  /** Says what becomes of connections from now on: `n` counts them from 1. */
  plan(fault: (n: number) => AnswerFault | undefined): void
  /** Stalls every connection that there is. */
  stallAll(): void
}

export async function answerProxy(target: { readonly host: string; readonly port: number }): Promise<AnswerProxy> {
  const sockets = new Set<Socket>()
  const stalls = new Set<() => void>()
  const said: Buffer[] = []
  let faultOf: (n: number) => AnswerFault | undefined = () => undefined
  let [connections, planned, faults] = [0, 0, 0]
  const server = createServer((client) => {
    connections++
    const fault = faultOf(++planned)
    const upstream = connect(target.port, target.host)
    let [passed, stalled] = [0, false]
    stalls.add(() => {
      stalled = true
    })
    joined(client, upstream, sockets, () => stalled)
    client.on('data', (bytes) => {
      said.push(bytes)
      if (!stalled) upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (stalled) return
      const left = fault ? fault.afterBytes - passed : Number.POSITIVE_INFINITY
      passed += bytes.length
      if (!fault || bytes.length < left) {
        if (client.write(bytes)) return
        upstream.pause()
        client.once('drain', () => upstream.resume())
        return
      }
      faults++
      const last = bytes.subarray(0, Math.max(0, left))
      if (fault.how === 'stall') {
        client.write(last)
        stalled = true
      } else {
        client.write(last, () => {
          if (fault.how === 'cut') client.resetAndDestroy()
          else client.end()
          upstream.destroy()
        })
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections
    },
    get faults() {
      return faults
    },
    said: () => Buffer.concat(said).toString(),
    plan: (fault) => {
      planned = 0
      faultOf = fault
    },
    stallAll: () => {
      for (const stall of stalls) stall()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
