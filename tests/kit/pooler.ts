import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A pooler before a PostgreSQL server. */
export interface Pooler extends AsyncDisposable {
  readonly host: '127.0.0.1'
  readonly port: number
}

/** How it shares sessions of the server among its clients. */
export type PoolMode = 'session' | 'transaction'

/** The number that poolers give for a server process: none of the server's. */
const POOLERS_PID = 4_000_000

/**
 * A pooler as PgBouncer is one: with `session` each client has a session of the server, with `transaction` all have the same one, in turns. Speaks no TLS; the first client logs in, others are taken for the same.
 */
export async function startPooler(target: { readonly host: string; readonly port: number }, mode: PoolMode): Promise<Pooler> {
  const sockets = new Set<Socket>()
  const pool = mode === 'transaction' ? onePool(() => upstreamOf(target, sockets)) : undefined
  const server = createServer((client) => {
    sockets.add(client.setNoDelay())
    client.on('error', () => undefined)
    if (pool) return pool.join(client)
    const session = upstreamOf(target, sockets)
    client.on('close', () => session.destroy())
    onePool(() => session).join(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function upstreamOf({ host, port }: { readonly host: string; readonly port: number }, sockets: Set<Socket>): Socket {
  const socket = connect(port, host)
  socket.on('error', () => undefined)
  sockets.add(socket.setNoDelay())
  return socket
}

/** One session of the server, which clients use in turns: from a message to the end of its transaction. */
function onePool(open: () => Socket): { join(client: Socket): void } {
  let upstream: Socket | undefined
  let holder: Socket | undefined
  let greeting: Buffer | undefined
  const waiting: Socket[] = []
  const said = new Map<Socket, Buffer[]>()

  function join(client: Socket): void {
    said.set(client, [])
    let login = upstream !== undefined
    if (!upstream) {
      upstream = open()
      holder = client
      eachMessage(upstream, answer)
    }
    client.on('data', (bytes) => {
      if (login && greeting) client.write(greeting)
      else if (bytes[0] === 'X'.charCodeAt(0)) client.end()
      else said.get(client)?.push(bytes)
      login = false
      if (holder !== client && !waiting.includes(client) && said.get(client)?.length) waiting.push(client)
      next()
    })
    client.on('close', () => said.delete(client))
  }

  function next(): void {
    holder ??= waiting.shift()
    for (const bytes of (holder && said.get(holder)?.splice(0)) ?? []) upstream?.write(bytes)
  }

  let [greeted, parts] = [false, [] as Buffer[]]
  function answer(message: Buffer): void {
    const type = String.fromCharCode(message[0] ?? 0)
    if (type === 'K') message.writeInt32BE(POOLERS_PID, 5)
    if (!greeted && ('SKZ'.includes(type) || (type === 'R' && message.readInt32BE(5) === 0))) parts.push(message)
    holder?.write(message)
    if (type !== 'Z') return
    if (!greeted) greeting = Buffer.concat(parts)
    greeted = true
    parts = []
    if (String.fromCharCode(message[5] ?? 0) !== 'I') return
    holder = undefined
    next()
  }
  return { join }
}

/** Gives the server's messages, each whole: a letter, four bytes of length, the rest. */
function eachMessage(socket: Socket, take: (message: Buffer) => void): void {
  let kept: Buffer = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    kept = Buffer.concat([kept, bytes])
    while (kept.length >= 5 && kept.length > kept.readInt32BE(1)) {
      const end = kept.readInt32BE(1) + 1
      take(Buffer.from(kept.subarray(0, end)))
      kept = kept.subarray(end)
    }
  })
}
