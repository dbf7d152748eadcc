import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyTo } from '../../../lib/connectors/postgres/copy-to.ts'
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

/** Feeds messages in chunks of these sizes, repeated; gives what the stream gave, and what came back to the driver. */
async function fed(bytes: Buffer, sizes: readonly number[]): Promise<{ readonly data: Buffer; readonly back: Buffer }> {
  const socket = new PassThrough({ highWaterMark: 2 ** 24 })
  const back: Buffer[] = []
  socket.on('data', (chunk: Buffer) => back.push(chunk))
  const stream = copyTo('COPY', { highWaterMark: 2 ** 18 })
  ;(stream as unknown as { submit(connection: unknown): void }).submit({ stream: socket, query: () => undefined })
  const data: Buffer[] = []
  const ended = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => data.push(Buffer.from(chunk))).on('end', resolve)
    setTimeout(resolve, 1000).unref()
  })
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    socket.write(Buffer.from(bytes.subarray(at, at + size)))
    at += size
    await new Promise((resolve) => setImmediate(resolve))
  }
  await ended
  return { data: Buffer.concat(data), back: Buffer.concat(back) }
}

test('copyTo gives the rows of every message, however it is cut into chunks, and the rest to the driver', async () => {
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
      const { data, back } = await fed(all, sizes)
      expect(data).toEqual(Buffer.concat(messages.flatMap(([code, body]) => (code === 'd' ? [body] : []))))
      expect(back).toEqual(rest)
    }),
    { numRuns: 60 },
  )
})

test('copyTo gives an error whole to the driver', async () => {
  const error = message('E', Buffer.from('SERROR\0Mno\0\0'))
  for (const size of [1, 4, 7, 1000]) {
    const { back } = await fed(Buffer.concat([message('H', Buffer.from([1, 0, 0])), message('d', Buffer.from('row')), error]), [size])
    expect(back).toEqual(error)
  }
})

test('copyTo gives what the server sends, and its count, and its error', async () => {
  const client = await server.client('postgres')
  const stream = client.query(
    copyTo("COPY (SELECT i, repeat('x', i % 300) FROM generate_series(1, 50000) AS i) TO STDOUT", { highWaterMark: 2 ** 16 }),
  )
  let text = ''
  for await (const chunk of stream) text += chunk
  expect((await client.query('SELECT 1')).rowCount).toBe(1)
  const expected = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\t${'x'.repeat((i + 1) % 300)}\n`).join('')
  expect(text === expected).toBe(true)
  expect(stream.rowCount).toBe(50_000)
  const failing = client.query(
    copyTo('COPY (SELECT 1 / (1000 - i) FROM generate_series(1, 2000) AS i) TO STDOUT', { highWaterMark: 2 ** 16 }),
  )
  await expect(failing.toArray()).rejects.toThrow('division by zero')
  expect((await client.query('SELECT 1')).rowCount).toBe(1)
  await client.end()
})
