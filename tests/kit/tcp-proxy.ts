import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { joined } from './joined.ts'

/** A TCP proxy before a server, which damages or cuts what the client sends. */
export interface TcpProxy extends AsyncDisposable {
  readonly url: string
  readonly cuts: number
  /** Cuts the connection that has sent this many bytes, once. */
  cutOnceAfter(bytes: number): void
  /** Replaces the first occurrence, within one piece, of some bytes by as many others. */
  replaceOnce(bytes: Buffer, by: Buffer): void
}

export async function tcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let cutAfter: number | undefined
  let cuts = 0
  let replacing: { readonly bytes: Buffer; readonly by: Buffer } | undefined
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let sent = 0
    joined(client, upstream, sockets)
    upstream.on('data', (bytes) => client.write(bytes))
    client.on('data', (bytes) => {
      sent += bytes.length
      if (cutAfter !== undefined && sent >= cutAfter) {
        upstream.write(bytes.subarray(0, bytes.length - (sent - cutAfter)))
        cutAfter = undefined
        cuts++
        upstream.end()
        client.resetAndDestroy()
        return
      }
      const at = replacing ? bytes.indexOf(replacing.bytes) : -1
      if (replacing && at >= 0) {
        replacing.by.copy(bytes, at)
        replacing = undefined
      }
      upstream.write(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts
    },
    cutOnceAfter: (bytes) => {
      cutAfter = bytes
    },
    replaceOnce: (bytes, by) => {
      replacing = { bytes, by }
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
