import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32c } from '@node-rs/crc32'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { clientOf } from '../../lib/connectors/azure/client.ts'
import type { CopySizes } from '../../lib/connectors/azure/copy.ts'
import { azure } from '../../lib/connectors/azure/index.ts'
import { listNames } from '../../lib/connectors/azure/listing.ts'
import { urlsIn } from '../../lib/connectors/azure/names.ts'
import type { AzureOptions } from '../../lib/connectors/azure/options.ts'
import { openAzureStore } from '../../lib/connectors/azure/store.ts'
import type { PutOptions, Store } from '../../lib/connectors/store.ts'
import { ConfigError, MillraceError, PermanentError, PreconditionFailed, TransientError } from '../../lib/core/errors.ts'
import { Secret } from '../../lib/core/secret.ts'
import { answerProxy } from '../kit/answer-proxy.ts'
import { type Azurite, startAzurite } from '../kit/azurite.ts'
import { checkContext } from '../kit/check.ts'
import { manualClock, temporaryFolder } from '../kit/context.ts'
import { type Fate, type HttpProxy, httpProxy, type Passing } from '../kit/http-proxy.ts'
import { tcpProxy } from '../kit/tcp-proxy.ts'

const CHUNK = 256 * 1024
const SMALL = Buffer.from('one,two\n')
/** Content of two and a half chunks. */
const LONG = randomBytes(2.5 * CHUNK)

let server: Azurite
let folders = 0
beforeAll(async () => {
  server = await startAzurite()
  await server.makeContainer('bucket')
})
afterAll(() => server.stop())

const secretOf = (value: string) => new Secret('env:AZURE_SECRET', () => value)

/** A store in a folder of its own, through the server at `origin`, whose sleeps pass at once. */
function storeAt(
  origin: string,
  options: Partial<AzureOptions> = {},
  copySizes?: CopySizes,
): { store: Store; prefix: string; clock: ReturnType<typeof manualClock> } {
  const prefix = `test-${folders++}`
  const credentials = options.sas || options.connectionString ? {} : { key: secretOf(server.key) }
  const settings = {
    account: server.account,
    container: 'bucket',
    prefix,
    endpoint: `${origin}/${server.account}`,
    chunkSize: CHUNK,
    timeoutMs: 5000,
    ...credentials,
    ...options,
  }
  azure(settings)
  const clock = manualClock(new Date())
  return { store: openAzureStore(settings, clock, copySizes), prefix, clock }
}

const origin = () => new URL(server.endpoint).origin
const crcOf = (content: Uint8Array | string): string => crc32c(content).toString(16).padStart(8, '0')
const read = async (store: Store, key: string): Promise<Buffer> => buffer(await store.get(key))
const streamOf = (content: Uint8Array): Readable => Readable.from([content.subarray(0, 1000), content.subarray(1000)])

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.list('')) keys.push(key)
  return keys
}

function fileOf(content: Uint8Array): string {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, content)
  return file
}

async function proxied(): Promise<HttpProxy> {
  const proxy = await httpProxy(origin())
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  return proxy
}

/** What a request of a store fails with, checked for form: one lower-case sentence that says what and where, and what to do, without a secret. */
async function failure(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!(error instanceof MillraceError)) throw new Error(`no failure of ours: ${String(error)}`)
  expect(error.message).toMatch(/^[a-z][^\n]*[^.]$/)
  expect(error.place.file).toMatch(/^azure:\/\/devstoreaccount1\//)
  expect(error.hint).toBeTruthy()
  const shown = JSON.stringify([error.message, error.hint, error.place, error.stack, String(error.cause)])
  for (const secret of [server.key, 'planted', 'sig=']) expect(shown).not.toContain(secret)
  return error
}

/** Every request that makes or removes a blob carried a precondition, every one that carried content its MD5. */
function expectGuarded(requests: readonly Passing[]): void {
  for (const { method, url, headers, body } of requests) {
    const block = /[?&]comp=block&/.test(url)
    if (method === 'DELETE') expect(headers['if-match']).toMatch(/^".+"$/)
    if (method === 'PUT' && !block) expect(headers['if-match'] ?? headers['if-none-match']).toMatch(/^(\*|".+")$/)
    if (method === 'PUT' && !/comp=blocklist/.test(url) && !headers['x-ms-copy-source'])
      expect(headers['content-md5']).toBe(createHash('md5').update(body).digest('base64'))
    if (headers['x-ms-copy-source'] && !block) expect(headers['x-ms-source-if-match']).toMatch(/^".+"$/)
    if (method === 'GET' && !/comp=list/.test(url)) expect(headers['if-match']).toMatch(/^".+"$/)
    expect(headers['user-agent']).toMatch(/^millrace\/\d+\.\d+\.\d+ azsdk-js-azure-storage-blob\//)
  }
}

/** Each way that bytes get there. */
const ROADS: readonly (readonly [name: string, content: Buffer, write: (store: Store, options: PutOptions) => Promise<unknown>])[] = [
  ['put of bytes', SMALL, (store, options) => store.put('k', { bytes: SMALL }, options)],
  ['put of a short stream', SMALL, (store, options) => store.put('k', { stream: streamOf(SMALL) }, options)],
  ['put of a file in blocks', LONG, (store, options) => store.put('k', { file: fileOf(LONG) }, options)],
  ['put of a stream in blocks', LONG, (store, options) => store.put('k', { stream: streamOf(LONG) }, options)],
  ['copy', LONG, (store, { ifAbsent = false }) => store.copy('source', 'k', { ifAbsent, metadata: { by: 'me' } })],
]

/** Faults of single requests that a write survives, whichever request they hit. */
const SURVIVED: readonly (readonly [name: string, fate: Fate])[] = [
  ['503', { kind: 'answer', status: 503, headers: { 'x-ms-error-code': 'ServerBusy' } }],
  ['500', { kind: 'answer', status: 500, headers: { 'x-ms-error-code': 'OperationTimedOut' } }],
  ['a reset', { kind: 'reset' }],
  ['a stall', { kind: 'stall' }],
  ['a lost reply', { kind: 'lose-reply' }],
]

describe.each(ROADS)('%s', (_name, content, write) => {
  async function prepared(copySource: HttpProxy, options: Partial<AzureOptions> = {}) {
    const opened = storeAt(copySource.url, options)
    await storeAt(origin(), { prefix: opened.prefix }).store.put('source', { bytes: LONG })
    copySource.plan(() => undefined)
    return opened
  }

  it('guards every request and is whole', async () => {
    const proxy = await proxied()
    const { store } = await prepared(proxy)
    await write(store, { ifAbsent: true, metadata: { by: 'me' }, contentType: 'text/csv' })
    expect(await read(store, 'k')).toEqual(content)
    expect(await store.head('k')).toMatchObject({ bytes: content.length, crc32c: crcOf(content), metadata: { by: 'me' } })
    expectGuarded(proxy.requests)
  })

  it.each(SURVIVED)('survives %s of any one of its requests', async (_fault, fate) => {
    const proxy = await proxied()
    // First without a fault, to know how many requests there are.
    const calm = await prepared(proxy)
    await write(calm.store, {})
    const { length } = proxy.requests
    for (const ifAbsent of [true, false])
      for (let nth = 1; nth <= length; nth++) {
        const { store } = await prepared(proxy, { timeoutMs: fate.kind === 'stall' ? 300 : 5000 })
        proxy.plan((_request, n) => (n === nth ? fate : undefined))
        await write(store, { ifAbsent })
        proxy.plan(() => undefined)
        expect(await read(store, 'k'), `request ${nth} of ${length}`).toEqual(content)
        expect(await keysOf(store)).toEqual(['k', 'source'])
        expectGuarded(proxy.requests)
      }
  })

  it('gives up on a service that stays away, with exit 75, and leaves no object', async () => {
    const proxy = await proxied()
    const { store, clock } = await prepared(proxy)
    proxy.plan(({ method }) => (method === 'PUT' ? { kind: 'answer', status: 503, headers: { 'retry-after': '7' } } : undefined))
    const error = await failure(write(store, {}))
    expect(error).toBeInstanceOf(TransientError)
    expect(error).toMatchObject({
      exitCode: 75,
      message: expect.stringMatching(
        /^cannot (write|copy) azure:\/\/devstoreaccount1\/bucket\/.*: Azure answered 503.* \(tried 6 times\)$/,
      ),
      hint: 'Azure asks to wait 7 s: run again then',
    })
    expect(clock.slept.filter((ms) => ms === 7000).length).toBeGreaterThanOrEqual(5)
    proxy.plan(() => undefined)
    expect(await keysOf(store)).toEqual(['source'])
  })

  it('leaves alone what another writer put there', async () => {
    const proxy = await proxied()
    const { store } = await prepared(proxy)
    await store.put('k', { bytes: 'theirs' })
    const theirs = await store.head('k')
    await expect(write(store, { ifAbsent: true })).rejects.toBeInstanceOf(PreconditionFailed)
    expect(await store.head('k')).toEqual(theirs)
  })
})

describe('put', () => {
  it('settles a lost reply by content: the same is done, another one is PreconditionFailed', async () => {
    const proxy = await proxied()
    const { store, prefix } = storeAt(proxy.url)
    const other = storeAt(origin(), { prefix }).store
    for (const [key, body] of [
      ['small', { bytes: SMALL }],
      ['long', { file: fileOf(LONG) }],
    ] as const) {
      let lost = 0
      proxy.plan(({ method, url }) => (method === 'PUT' && !/comp=block&/.test(url) && ++lost === 1 ? { kind: 'lose-reply' } : undefined))
      const info = await store.put(key, body, { ifAbsent: true })
      expect(await other.head(key)).toEqual(info)

      lost = 0
      proxy.plan(async ({ method, url }) => {
        if (method !== 'PUT' || /comp=block&/.test(url) || ++lost !== 1) return undefined
        await other.put(`${key}-2`, { bytes: 'theirs' })
        return { kind: 'reset' }
      })
      await expect(store.put(`${key}-2`, body, { ifAbsent: true })).rejects.toBeInstanceOf(PreconditionFailed)
      expect((await read(other, `${key}-2`)).toString()).toBe('theirs')
    }
  })

  it('sends again what was damaged on the way', async () => {
    await using proxy = await tcpProxy(origin())
    const { store } = storeAt(proxy.url)
    proxy.replaceOnce(Buffer.from('one,two'), Buffer.from('one,twa'))
    await store.put('small', { bytes: 'one,two\n' }, { ifAbsent: true })
    expect((await read(store, 'small')).toString()).toBe('one,two\n')
    const marked = Buffer.concat([LONG, Buffer.from('one,two'), LONG])
    proxy.replaceOnce(Buffer.from('one,two'), Buffer.from('one,twa'))
    await store.put('long', { stream: streamOf(marked) })
    expect(await read(store, 'long')).toEqual(marked)
  })

  it('goes on after its connection was cut at byte 200,000', async () => {
    await using proxy = await tcpProxy(origin())
    const { store } = storeAt(proxy.url)
    proxy.cutOnceAfter(200_000)
    await store.put('k', { stream: Readable.from([LONG]) })
    expect(proxy.cuts).toBe(1)
    expect(await read(store, 'k')).toEqual(LONG)
  })

  it('sends the blocks of a file again when another write has dropped them; a stream fails, and may be run again', async () => {
    const proxy = await proxied()
    const { store, prefix } = storeAt(proxy.url)
    const other = storeAt(origin(), { prefix }).store
    const interrupted = (key: string) => {
      let commits = 0
      proxy.plan(async ({ url }) => {
        if (/comp=blocklist/.test(url) && ++commits === 1) await other.put(key, { bytes: `theirs ${key}` })
        return undefined
      })
    }
    interrupted('file')
    await store.put('file', { file: fileOf(LONG) })
    expect(await read(other, 'file')).toEqual(LONG)

    interrupted('stream')
    const error = await failure(store.put('stream', { stream: streamOf(LONG) }))
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/another write of it has dropped the blocks that were sent/)
    expect((await read(other, 'stream')).toString()).toBe('theirs stream')

    for (const body of [{ file: fileOf(LONG) }, { stream: streamOf(LONG) }]) {
      const key = 'file' in body ? 'absent-file' : 'absent-stream'
      interrupted(key)
      await expect(store.put(key, body, { ifAbsent: true })).rejects.toBeInstanceOf(PreconditionFailed)
      expect((await read(other, key)).toString()).toBe(`theirs ${key}`)
    }
  })

  it('of many long streams to one name one wins, and no two are mixed', async () => {
    const { store } = storeAt(origin())
    const contents = Array.from({ length: 6 }, () => randomBytes(2.5 * CHUNK))
    const results = await Promise.allSettled(contents.map((content) => store.put('k', { stream: streamOf(content) }, { ifAbsent: true })))
    const won = results.flatMap(({ status }, at) => (status === 'fulfilled' ? [at] : []))
    expect(won).toHaveLength(1)
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(PreconditionFailed)
    expect(await read(store, 'k')).toEqual(contents[won[0] ?? 0])
  })

  it('leaves no blob of a stream that fails after its first blocks', async () => {
    const { store } = storeAt(origin())
    const failing = Readable.from(
      (async function* () {
        yield LONG
        throw new Error('the producer died')
      })(),
    )
    await expect(store.put('k', { stream: failing })).rejects.toThrow('the producer died')
    expect(await store.head('k')).toBeUndefined()
    expect(await keysOf(store)).toEqual([])
    await store.put('k', { stream: streamOf(LONG) }, { ifAbsent: true })
    expect(await read(store, 'k')).toEqual(LONG)
  })

  it('stops at the signal, in the middle of its blocks', async () => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url)
    const stop = new AbortController()
    proxy.plan(({ url }) => {
      if (!/comp=block&/.test(url)) return undefined
      stop.abort(new Error('stopped'))
      return { kind: 'stall' }
    })
    await expect(store.put('k', { stream: streamOf(LONG) }, { signal: stop.signal })).rejects.toThrow('stopped')
    proxy.plan(() => undefined)
    expect(await keysOf(store)).toEqual([])
  })

  it('keeps the content type, also through a copy', async () => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url)
    for (const content of [SMALL, LONG]) {
      await store.put('k', { bytes: content }, { contentType: 'text/csv' })
      await store.copy('k', 'copy')
      await read(store, 'copy')
    }
    expect(
      proxy.requests.filter(({ headers }) => headers['x-ms-blob-content-type']).map(({ headers }) => headers['x-ms-blob-content-type']),
    ).toEqual(['text/csv', 'text/csv'])
  })
})

describe('get', () => {
  it.each(['cut', 'end', 'stall'] as const)('goes on where its connection broke off: %s', async (how) => {
    const { hostname: host, port } = new URL(origin())
    await using proxy = await answerProxy({ host, port: Number(port) })
    const { store, prefix } = storeAt(`http://127.0.0.1:${proxy.port}`, { timeoutMs: 500 })
    await storeAt(origin(), { prefix }).store.put('k', { bytes: LONG })
    for (const afterBytes of [1, 2000, 300_000, LONG.length]) {
      proxy.plan((n) => (n === 1 ? { how, afterBytes } : undefined))
      expect(await read(store, 'k')).toEqual(LONG)
      proxy.plan((n) => (n === 1 ? { how, afterBytes } : undefined))
      expect(await buffer(await store.get('k', { start: 1000, end: 500_000 }))).toEqual(LONG.subarray(1000, 500_000))
    }
    expect(proxy.faults).toBeGreaterThan(0)
  })

  it('leaves nothing behind for a reader that stops early', async () => {
    const { store } = storeAt(origin())
    await store.put('k', { bytes: LONG })
    for (let i = 0; i < 10; i++) for await (const _ of await store.get('k')) break
    expect(await read(store, 'k')).toEqual(LONG)
  })

  it('gives one version from the first byte to the last, or fails', async () => {
    const proxy = await proxied()
    const { store, prefix } = storeAt(proxy.url)
    const other = storeAt(origin(), { prefix }).store
    await other.put('k', { bytes: LONG })
    let gets = 0
    proxy.plan(async ({ method }) => {
      if (method !== 'GET' || ++gets !== 1) return undefined
      await other.put('k', { bytes: 'newer' })
      return undefined
    })
    // Replaced before the first byte: the newer one.
    expect((await read(store, 'k')).toString()).toBe('newer')

    await other.put('k', { bytes: LONG })
    gets = 0
    proxy.plan(async ({ method }) => {
      if (method !== 'GET' || ++gets > 2) return undefined
      if (gets === 1) return { kind: 'cut-answer' }
      await other.put('k', { bytes: 'newer' })
      return undefined
    })
    await expect(read(store, 'k')).rejects.toBeInstanceOf(PreconditionFailed)
  })

  it('finds content that is not what its metadata say', async () => {
    const { store, prefix } = storeAt(origin())
    await foreign(`${prefix}/k`, 'one,twa\n', { 'x-ms-meta-millrace_crc32c': `${crcOf('one,two\n')} 8` })
    await expect(read(store, 'k')).rejects.toThrow(/was read with crc32c .*, not .* as it is stored/)
  })
})

describe('list', () => {
  it('gives every key once, ascending, over several pages, each asked for again when it fails', async () => {
    const proxy = await proxied()
    const { store, prefix } = storeAt(origin())
    const keys = Array.from({ length: 11 }, (_, i) => `k${String(i).padStart(2, '0')}`)
    for (const key of keys) await store.put(key, { bytes: key })
    const settings = { account: server.account, container: 'bucket', endpoint: `${proxy.url}/${server.account}`, key: secretOf(server.key) }
    proxy.plan((_request, nth) => (nth % 2 === 1 ? { kind: 'reset' } : undefined))
    const names: string[] = []
    for await (const name of listNames(clientOf(settings, manualClock()), urlsIn(settings), `${prefix}/`, 3)) names.push(name)
    expect(names).toEqual(keys.map((key) => `${prefix}/${key}`))
    expect(proxy.requests).toHaveLength(8)
  })
})

describe("another program's blob", () => {
  it('is read once for its checksum, and copied with it', async () => {
    const proxy = await proxied()
    const { store, prefix } = storeAt(proxy.url)
    await foreign(`${prefix}/k`, 'one,two\n', { 'x-ms-meta-who': 'else' })
    const info = await store.head('k')
    expect(info).toMatchObject({ bytes: 8, crc32c: crcOf('one,two\n'), metadata: { who: 'else' } })
    expect(proxy.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET'])
    await store.copy('k', 'copy')
    proxy.plan(() => undefined)
    expect(await store.head('copy')).toMatchObject({ bytes: 8, crc32c: crcOf('one,two\n'), metadata: { who: 'else' } })
    expect(proxy.requests.map(({ method }) => method)).toEqual(['HEAD'])
    expect((await read(store, 'k')).toString()).toBe('one,two\n')
    await store.put('k', { bytes: 'ours' }, { ifVersion: info?.version ?? '' })
  })

  it('with a content encoding is refused', async () => {
    const { store, prefix } = storeAt(origin())
    await foreign(`${prefix}/k`, 'no gzip', { 'x-ms-blob-content-encoding': 'gzip' })
    const error = await failure(store.get('k'))
    expect(error).toBeInstanceOf(PermanentError)
    expect(error.message).toMatch(/is stored with content encoding gzip; expected none/)
  })

  it('whose unfinished blocks are in the way is a PermanentError that says what to do', async () => {
    const { store, prefix } = storeAt(origin())
    await foreign(`${prefix}/k`, 'block', {}, `comp=block&blockid=${encodeURIComponent(Buffer.from('short').toString('base64'))}`)
    for (const body of [{ stream: streamOf(LONG) }, { bytes: 'x' }]) {
      const error = await failure(store.put('k', body))
      expect(error).toBeInstanceOf(PermanentError)
      expect(error.message).toMatch(/another program has left a blob or blocks of another kind there \(400 InvalidBlobOrBlock\)/)
    }
  })
})

describe('copy of what is too large for one request', () => {
  const sizes: CopySizes = { wholeBytes: CHUNK, blockBytes: CHUNK }

  it.each(['key', 'sas'])('is done in blocks, with type and metadata, under the preconditions, by %s', async (credentials) => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url, credentials === 'sas' ? { sas: secretOf(await sasOf('rcwdl')) } : {}, sizes)
    await store.put('k', { bytes: LONG }, { contentType: 'text/csv', metadata: { a: '1' } })
    const made = await store.copy('k', 'copy', { ifAbsent: true })
    expect(made).toMatchObject({ bytes: LONG.length, crc32c: crcOf(LONG), metadata: { a: '1' } })
    expect(await store.head('copy')).toEqual(made)
    expect(await read(store, 'copy')).toEqual(LONG)
    await expect(store.copy('k', 'copy', { ifAbsent: true })).rejects.toBeInstanceOf(PreconditionFailed)
    const again = await store.copy('k', 'copy', { ifVersion: made.version, metadata: { b: '2' } })
    expect((await store.head('copy'))?.metadata).toEqual({ b: '2' })
    await expect(store.copy('k', 'copy', { ifVersion: made.version })).rejects.toBeInstanceOf(PreconditionFailed)
    expect((await store.head('copy'))?.version).toBe(again.version)
    expectGuarded(proxy.requests)
  })

  it('begins again when the source was replaced meanwhile', async () => {
    const proxy = await proxied()
    const { store, prefix } = storeAt(proxy.url, {}, sizes)
    const other = storeAt(origin(), { prefix }).store
    const newer = randomBytes(LONG.length)
    await other.put('k', { bytes: LONG })
    let blocks = 0
    proxy.plan(async ({ headers }) => {
      if (headers['x-ms-copy-source'] && ++blocks === 2) await other.put('k', { bytes: newer })
      return undefined
    })
    expect(await store.copy('k', 'copy')).toMatchObject({ crc32c: crcOf(newer) })
    expect(await read(store, 'copy')).toEqual(newer)
  })

  it('sends the blocks again when another write of the target has dropped them, and never against a precondition', async () => {
    const proxy = await proxied()
    const { store, prefix } = storeAt(proxy.url, {}, sizes)
    const other = storeAt(origin(), { prefix }).store
    await other.put('k', { bytes: LONG })
    for (const ifAbsent of [false, true]) {
      let commits = 0
      proxy.plan(async ({ url }) => {
        if (/comp=blocklist/.test(url) && ++commits === 1) await other.put(`copy-${ifAbsent}`, { bytes: 'theirs' })
        return undefined
      })
      const copying = store.copy('k', `copy-${ifAbsent}`, { ifAbsent })
      if (ifAbsent) await expect(copying).rejects.toBeInstanceOf(PreconditionFailed)
      else expect(await copying).toMatchObject({ crc32c: crcOf(LONG) })
      expect(await read(other, `copy-${ifAbsent}`)).toEqual(ifAbsent ? Buffer.from('theirs') : LONG)
    }
  })

  it.each(['whole', 'in blocks'])('that Azure cannot read, though it is there, is a ConfigError, %s', async (how) => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url, {}, how === 'whole' ? undefined : sizes)
    await store.put('k', { bytes: LONG })
    proxy.plan(({ headers }) =>
      headers['x-ms-copy-source'] ? { kind: 'answer', status: 404, headers: { 'x-ms-error-code': 'CannotVerifyCopySource' } } : undefined,
    )
    const error = await failure(store.copy('k', 'copy'))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(/: Azure cannot read it, though it is there$/)
    expect(proxy.requests.length).toBeLessThan(10)
  })

  it('by a server that cannot is found out, and nothing stays', async () => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url, { sas: secretOf(await sasOf('rcwdl')) }, sizes)
    await store.put('k', { bytes: LONG })
    // As older servers do, which know no such request and take it for a Put Block.
    proxy.plan(({ url, headers: { 'x-ms-copy-source': from, ...headers } }) =>
      from && /comp=block&/.test(url) ? { kind: 'pass-as', url, headers, body: Buffer.from('x') } : undefined,
    )
    const error = await failure(store.copy('k', 'copy'))
    expect(error).toBeInstanceOf(PermanentError)
    expect(error.message).toMatch(/was copied with 3 bytes, not \d+: removed again$/)
    expect(await keysOf(store)).toEqual(['k'])
  })
})

describe('credentials', () => {
  it('a shared access signature and a connection string serve, copies too', async () => {
    const sas = secretOf(await sasOf('rcwdl'))
    const connectionString = secretOf(`AccountName=${server.account};AccountKey=${server.key};BlobEndpoint=${server.endpoint}`)
    for (const options of [{ sas }, { connectionString }] as const) {
      const prefix = `test-${folders++}`
      const settings = {
        account: server.account,
        container: 'bucket',
        prefix,
        ...('sas' in options && { endpoint: server.endpoint }),
        ...options,
      }
      const connection = azure(settings)
      const store = connection.openStore()
      await store.put('k', { bytes: LONG })
      await store.copy('k', 'copy')
      expect(await read(store, 'copy')).toEqual(LONG)
      expect(await keysOf(store)).toEqual(['copy', 'k'])
      await store.delete('k')
    }
  })

  const REQUESTS: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
    ['put', (store) => store.put('k', { bytes: 'planted' })],
    ['head', (store) => store.head('k')],
    ['get', (store) => store.get('k')],
    ['list', keysOf],
    ['delete', (store) => store.delete('k')],
    ['copy', (store) => store.copy('k', 'l')],
  ]

  it.each(REQUESTS)('that are wrong are a ConfigError of %s, tried once, without the key', async (_name, work) => {
    const { store, clock } = storeAt(origin(), { key: secretOf(Buffer.from('planted key').toString('base64').padEnd(16, '=')) })
    const error = await failure(work(store))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.exitCode).toBe(2)
    expect(error.message).toMatch(/permission denied \(403 AuthorizationFailure\)/)
    expect(error.hint).toContain('check the credentials, env:AZURE_SECRET')
    expect(error.hint).toContain('Storage Blob Data Contributor')
    expect(clock.slept).toEqual([])
  })

  it.each(REQUESTS)('for a container that is not there are a ConfigError of %s', async (_name, work) => {
    const error = await failure(work(storeAt(origin(), { container: 'unknown' }).store))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(/the container does not exist \(404 ContainerNotFound\)/)
    expect(error.hint).toBe('make the container, or correct `container` of azure(…)')
  })

  it('without the right to write are a ConfigError that names the role', async () => {
    const { store } = storeAt(origin(), { sas: secretOf(await sasOf('rl')) })
    expect(await store.head('k')).toBeUndefined()
    const error = await failure(store.put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.hint).toContain('the role "Storage Blob Data Contributor" on the container')
  })

  it.each([
    ['AuthenticationFailed', 403, ConfigError, /the credentials were refused/, /this machine's clock/],
    ['KeyBasedAuthenticationNotPermitted', 403, ConfigError, /the account takes no keys/, /use the default credentials/],
    ['AccountIsDisabled', 403, ConfigError, /the account is disabled/, /owns/],
    ['', 401, ConfigError, /the credentials were refused \(401\)/, /check the credentials/],
    ['BlobImmutableDueToPolicy', 409, ConfigError, /a policy keeps the blob as it is/, /immutable/],
    ['LeaseIdMissing', 412, TransientError, /a lease holds it .* \(tried 6 times\)/, /release or break the lease/],
    ['ServerBusy', 429, TransientError, /Azure answered 429 ServerBusy.* \(tried 6 times\)/, /run again later/],
    ['SomethingNew', 400, PermanentError, /Azure answered 400 SomethingNew/, /documentation/],
  ] as const)('the answer %s is an error in words', async (code, status, kind, message, hint) => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url)
    proxy.plan(({ method }) => (method === 'PUT' ? { kind: 'answer', status, headers: { 'x-ms-error-code': code } } : undefined))
    const error = await failure(store.put('k', { bytes: 'x' }, { ifAbsent: true }))
    expect(error).toBeInstanceOf(kind)
    expect(error.message).toMatch(message)
    expect(error.hint).toMatch(hint)
  })
})

describe('a network', () => {
  it('without a server is a TransientError; with an unknown host, a ConfigError', async () => {
    const refused = await failure(storeAt('http://127.0.0.1:9').store.put('k', { bytes: 'x' }))
    expect(refused).toBeInstanceOf(TransientError)
    expect(refused.message).toMatch(/: the connection was refused \(ECONNREFUSED\) \(tried 6 times\)$/)
    const unknown = await failure(storeAt('https://no-such-host.invalid').store.put('k', { bytes: 'x' }))
    // Where no name server answers, it is one that may come back.
    if (unknown.message.includes('EAI_AGAIN')) expect(unknown).toBeInstanceOf(TransientError)
    else expect(unknown).toBeInstanceOf(ConfigError)
  })

  it('that falls silent is a TransientError after timeoutMs', async () => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url, { timeoutMs: 100, retries: 1 })
    proxy.plan(() => ({ kind: 'stall' }))
    const error = await failure(store.put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/: timed out, nothing moved for 0\.1 s \(tried 2 times\)$/)
  })

  it('in which something else answers is an error in words', async () => {
    const proxy = await proxied()
    const { store } = storeAt(proxy.url, { retries: 0 })
    proxy.plan(() => ({ kind: 'answer', status: 200, body: '<html>sign in</html>' }))
    for (const work of [() => store.head('k'), () => keysOf(store), () => store.put('k', { bytes: 'x' }, { ifVersion: '"0x1"' })]) {
      const error = await failure(work())
      expect([PermanentError, TransientError]).toContain(error.constructor)
    }
  })
})

describe('check of azure', () => {
  const check = async (options: Partial<AzureOptions> = {}) =>
    (await azure({
      account: server.account,
      container: 'bucket',
      prefix: `check-${folders++}`,
      endpoint: server.endpoint,
      key: secretOf(server.key),
      ...options,
    }).check?.(checkContext('store'))) ?? []

  it('finds nothing wrong with a container', async () => {
    expect(await check()).toMatchObject([
      { what: 'objects', state: 'ok', found: expect.stringContaining('guarded by preconditions, deleted') },
      { what: 'clock', state: 'ok' },
    ])
  })

  it('finds what is wrong, and what to do', async () => {
    expect(await check({ container: 'another' })).toMatchObject([
      { what: 'answers', state: 'fault', kind: 'configuration', advice: 'make the container, or correct `container` of azure(…)' },
    ])
    expect(await check({ endpoint: `http://127.0.0.1:9/${server.account}` })).toMatchObject([
      { what: 'answers', state: 'fault', kind: 'unreachable' },
    ])
  })
})

/** A shared access signature of the container for an hour. */
async function sasOf(permissions: string): Promise<string> {
  const { ContainerSASPermissions, generateBlobSASQueryParameters, StorageSharedKeyCredential } = await import('@azure/storage-blob')
  return generateBlobSASQueryParameters(
    { containerName: 'bucket', permissions: ContainerSASPermissions.parse(permissions), expiresOn: new Date(Date.now() + 3_600_000) },
    new StorageSharedKeyCredential(server.account, server.key),
  ).toString()
}

/** Writes as another program does. */
async function foreign(name: string, content: string, headers: Readonly<Record<string, string>>, query = ''): Promise<void> {
  const made = await fetch(`${server.endpoint}/bucket/${name}?${query}&${await sasOf('rcwdl')}`, {
    method: 'PUT',
    headers: { 'x-ms-blob-type': 'BlockBlob', ...headers },
    body: content,
  })
  if (made.status !== 201) throw new Error(`not written: ${made.status} ${await made.text()}`)
}
