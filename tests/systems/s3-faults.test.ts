import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32c } from '@node-rs/crc32'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { s3 } from '../../lib/connectors/s3/index.ts'
import type { S3Options } from '../../lib/connectors/s3/options.ts'
import { openS3Store } from '../../lib/connectors/s3/store.ts'
import type { ObjectInfo, Store } from '../../lib/connectors/store.ts'
import { ConfigError, type MillraceError, PermanentError, PreconditionFailed, TransientError } from '../../lib/core/errors.ts'
import { checkContext } from '../kit/check.ts'
import { type ManualClock, manualClock } from '../kit/context.ts'
import { type Fate, type HttpProxy, httpProxy, type Passing } from '../kit/http-proxy.ts'
import { startVersitygw, type Versitygw } from '../kit/versitygw.ts'

const PART = 5 * 2 ** 20
const SHORT = randomBytes(1000)
/** Two parts and a bit. */
const LONG = randomBytes(2 * PART + 100)

let server: Versitygw
let proxy: HttpProxy
let stores = 0
beforeAll(async () => {
  server = await startVersitygw()
  proxy = await httpProxy(server.url)
})
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await server.stop()
})
beforeEach(() => calm())

/** A store on the server through the proxy; its pauses pass at once. */
function opened(options: Partial<S3Options> = {}): { readonly store: Store; readonly clock: ManualClock } {
  const clock = manualClock(new Date())
  const settings = { ...server.options, endpoint: proxy.url, prefix: `test/${stores++}`, partSize: PART, timeoutMs: 2000, ...options }
  return { store: openS3Store(settings, clock), clock }
}

const crcOf = (content: Uint8Array) => crc32c(content).toString(16).padStart(8, '0')
const failureOf = async (work: Promise<unknown>): Promise<MillraceError> =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: MillraceError) => error,
  )

/** Every request that changes an object carried a precondition, every byte that was sent a CRC32C. */
function expectGuarded(requests: readonly Passing[]): void {
  for (const { method, url, headers } of requests) {
    const query = queryOf(url)
    const changes = (method === 'PUT' && !query.has('partNumber')) || method === 'DELETE' || (method === 'POST' && query.has('uploadId'))
    if (changes && !(method === 'DELETE' && query.has('uploadId')))
      expect(headers['if-match'] ?? headers['if-none-match'], `${method} ${query}`).toBeTruthy()
    if (method === 'PUT' && headers['x-amz-copy-source'] === undefined) expect(headers['x-amz-checksum-crc32c']).toMatch(/^.{6}==$/)
    if (headers['x-amz-copy-source'] !== undefined) expect(headers['x-amz-copy-source-if-match']).toBeTruthy()
    if (method === 'GET' && !query.has('list-type')) expect(headers['if-match']).toBeTruthy()
    expect(headers['user-agent']).toMatch(/^aws-sdk-js\/\S+ .*millrace\/\d/)
  }
}

/** How many uploads are left; they are removed. */
async function givenUp(): Promise<number> {
  const { Uploads = [] } = await server.client.listMultipartUploads({ Bucket: 'bucket' })
  for (const { Key, UploadId } of Uploads) await server.client.abortMultipartUpload({ Bucket: 'bucket', Key, UploadId })
  return Uploads.length
}

const queryOf = (url: string) => new URL(url, 'http://server').searchParams
const calm = () => proxy.plan(() => undefined)
const damaged = (body: Buffer) => Buffer.from(body.map((byte, at) => (at === 10 ? byte ^ 1 : byte)))

interface Work {
  readonly name: string
  readonly content: Buffer
  run(store: Store): Promise<ObjectInfo>
}
const WORKS: readonly Work[] = [
  { name: 'bytes, if absent', content: SHORT, run: (store) => store.put('k', { bytes: SHORT }, { ifAbsent: true }) },
  { name: 'bytes', content: SHORT, run: (store) => store.put('k', { bytes: SHORT }) },
  { name: 'a stream in parts', content: LONG, run: (store) => store.put('k', { stream: Readable.from([LONG]) }, { ifAbsent: true }) },
  { name: 'a copy', content: SHORT, run: (store) => store.copy('from', 'k', { ifAbsent: true }) },
]
const FAULTS: readonly (readonly [string, (request: Passing) => Fate])[] = [
  [
    '503 SlowDown',
    () => ({ kind: 'answer', status: 503, body: '<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>' }),
  ],
  ['a reset before the body', () => ({ kind: 'reset' })],
  ['a reset in the middle of the body', () => ({ kind: 'cut-request' })],
  ['a lost answer', () => ({ kind: 'lose-reply' })],
  ['a damaged body', ({ url, headers, body }) => ({ kind: 'pass-as', url, headers, body: damaged(body) })],
]

describe.each(WORKS)('put of $name', ({ name, run, content }) => {
  test.each(FAULTS)('survives %s of any one of its requests', async (title, fault) => {
    const prepared = async () => {
      const { store } = opened()
      await store.put('from', { bytes: SHORT })
      calm()
      return store
    }
    await run(await prepared())
    const requests = proxy.requests.length
    for (let nth = 1; nth <= requests; nth++) {
      const store = await prepared()
      proxy.plan((request, n) => (n === nth ? fault(request) : undefined))
      expect(await run(store)).toMatchObject({ bytes: content.length, crc32c: crcOf(content) })
      expectGuarded(proxy.requests)
      calm()
      expect((await buffer(await store.get('k'))).equals(content)).toBe(true)
      await store.close()
    }
    // Of a begin whose answer is lost nobody knows the upload: once for each kind of write that has parts.
    const lost = title === 'a lost answer' && (content === LONG || name === 'a copy') ? 1 : 0
    expect(await givenUp()).toBe(lost)
  })
})

test('a stall ends after the time-out, and is tried again', async () => {
  const { store } = opened({ timeoutMs: 300 })
  let seen = 0
  proxy.plan(({ method }) => (method === 'PUT' && ++seen === 1 ? { kind: 'stall' } : undefined))
  expect(await store.put('k', { bytes: SHORT })).toMatchObject({ crc32c: crcOf(SHORT) })
  expect(seen).toBe(2)
})

test("a folder that went with another writer's last object is no lasting fault", async () => {
  const { store } = opened()
  const body = '<Error><Code>ExistingObjectIsDirectory</Code><Message>Existing Object is a directory.</Message></Error>'
  let seen = 0
  proxy.plan(({ method }) => (method === 'PUT' && ++seen === 1 ? { kind: 'answer', status: 409, body } : undefined))
  expect(await store.put('k', { bytes: SHORT })).toMatchObject({ crc32c: crcOf(SHORT) })
  expect(seen).toBe(2)
})

test('a lost answer is settled by content: the same is done, another one is PreconditionFailed', async () => {
  const { store } = opened()
  const other = opened({ endpoint: server.url, prefix: `test/${stores - 1}` }).store
  for (const [theirs, done] of [
    [SHORT, true],
    [Buffer.from('theirs'), false],
  ] as const) {
    await other.delete('k')
    let seen = 0
    proxy.plan(async ({ method }) => {
      if (method !== 'PUT' || ++seen > 1) return undefined
      await other.put('k', { bytes: theirs })
      return { kind: 'answer', status: 500 }
    })
    const put = store.put('k', { bytes: SHORT }, { ifAbsent: true })
    if (done) expect(await put).toMatchObject({ crc32c: crcOf(SHORT) })
    else await expect(put).rejects.toThrow(PreconditionFailed)
  }
})

test.each([1000, 3 * 2 ** 20, LONG.length - 1])('a read goes on after its connection was cut at byte %i', async (afterBytes) => {
  const { store } = opened()
  await store.put('k', { bytes: LONG })
  calm()
  proxy.plan(({ method, headers }) => (method === 'GET' && !headers.range ? { kind: 'cut-answer', afterBytes } : undefined))
  expect((await buffer(await store.get('k'))).equals(LONG)).toBe(true)
  expect(proxy.requests.filter(({ method }) => method === 'GET')).toHaveLength(2)
  expect((await buffer(await store.get('k', { start: 5, end: 2_000_000 }))).equals(LONG.subarray(5, 2_000_000))).toBe(true)
  expectGuarded(proxy.requests)
})

test('a read of an object that is replaced meanwhile ends with an error, never with two halves', async () => {
  const { store } = opened()
  await store.put('k', { bytes: LONG })
  calm()
  proxy.plan(({ method, headers }) => (method === 'GET' && !headers.range ? { kind: 'cut-answer', afterBytes: 2 ** 20 } : undefined))
  const stream = await store.get('k')
  await opened({ endpoint: server.url, prefix: `test/${stores - 1}` }).store.put('k', { bytes: 'other' })
  const error = await failureOf(buffer(stream))
  expect(error).toBeInstanceOf(PreconditionFailed)
  expect(error.exitCode).toBe(75)
  expect(error.message).toMatch(/^s3:\/\/bucket\/\S+ was replaced while it was read$/)
})

test('a bucket that stays away is a TransientError, and leaves no upload once it is back', async () => {
  const { store, clock } = opened({ retries: 2 })
  proxy.plan(({ method, url }) =>
    method === 'PUT' && queryOf(url).get('partNumber') === '2' ? { kind: 'answer', status: 503 } : undefined,
  )
  const error = await failureOf(store.put('k', { stream: Readable.from([LONG]) }))
  expect(error).toBeInstanceOf(TransientError)
  expect(error.message).toMatch(/^cannot write s3:\/\/bucket\/\S+: S3 answered 503.* \(tried 3 times\)$/)
  // Before two more tries, and before it asks whether the upload is gone.
  expect(clock.slept).toEqual([expect.any(Number), expect.any(Number), 200])
  expect(await givenUp()).toBe(0)
})

test('waits as long as Retry-After asks', async () => {
  const { store, clock } = opened()
  let seen = 0
  proxy.plan(({ method }) =>
    method === 'PUT' && ++seen === 1 ? { kind: 'answer', status: 503, headers: { 'Retry-After': '7' } } : undefined,
  )
  await store.put('k', { bytes: SHORT })
  expect(clock.slept).toEqual([7000])
})

test('a missing right is a ConfigError that names the rights, tried once', async () => {
  const { store, clock } = opened()
  const body = '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
  for (const denied of ['PUT', 'HEAD', 'GET', 'DELETE']) {
    calm()
    await store.put('k', { bytes: SHORT })
    proxy.plan(({ method }) => (method === denied ? { kind: 'answer', status: 403, body } : undefined))
    const work = {
      PUT: () => store.put('k', { bytes: 'x' }),
      HEAD: () => store.head('k'),
      GET: () => store.get('k'),
      DELETE: () => store.delete('k'),
    }
    const error = await failureOf(work[denied as keyof typeof work]())
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain(': permission denied (403)')
    expect(error.hint).toMatch(/^give the account \(env:\S+\) s3:PutObject, s3:GetObject, .* s3:ListBucket on the bucket$/)
  }
  expect(clock.slept).toEqual([])
})

test.each([
  [301, 'PermanentRedirect', 'the bucket is in region eu-west-1', "write region: 'eu-west-1' in s3(…)"],
  [403, 'RequestTimeTooSkewed', "this machine's clock is wrong", 'set the clock by NTP: S3 refuses requests of another time'],
  [400, 'ExpiredToken', 'the credentials were refused (400 ExpiredToken)', 'check the credentials: env:MILLRACE_TEST_S3_SECRET'],
] as const)('%i %s is a ConfigError, also where a HEAD has no words', async (status, code, message, hint) => {
  const { store } = opened()
  const headers = status === 301 ? { 'x-amz-bucket-region': 'eu-west-1' } : {}
  proxy.plan(() => ({ kind: 'answer', status, headers, body: `<Error><Code>${code}</Code><Message>no</Message></Error>` }))
  for (const work of [() => store.put('k', { bytes: 'x' }), () => store.head('k')]) {
    const error = await failureOf(work())
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain(message)
    expect(error.hint).toBe(hint)
  }
})

test.each([
  [200, '<html><body>please log in</body></html>', 'is no bucket of S3'],
  [200, '', 'is no bucket of S3'],
  [200, '{}', '(200) is no S3'],
  [302, '', '(302) is no S3'],
  [404, '<html><body>nothing here</body></html>', 'is no bucket of S3'],
])('%i %s of something that is no S3 is an error, and never an empty bucket', async (status, body, message) => {
  const { store } = opened()
  proxy.plan(() => ({ kind: 'answer', status, body, headers: { 'Content-Type': 'text/html' } }))
  const list = async () => {
    for await (const _ of store.list('')) break
  }
  for (const work of [() => store.put('k', { bytes: 'x' }), () => store.head('k'), () => store.get('k'), list]) {
    const error = await failureOf(work())
    expect(error).toBeInstanceOf(PermanentError)
    expect(error.message).toContain(message)
    expect(error.hint).toContain('check `endpoint`')
  }
})

test('doctor finds a server that guards writes, and lets copies through', async () => {
  const content = Buffer.from(crcOf(Buffer.from('millrace doctor was here')), 'hex').toString('base64')
  const body = `<CompleteMultipartUploadResult><ETag>"made"</ETag><ChecksumCRC32C>${content}</ChecksumCRC32C></CompleteMultipartUploadResult>`
  proxy.plan(({ method, url }) => (method === 'POST' && queryOf(url).has('uploadId') ? { kind: 'answer', status: 200, body } : undefined))
  const found = await s3({ ...server.options, endpoint: proxy.url, prefix: 'doctor' }).check?.(checkContext('store'))
  expect(found).toMatchObject([
    { what: 'objects', state: 'ok' },
    { what: 'preconditions', state: 'fault', found: 'a copy, or an upload in parts, overwrote an object' },
    { what: 'clock', state: 'ok' },
  ])
  await givenUp()
})
