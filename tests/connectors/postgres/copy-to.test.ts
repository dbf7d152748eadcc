import { type AddressInfo, createServer } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../../lib/connectors/postgres/client.ts'
import { copyTo } from '../../../lib/connectors/postgres/copy-to.ts'
import { lendingSocket } from '../../../lib/connectors/postgres/lending-socket.ts'
import { settingsOf } from '../../../lib/connectors/postgres/options.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server.stop())

const message = (code: string, body: Uint8Array) => {
  const head = Buffer.alloc(5)
  head.write(code, 'latin1')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** How a connection's stream may be fed: as any stream, as TLS is, and as a socket that lends its memory. */
const STREAMS: Readonly<Record<string, () => Promise<{ readonly stream: Duplex; readonly far: Duplex }>>> = {
  'a stream': async () => {
    const stream = new PassThrough({ highWaterMark: 2 ** 24 })
    return { stream, far: stream }
  },
  'a lending socket': async () => {
    const listening = createServer()
    onTestFinished(() => void listening.close())
    const far = new Promise<Duplex>((resolve) => listening.once('connection', resolve))
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const stream = lendingSocket()
    stream.connect((listening.address() as AddressInfo).port, '127.0.0.1')
    return { stream, far: await far }
  },
}

/** Feeds messages in chunks of these sizes, repeated, of which the last `rest` bytes are the driver's; gives what came of them, and what came back to the driver. */
async function fed(kind: string, bytes: Buffer, sizes: readonly number[], rest: number) {
  const { stream, far } = (await STREAMS[kind]?.()) ?? expect.fail(kind)
  const back: Buffer[] = []
  let query: { handleError(error: Error): void } | undefined
  stream.on('data', (chunk: Buffer) => {
    back.push(Buffer.from(chunk))
    if (String.fromCharCode(chunk[0] ?? 0) === 'E') query?.handleError(new Error('told by the driver'))
  })
  const client = {
    query: (asked: { submit(connection: unknown): void; handleError(error: Error): void }) => {
      query = asked
      asked.submit({ stream, query: () => undefined })
    },
  }
  const copying = copyTo(client as never, 'COPY', () => undefined)
  const data: Buffer[] = []
  const reading = (async () => {
    for await (const chunk of copying.chunks()) data.push(Buffer.from(chunk))
  })()
  const outcome = reading.then(
    () => undefined,
    (error: Error) => error.message,
  )
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    far.write(Buffer.from(bytes.subarray(at, at + size)))
    at += size
    await new Promise((resolve) => setImmediate(resolve))
  }
  const fault = await outcome
  while (Buffer.concat(back).length < rest) await new Promise((resolve) => setImmediate(resolve))
  stream.destroy()
  far.destroy()
  return { data: Buffer.concat(data), back: Buffer.concat(back), fault }
}

for (const kind of Object.keys(STREAMS)) {
  test(`copyTo gives the rows of every message, however it is cut into chunks, and the rest to the driver: ${kind}`, async () => {
    const rows = fc.array(fc.tuple(fc.constantFrom('d', 'd', 'd', 'N', 'S', 'A'), fc.uint8Array({ maxLength: 40 })), { maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(rows, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }), async (messages, sizes) => {
        const rest = Buffer.concat([message('C', Buffer.from('COPY 3\0')), message('Z', Buffer.from('T'))])
        const all = Buffer.concat([
          message('H', Buffer.from([1, 0, 0])),
          ...messages.map(([code, body]) => message(code, body)),
          message('c', Buffer.alloc(0)),
          rest,
        ])
        const { data, back, fault } = await fed(kind, all, sizes, rest.length)
        expect(fault).toBeUndefined()
        expect(data).toEqual(Buffer.concat(messages.flatMap(([code, body]) => (code === 'd' ? [body] : []))))
        expect(back).toEqual(rest)
      }),
      { numRuns: 40 },
    )
  })

  test(`copyTo gives an error whole to the driver: ${kind}`, async () => {
    const error = message('E', Buffer.from('SERROR\0Mno\0\0'))
    for (const size of [1, 4, 7, 1000]) {
      const all = Buffer.concat([message('H', Buffer.from([1, 0, 0])), message('d', Buffer.from('row')), error])
      const { back, fault } = await fed(kind, all, [size], error.length)
      expect(back).toEqual(error)
      expect(fault).toBe('told by the driver')
    }
  })
}

const CLIENTS = {
  'the driver alone': () => server.client('postgres'),
  'a connection of ours': () => {
    const { host, port, user, password } = server
    return connect(settingsOf({ host, port, user, password, database: 'postgres' }), { host, port }, 'millrace/test')
  },
}

for (const [name, open] of Object.entries(CLIENTS))
  test(`copyTo gives what the server sends, and its count, and its error, and lets go of the connection: ${name}`, async () => {
    const client = await open()
    const copying = copyTo(client, "COPY (SELECT i, repeat('x', i % 300) FROM generate_series(1, 50000) AS i) TO STDOUT", () => undefined)
    const parts: Buffer[] = []
    for await (const chunk of copying.chunks()) {
      parts.push(Buffer.from(chunk))
      // More comes than there is memory for meanwhile.
      if (parts.length % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect((await client.query('SELECT 1')).rowCount).toBe(1)
    const expected = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\t${'x'.repeat((i + 1) % 300)}\n`).join('')
    expect(Buffer.concat(parts).toString() === expected).toBe(true)
    expect([copying.rowCount(), copying.fault()]).toEqual([50_000, undefined])
    const failing = copyTo(client, 'COPY (SELECT 1 / (1000 - i) FROM generate_series(1, 2000) AS i) TO STDOUT', () => undefined)
    await expect(failing.chunks().next()).rejects.toThrow('division by zero')
    expect((await client.query('SELECT 1')).rowCount).toBe(1)
    const stopped = copyTo(client, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000)) TO STDOUT", () => undefined)
    const chunks = stopped.chunks()
    expect((await chunks.next()).done).toBe(false)
    stopped.stop(new Error('no more'))
    await expect(chunks.next()).rejects.toThrow('no more')
    await client.end()
  })
