import { expect, test } from 'vitest'
import type { HttpAuth } from '../../../lib/connectors/http/options.ts'
import { PermanentError, TransientError } from '../../../lib/core/errors.ts'
import { Secret } from '../../../lib/core/secret.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { manualClock, testContext } from '../../kit/context.ts'
import { noReader } from '../../kit/no-reader.ts'
import { failure, idsOf, read } from './reading.ts'
import { json, plain, type Received, type Service, serve } from './service.ts'

const PLANTED = 'planted "se/cret" +ü='
const planted = (name: string) => new Secret(`env:${name}`, () => PLANTED)

/** Every text that could carry the secret. */
const forms = [
  PLANTED,
  encodeURIComponent(PLANTED),
  new URLSearchParams({ '': PLANTED }).toString().slice(1),
  Buffer.from(PLANTED).toString('base64'),
  Buffer.from(`user:${PLANTED}`).toString('base64'),
  JSON.stringify(PLANTED).slice(1, -1),
]

function everythingOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return [error.name, error.message, error.stack, JSON.stringify(error), everythingOf(error.cause ?? '')].join('\n')
}

const kinds: [string, HttpAuth, (request: Received) => unknown, unknown, string][] = [
  ['bearer', { bearer: planted('TOKEN') }, (r) => r.headers.authorization, `Bearer ${PLANTED}`, 'bearer env:TOKEN'],
  [
    'basic',
    { basic: { user: 'user', password: planted('PASSWORD') } },
    (r) => r.headers.authorization,
    `Basic ${Buffer.from(`user:${PLANTED}`).toString('base64')}`,
    'user "user", password env:PASSWORD',
  ],
  ['query', { query: { parameter: 'api key', value: planted('KEY') } }, (r) => r.query['api key'], PLANTED, 'api key env:KEY'],
]
// A header holds Latin-1 only, and fetch refuses the rest before anything is sent.
const inHeader = (value: unknown) => (typeof value === 'string' ? Buffer.from(value, 'latin1').toString('latin1') : value)

test.each(kinds)('http sends %s credentials', async (_name, auth, got, expected) => {
  const service = await serve((_, response) => json(response, [{ id: 1 }]))
  expect(await idsOf(await read({ baseUrl: service.url, auth }, { query: { a: 1 } }))).toEqual(['1'])
  expect(service.received.map(got).map(inHeader)).toEqual([expected])
  expect(service.received[0]?.query.a).toBe('1')
})

test.each(kinds)(
  'http shows no %s credential in errors, events and file names, even where the service says it',
  async (_name, auth, _got, _expected, reference) => {
    const echo = forms.join(' ')
    const service = await serve((request, response, count) =>
      count === 1
        ? plain(response, 503, echo)
        : plain(response, 403, `${JSON.stringify(request.query)} ${request.headers.authorization} ${echo}`),
    )
    const ctx = testContext()
    const header = { 'x-key': new Secret('env:HEADER', () => 'planted-header') }
    const error = await failure(ctx, read({ baseUrl: service.url, auth, headers: header }, { query: { also: planted('ALSO') } }, {}, ctx))
    expect(error).toBeInstanceOf(PermanentError)
    expect(error).toMatchObject({ hint: `check the credentials of this connection (${reference}, header x-key env:HEADER)`, exitCode: 1 })
    const artefacts = [everythingOf(error), JSON.stringify(ctx.events)].join('\n')
    expect(artefacts).toContain('[secret]')
    for (const form of [...forms, 'planted-header']) expect(artefacts).not.toContain(form)
    expect(ctx.events).toHaveLength(1)
  },
)

test('http leaves no secret in the workspace: neither in file names nor in the index of pages', async () => {
  const service = await serve((_, response) => json(response, [{ id: 1 }]))
  const ctx = testContext()
  const auth: HttpAuth = { query: { parameter: 'key', value: planted('KEY') } }
  const relation = await read({ baseUrl: service.url, auth }, { query: { also: planted('ALSO') } }, {}, ctx)
  const { globSync, readFileSync } = await import('node:fs')
  const files = globSync('**/*', { cwd: ctx.workspace, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(files.length).toBeGreaterThanOrEqual(2)
  const artefacts = files.map((file) => `${file.name}\n${readFileSync(`${file.parentPath}/${file.name}`, 'utf8')}`).join('\n')
  for (const form of forms) expect(`${artefacts}\n${relation.sql}\n${relation.located}`).not.toContain(form)
  await relation.close()
})

test('http settings print no credential, also where it is plain text', async () => {
  const { http } = await import('../../../lib/connectors/http/index.ts')
  for (const auth of [
    { bearer: 'plain-text' },
    { basic: { user: 'u', password: 'plain-text' } },
    { query: { parameter: 'k', value: 'plain-text' } },
  ])
    expect(JSON.stringify(http({ baseUrl: 'https://a.example', auth }).settings)).not.toContain('plain-text')
})

async function withTokens(
  answer: (count: number) => { status: number; body: unknown },
  accepts: (token: string, count: number) => boolean,
) {
  const tokens: Service = await serve((_, response, count) => {
    const { status, body } = answer(count)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const data: Service = await serve((request, response, count) => {
    const token = (request.headers.authorization ?? '').replace('Bearer ', '')
    if (!accepts(token, count)) return plain(response, 401, `bad token ${token}`)
    return json(response, request.query.offset === '0' ? [{ id: 1 }, { id: 2 }] : [{ id: 3 }])
  })
  const auth: HttpAuth = { oauth2: { tokenUrl: `${tokens.url}/token`, clientId: 'me', clientSecret: planted('CLIENT'), scope: 'read all' } }
  return { tokens, data, options: { baseUrl: data.url, auth } }
}

const OFFSET = { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 2, first: 0 } as const
const token = (count: number, expiresIn = 3600) => ({
  status: 200,
  body: { access_token: `token-${count}`, token_type: 'Bearer', expires_in: expiresIn },
})

test('http fetches one OAuth2 token for all pages, with the client’s credentials in a header and a form', async () => {
  const { tokens, data, options } = await withTokens(token, () => true)
  expect(await idsOf(await read(options, { paging: OFFSET }))).toEqual(['1', '2', '3'])
  expect(data.received.map((request) => request.headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-1'])
  expect(tokens.received).toMatchObject([
    {
      method: 'POST',
      body: 'grant_type=client_credentials&scope=read+all',
      headers: { authorization: `Basic ${Buffer.from(`me:${encodeURIComponent(PLANTED)}`).toString('base64')}` },
    },
  ])
})

test('http sends client id and secret in the form when told to', async () => {
  const { tokens, options } = await withTokens(token, () => true)
  await read({ ...options, auth: { oauth2: { ...options.auth.oauth2, send: 'form' } } }, {})
  expect(Object.fromEntries(new URLSearchParams(tokens.received[0]?.body))).toEqual({
    grant_type: 'client_credentials',
    scope: 'read all',
    client_id: 'me',
    client_secret: PLANTED,
  })
  expect(tokens.received[0]?.headers.authorization).toBeUndefined()
})

test('http fetches a new token when the clock says that the old one is about to expire', async () => {
  const clock = manualClock()
  const { tokens, data, options } = await withTokens(
    (count) => token(count, 100),
    (_, count) => {
      clock.advance(count === 1 ? 89_000 : 2000)
      return true
    },
  )
  const three = { ...OFFSET, limit: 2 }
  await read(options, { paging: three }, {}, testContext({ clock }))
  expect(tokens.received).toHaveLength(1)
  const { http } = await import('../../../lib/connectors/http/index.ts')
  const source = http(options).openSource({ reader: noReader, extensions: NO_EXTENSIONS })
  const get = () => source.read({ dataset: 'a', columns: { id: 'int64' }, request: { method: 'GET', path: '/' } }, testContext({ clock }))
  const sent = data.received.length
  for (const ms of [0, 80_000, 10_001]) {
    clock.advance(ms)
    await get()
  }
  expect(data.received.slice(sent).map((request) => request.headers.authorization)).toEqual([
    'Bearer token-2',
    'Bearer token-2',
    'Bearer token-3',
  ])
})

test('http fetches the token anew, once, when it is refused in mid-read', async () => {
  const { tokens, data, options } = await withTokens(token, (given, count) => (count === 1 ? given === 'token-1' : given === 'token-2'))
  const ctx = testContext()
  expect(await idsOf(await read(options, { paging: OFFSET }, {}, ctx))).toEqual(['1', '2', '3'])
  expect(tokens.received).toHaveLength(2)
  expect(data.received).toHaveLength(3)
  expect(ctx.events.filter(({ type }) => type === 'retry')).toEqual([])
})

test('http stops at once when the new token is refused too, and shows neither', async () => {
  const { tokens, data, options } = await withTokens(token, () => false)
  const ctx = testContext()
  const error = await failure(ctx, read(options, { paging: OFFSET }, {}, ctx))
  expect(error).toMatchObject({
    constructor: PermanentError,
    message: `page 1 of GET ${data.url}/things?limit=2&offset=0 was answered 401 Unauthorized: "bad token [secret]"`,
    hint: 'check the credentials of this connection (OAuth2 client "me", secret env:CLIENT)',
    exitCode: 1,
  })
  expect(tokens.received).toHaveLength(2)
  expect(data.received).toHaveLength(2)
  expect(everythingOf(error)).not.toMatch(/token-[12]/)
})

test('http says that the token itself was refused, and does not retry that', async () => {
  const { tokens, data, options } = await withTokens(
    () => ({ status: 401, body: { error: 'invalid_client', echo: forms } }),
    () => true,
  )
  const ctx = testContext()
  const error = await failure(ctx, read(options, {}, {}, ctx))
  expect(error).toMatchObject({ constructor: PermanentError, hint: expect.stringContaining('env:CLIENT'), exitCode: 1 })
  expect((error as Error).message).toContain(
    `the OAuth2 token request POST ${tokens.url}/token was answered 401 Unauthorized: "{\\"error\\":\\"invalid_client\\"`,
  )
  for (const form of forms) expect(everythingOf(error)).not.toContain(form)
  expect(tokens.received).toHaveLength(1)
  expect(data.received).toHaveLength(0)
})

test('http retries a token service that is down', async () => {
  const { options } = await withTokens(
    (count) => (count === 1 ? { status: 503, body: {} } : token(count)),
    () => true,
  )
  const ctx = testContext()
  expect(await idsOf(await read(options, { paging: OFFSET }, {}, ctx))).toEqual(['1', '2', '3'])
  expect(ctx.events.filter(({ type }) => type === 'retry')).toHaveLength(1)
  const broken = await withTokens(
    () => ({ status: 200, body: { token: 'x' } }),
    () => true,
  )
  const other = testContext()
  expect(await failure(other, read(broken.options, {}, {}, other))).toMatchObject({
    constructor: TransientError,
    message: `the OAuth2 answer of ${broken.tokens.url}/token has no access_token (tried 3 times)`,
  })
})

test('http follows redirects, with credentials to its own origin only', async () => {
  const other = await serve((_, response) => json(response, [{ id: 7 }]))
  const service = await serve((request, response) => {
    const target = request.path === '/things' ? '/moved?x=1' : `${other.url}/elsewhere?y=2`
    response.writeHead(302, { location: target }).end()
  })
  const auth: HttpAuth = { query: { parameter: 'key', value: planted('KEY') } }
  const headers = { 'x-key': new Secret('env:HEADER', () => 'planted-header') }
  expect(await idsOf(await read({ baseUrl: service.url, auth, headers }, { headers: { 'x-own': 'own' } }))).toEqual(['7'])
  expect(service.received.map(({ path, query, headers }) => [path, query.key, headers['x-key'], headers['x-own']])).toEqual([
    ['/things', PLANTED, 'planted-header', 'own'],
    ['/moved', PLANTED, 'planted-header', 'own'],
  ])
  expect(other.received).toMatchObject([{ path: '/elsewhere', query: { y: '2' } }])
  expect(other.received[0]?.headers).not.toHaveProperty('x-key')
  expect(other.received[0]?.headers).not.toHaveProperty('x-own')
  expect(other.received[0]?.query).not.toHaveProperty('key')
})

test('http sends no credentials where a Link header leads to another origin', async () => {
  const other = await serve((_, response) => json(response, [{ id: 2 }]))
  const service = await serve((_, response) => json(response, [{ id: 1 }], { link: `<${other.url}/page2>; rel="next"` }))
  expect(await idsOf(await read({ baseUrl: service.url, auth: { bearer: 'planted-bearer' } }, { paging: { by: 'link' } }))).toEqual([
    '1',
    '2',
  ])
  expect(service.received[0]?.headers.authorization).toBe('Bearer planted-bearer')
  expect(other.received[0]?.headers).not.toHaveProperty('authorization')
})

test('http does not follow a redirect for ever, to link-local addresses, or with a POST’s body to another origin', async () => {
  const service = await serve((request, response) => {
    const target =
      request.path === '/loop'
        ? '/loop'
        : request.path === '/metadata'
          ? 'http://169.254.169.254/latest/meta-data?x=1'
          : 'http://127.0.0.1:1/'
    response.writeHead(307, { location: target }).end()
  })
  const message = async (request: Parameters<typeof read>[1]) => {
    const ctx = testContext()
    const error = await failure(ctx, read({ baseUrl: service.url }, request, {}, ctx))
    expect(error).toMatchObject({ constructor: PermanentError, exitCode: 1 })
    return (error as Error).message
  }
  expect(await message({ path: '/loop' })).toBe(`page 1 of GET ${service.url}/loop was redirected more than 10 times`)
  expect(await message({ path: '/metadata' })).toBe(
    `page 1 of GET ${service.url}/metadata leads to http://169.254.169.254/latest/meta-data, which is a link-local address: not followed`,
  )
  expect(await message({ method: 'POST', path: '/post', body: {} })).toBe(
    `page 1 of POST ${service.url}/post was redirected with 307, which would send its body elsewhere or drop it: not followed`,
  )
})

test.each([
  [
    { auth: { bearer: new Secret('env:T', () => 'plänted-€') } },
    'the value of header "authorization" has characters that a header cannot carry',
  ],
  [{ headers: { 'x-a': 'one\r\nx-b: two' } }, 'the value of header "x-a" has characters that a header cannot carry'],
  [{ headers: { 'x a': 'one' } }, '"x a" is not a header\'s name'],
])('http refuses a header that cannot be sent: %j', async (options, message) => {
  const service = await serve((_, response) => json(response, []))
  const ctx = testContext()
  const error = await failure(ctx, read({ baseUrl: service.url, ...options }, {}, {}, ctx))
  expect(error).toMatchObject({ name: 'ConfigError', message, exitCode: 2 })
  expect(service.received).toHaveLength(0)
})

test('http shows no secret that lost its line end on the way', async () => {
  const service = await serve((request, response) =>
    plain(response, 403, `no ${request.headers['x-key']} ${request.headers.authorization}`),
  )
  const ctx = testContext()
  const headers = { 'x-key': new Secret('file:key', () => 'planted-line-end\n') }
  const error = await failure(
    ctx,
    read({ baseUrl: service.url, headers, auth: { bearer: new Secret('file:t', () => 'planted-token\n') } }, {}, {}, ctx),
  )
  expect((error as Error).message).toContain(': "no [secret] Bearer [secret]"')
})
