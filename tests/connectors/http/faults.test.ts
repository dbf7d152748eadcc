import { createServer as createTlsServer } from 'node:https'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigError, InterruptedError, type MillraceError, PermanentError, TransientError } from '../../../lib/core/errors.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { manualClock, testContext } from '../../kit/context.ts'
import { noReader } from '../../kit/no-reader.ts'
import { SELF_SIGNED } from './certificate.ts'
import { failure, idsOf, read } from './reading.ts'
import { json, plain, serve } from './service.ts'

const OFFSET = { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 2, first: 0 } as const

test.each([
  [401, 'Unauthorized', 'check the credentials of this connection (it sends none)'],
  [403, 'Forbidden', 'check the credentials of this connection (it sends none)'],
  [404, 'Not Found', 'check the base URL and the path'],
  [400, 'Bad Request', undefined],
])('http does not retry %i: exit 1, URL and the service’s own words', async (status, text, hint) => {
  const service = await serve((_, response) => plain(response, status, 'Sorry,\n\nnot like this.'))
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url }, { query: { a: 'b c' } }, {}, ctx))
  expect(error).toBeInstanceOf(PermanentError)
  expect(error).toMatchObject({
    message: `page 1 of GET ${service.url}/things?a=b%20c was answered ${status} ${text}: "Sorry, not like this."`,
    hint,
    exitCode: 1,
    place: { stage: 'extract', dataset: 'thing', file: `${service.url}/things?a=b%20c` },
  })
  expect(service.received).toHaveLength(1)
  expect(ctx.events).toEqual([])
})

test('http says that fetch refuses a port, and does not try it again', async () => {
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: 'http://127.0.0.1:6000' }, {}, {}, ctx))
  expect(error).toBeInstanceOf(ConfigError)
  expect(error).toMatchObject({
    message: 'page 1 of GET http://127.0.0.1:6000/things was not sent: its port is one that fetch refuses, since another protocol has it',
    exitCode: 2,
  })
  expect(ctx.events).toEqual([])
})

test('http quotes at most 300 characters of a 400', async () => {
  const service = await serve((_, response) => plain(response, 400, 'x'.repeat(100_000)))
  const ctx = testContext()
  const error = (await failure(ctx, read({ baseUrl: service.url }, {}, {}, ctx))) as Error
  expect(error.message).toBe(`page 1 of GET ${service.url}/things was answered 400 Bad Request: "${'x'.repeat(300)}…"`)
})

test.each([
  ['7', {}, 7000],
  ['Mon, 23 Nov 2026 08:00:09 GMT', { date: 'Mon, 23 Nov 2026 08:00:00 GMT' }, 9000],
])('http waits as long as Retry-After %s says', async (after, more, delayMs) => {
  const service = await serve((_, response, count) =>
    count === 1 ? plain(response, 429, 'slow down', { 'retry-after': after, ...more }) : json(response, [{ id: 1 }]),
  )
  const clock = manualClock()
  const ctx = testContext({ clock })
  expect(await idsOf(await read({ baseUrl: service.url }, {}, {}, ctx))).toEqual(['1'])
  expect(clock.slept).toEqual([delayMs])
  expect(ctx.events.filter(({ type }) => type === 'retry')).toEqual([
    {
      type: 'retry',
      stage: 'extract',
      dataset: 'thing',
      attempt: 1,
      delayMs,
      reason: `page 1 of GET ${service.url}/things was answered 429 Too Many Requests: "slow down"`,
    },
  ])
})

test('http goes through after two 500, each retry counted', async () => {
  const service = await serve((_, response, count) => (count <= 2 ? plain(response, 500, 'oops') : json(response, [{ id: 1 }, { id: 2 }])))
  const ctx = testContext()
  expect(await idsOf(await read({ baseUrl: service.url }, {}, {}, ctx))).toEqual(['1', '2'])
  expect(ctx.events.flatMap((event) => (event.type === 'retry' ? [event.attempt] : []))).toEqual([1, 2])
  expect(service.received).toHaveLength(3)
})

test.each([408, 425, 429, 500, 502, 503, 504])('http gives up on %i after its retries: exit 75, number of tries', async (status) => {
  const service = await serve((_, response) => plain(response, status, 'later'))
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url }, {}, {}, ctx))
  expect(error).toBeInstanceOf(TransientError)
  expect((error as Error).message).toMatch(
    new RegExp(`^page 1 of GET ${service.url}/things was answered ${status} [A-Z].*: "later" \\(tried 3 times\\)$`),
  )
  expect(error).toMatchObject({ exitCode: 75, place: { stage: 'extract', dataset: 'thing' } })
  expect(service.received).toHaveLength(3)
})

test('http times out when nothing arrives, before the head and within the body', async () => {
  const service = await serve((request, response) => {
    if (request.path === '/body') response.writeHead(200, { 'content-type': 'application/json' }).write('[{"id": 1},')
  })
  for (const path of ['/head', '/body']) {
    const ctx = testContext()
    const error = await failure(ctx, read({ baseUrl: service.url, timeoutMs: 60, retries: 1 }, { path }, {}, ctx))
    expect(error).toMatchObject({
      constructor: TransientError,
      message: `page 1 of GET ${service.url}${path} timed out: nothing arrived for 0.06 s (tried 2 times)`,
      exitCode: 75,
    })
  }
})

test('http does not time out while a body is slow but alive', async () => {
  const service = await serve(async (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    for (const part of ['[', '{"id"', ':', '1', '}', ']']) {
      response.write(part)
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    response.end()
  })
  expect(await idsOf(await read({ baseUrl: service.url, timeoutMs: 250, retries: 0 }, {}))).toEqual(['1'])
})

test('http says which host refuses the connection', async () => {
  const free = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: `http://127.0.0.1:${free}` }, {}, {}, ctx))
  expect(error).toMatchObject({
    constructor: TransientError,
    message: `page 1 of GET http://127.0.0.1:${free}/things failed: connect ECONNREFUSED 127.0.0.1:${free} (tried 3 times)`,
    exitCode: 75,
  })
})

test('http says that a host is unknown', async () => {
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: 'http://no-such-host.invalid', retries: 0 }, {}, {}, ctx))
  expect(error).toMatchObject({ constructor: TransientError, exitCode: 75 })
  expect((error as Error).message).toMatch(
    /^page 1 of GET http:\/\/no-such-host\.invalid\/things failed: getaddrinfo (ENOTFOUND|EAI_AGAIN) no-such-host\.invalid$/,
  )
})

test('http does not trust a self-signed certificate, and does not ask again', async () => {
  let requests = 0
  const server = createTlsServer(SELF_SIGNED, (_, response) => {
    requests++
    response.end('[]')
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
  onTestFinished(() => void server.close())
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: `https://127.0.0.1:${port}` }, {}, {}, ctx))
  expect(error).toMatchObject({ constructor: PermanentError, exitCode: 1 })
  expect((error as Error).message).toMatch(
    /^page 1 of GET https:.* was not sent: the server's certificate does not hold: self-signed certificate/,
  )
  expect(requests).toBe(0)
  expect(ctx.events).toEqual([])
})

test('http refuses a page that repeats', async () => {
  const service = await serve((_, response) => json(response, { generated: Math.random(), data: [{ id: 1 }, { id: 2 }] }))
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url }, { rows: 'data', paging: OFFSET }, {}, ctx))
  expect(error).toMatchObject({
    name: 'CheckError',
    message: `page repeats: page 2 of ${service.url}/things?limit=2&offset=2 is page 1 again`,
    exitCode: 3,
    place: { stage: 'extract', dataset: 'thing' },
  })
  expect(service.received).toHaveLength(2)
})

test('http names the page that failed and removes those before it', async () => {
  const service = await serve((request, response) =>
    request.query.offset === '2' ? plain(response, 404, 'gone') : json(response, [{ id: 1 }, { id: 2 }]),
  )
  const ctx = testContext()
  const error = (await failure(ctx, read({ baseUrl: service.url }, { paging: OFFSET }, {}, ctx))) as MillraceError
  expect(error.message).toBe(`page 2 of GET ${service.url}/things?limit=2&offset=2 was answered 404 Not Found: "gone"`)
})

test('http opens the circuit of a host that keeps failing: later requests fail at once', async () => {
  const service = await serve((_, response) => plain(response, 503, 'down'))
  const { http } = await import('../../../lib/connectors/http/index.ts')
  const clock = manualClock()
  const source = http({ baseUrl: service.url, retries: 4 }).openSource({
    reader: noReader,
    extensions: NO_EXTENSIONS,
  })
  const get = (ctx = testContext({ clock })) =>
    failure(ctx, source.read({ dataset: 'thing', columns: { id: 'int64' }, request: { method: 'GET', path: '/things' } }, ctx))
  expect(await get()).toMatchObject({ message: expect.stringContaining('(tried 5 times)') })
  expect(await get()).toMatchObject({ message: expect.stringContaining('(tried 5 times)') })
  expect(service.received).toHaveLength(10)
  const asleep = clock.slept.length
  expect(await get()).toMatchObject({
    name: 'CircuitOpenError',
    message: `circuit open: ${new URL(service.url).host} failed 10 times in a row, last: page 1 of GET ${service.url}/things was answered 503 Service Unavailable: "down"`,
    exitCode: 75,
    place: { stage: 'extract', dataset: 'thing' },
  })
  expect(service.received).toHaveLength(10)
  expect(clock.slept).toHaveLength(asleep)
  clock.advance(30_000)
  await get()
  expect(service.received).toHaveLength(11)
})

test('http stops with the signal’s reason in the middle of a body, and leaves nothing', async () => {
  const stop = new AbortController()
  const reason = new InterruptedError('asked to stop')
  const service = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('[{"id": 1},')
    setTimeout(() => stop.abort(reason), 30)
  })
  const ctx = testContext({ signal: stop.signal })
  expect(await failure(ctx, read({ baseUrl: service.url }, {}, {}, ctx))).toBe(reason)
  expect(service.received).toHaveLength(1)
})
