import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { CheckError, TransientError } from '../../../lib/core/errors.ts'
import { testContext } from '../../kit/context.ts'
import { failure, idsOf, read } from './reading.ts'
import { json, serve } from './service.ts'

test('http retries a connection that is reset in mid-body, and fails the page when it stays so', async () => {
  const cut = await serve((_, response, count) => {
    if (count > 1) return json(response, [{ id: 1 }])
    response.writeHead(200, { 'content-type': 'application/json' }).write('[{"id": 1},')
    setTimeout(() => response.socket?.resetAndDestroy(), 20)
  })
  expect(await idsOf(await read({ baseUrl: cut.url }, {}))).toEqual(['1'])
  const always = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('[{"id": 1}]')
    setTimeout(() => response.socket?.destroy(), 20)
  })
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: always.url, retries: 1 }, {}, {}, ctx))
  expect(error).toMatchObject({ constructor: TransientError, exitCode: 75 })
  expect((error as Error).message).toMatch(/^page 1 of GET .* failed: (other side closed|read ECONNRESET|terminated).* \(tried 2 times\)$/)
})

test('http refuses a body that is shorter or longer than its Content-Length', async () => {
  const raw = (length: number, body: string) =>
    new Promise<string>((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () =>
          socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${body}`),
        )
      })
      server.unref().listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`)
      })
    })
  for (const [length, body] of [
    [40, '[{"id": 1}]'],
    [7, '[{"id": 1}]'],
  ] as const) {
    const ctx = testContext()
    const error = await failure(ctx, read({ baseUrl: await raw(length, body), retries: 1 }, {}, {}, ctx))
    expect(error).toMatchObject({ constructor: TransientError, exitCode: 75 })
    expect((error as Error).message).toMatch(
      length === 40 ? /^page 1 of GET .* failed: .* \(tried 2 times\)$/ : /is not whole JSON: it ends early, after 7 bytes/,
    )
  }
})

test.each<[string, string, string, Record<string, unknown>, string]>([
  [
    'HTML',
    'text/html',
    '<!doctype html><title>Sign in</title>',
    {},
    'is not whole JSON: it is HTML; 37 bytes of text/html came: "<!doctype html><title>Sign in</title>"',
  ],
  [
    'HTML for CSV',
    'text/csv',
    '<html><body>Sign in',
    { format: 'csv' },
    'is not whole CSV: it is HTML; 19 bytes of text/csv came: "<html><body>Sign in"',
  ],
  ['text', 'text/plain', 'Service restarting', {}, 'is not whole JSON: it is not JSON; 18 bytes of text/plain came: "Service restarting"'],
  [
    'truncated JSON',
    'application/json',
    '{"data": [{"id": 1}, {"i',
    { rows: 'data' },
    'is not whole JSON: it ends early, after 24 bytes; 24 bytes of application/json came: "{\\"data\\": [{\\"id\\": 1}, {\\"i"',
  ],
  ['an empty body', 'application/json', '', {}, 'is not whole JSON: it is empty'],
  [
    'truncated NDJSON',
    'application/x-ndjson',
    '{"id":1}\n{"id"',
    { format: 'ndjson' },
    'is not whole NDJSON: it ends early, after 14 bytes; 14 bytes of application/x-ndjson came: "{\\"id\\":1} {\\"id\\""',
  ],
])('http retries, then refuses %s with 200', async (_name, type, body, request, message) => {
  const service = await serve((_, response) => response.writeHead(200, { 'content-type': type }).end(body))
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url }, request, {}, ctx))
  expect(error).toMatchObject({
    constructor: TransientError,
    message: `page 1 of GET ${service.url}/things ${message} (tried 3 times)`,
    exitCode: 75,
    place: { stage: 'extract', dataset: 'thing', file: `${service.url}/things` },
  })
})

test.each<[string, string, Record<string, unknown>, string]>([
  ['nothing', '{"other":[]}', { rows: 'data' }, 'it has nothing at "data", where an array of rows should be; 12 bytes'],
  ['an error', '{"error":"quota"}', { rows: 'data' }, 'it has nothing at "data", where an array of rows should be; 17 bytes'],
  ['null', '{"data":null}', { rows: 'data' }, 'it has null at "data", where an array of rows should be; 13 bytes'],
  ['an object', '{"data":{"id":1}}', { rows: 'data' }, 'it has an object at "data", where an array of rows should be; 17 bytes'],
  ['rows that are elsewhere', '{"data":[]}', {}, 'it is an object, not an array of rows; 11 bytes'],
])('http refuses whole JSON with %s where the rows should be, at once', async (_name, body, request, message) => {
  const service = await serve((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body))
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url }, request, {}, ctx))
  expect(error).toMatchObject({
    constructor: CheckError,
    message: `page 1 of GET ${service.url}/things has its rows elsewhere: ${message} of application/json came: ${JSON.stringify(body)}`,
    hint: expect.stringContaining('`rows` of the request'),
    place: { stage: 'extract', dataset: 'thing' },
  })
  expect(service.received).toHaveLength(1)
})

test('http refuses rows that are no objects, and a next cursor that is one, at once', async () => {
  const paging = { by: 'cursor', parameter: 'after', next: 'next' } as const
  for (const [body, request, message] of [
    ['[1,2]', {}, 'row 1 is not an object; 5 bytes of application/json came: "[1,2]"'],
    [
      '{"d":[],"next":{}}',
      { rows: 'd', paging },
      'the next cursor at "next" is an object; 18 bytes of application/json came: "{\\"d\\":[],\\"next\\":{}}"',
    ],
  ] as const) {
    const service = await serve((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body))
    const ctx = testContext()
    const error = await failure(ctx, read({ baseUrl: service.url }, request, {}, ctx))
    expect(error).toMatchObject({
      constructor: CheckError,
      message: `page 1 of GET ${service.url}/things is no page of rows: ${message}`,
      hint: expect.stringContaining('what the service answers'),
    })
    expect(service.received).toHaveLength(1)
  }
})

test('http retries a gzip body that ends early', async () => {
  const packed = gzipSync(JSON.stringify(Array.from({ length: 5000 }, (_, id) => ({ id, text: `${Math.random()}` }))))
  const service = await serve((_, response, count) =>
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(count === 1 ? packed.subarray(0, packed.length / 2) : packed),
  )
  expect(await idsOf(await read({ baseUrl: service.url }, {}))).toHaveLength(5000)
  expect(service.received).toHaveLength(2)
})

test.each([
  ['a packed file that ends early', { compression: 'gzip' }, gzipSync('id\n1\n').subarray(0, 15), 'its gzip stream has no end; 15 bytes'],
  ['a file that is not packed', { compression: 'gzip' }, Buffer.from('id\n1\n'), 'it is not gzip; 5 bytes'],
  ['broken UTF-16', { encoding: 'utf-16' }, Buffer.from([0xff, 0xfe, 0x69, 0, 0, 0xdc]), 'it is not utf-16 text; 6 bytes'],
] as const)('http refuses %s in a CSV body', async (_name, csv, body, message) => {
  const service = await serve((_, response) => response.end(body))
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url, retries: 0 }, { format: 'csv', csv }, {}, ctx))
  expect(error).toMatchObject({ constructor: TransientError, exitCode: 75 })
  expect((error as Error).message).toContain(`page 1 of GET ${service.url}/things is not whole CSV: ${message}`)
})

test('http caps a body by its unpacked bytes', async () => {
  const bomb = gzipSync(`[{"id":"${'0'.repeat(5_000_000)}"}]`)
  const service = await serve((_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' }).end(bomb),
  )
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url, maxBodyBytes: 1_000_000 }, {}, {}, ctx))
  expect(error).toMatchObject({
    name: 'CheckError',
    message: `page 1 of GET ${service.url}/things is larger than 1000000 bytes`,
    hint: 'ask for smaller pages, or raise maxBodyBytes of the connection',
    exitCode: 3,
  })
  expect(service.received).toHaveLength(1)
})
