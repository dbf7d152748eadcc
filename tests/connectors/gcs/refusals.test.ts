import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { secret } from '../../../lib/config/secret.ts'
import { gcs } from '../../../lib/connectors/gcs/index.ts'
import type { GcsOptions } from '../../../lib/connectors/gcs/options.ts'
import { openGcsStore } from '../../../lib/connectors/gcs/store.ts'
import { ConfigError, TransientError } from '../../../lib/core/errors.ts'
import { manualClock, temporaryFolder } from '../../kit/context.ts'
import { failure, opened, operations, workloadIdentity } from './kit.ts'

afterEach(() => vi.unstubAllEnvs())

function fileOf(text: string): string {
  const file = join(temporaryFolder(), 'key.json')
  writeFileSync(file, text)
  return file
}

const storeAt = (options: Partial<GcsOptions>) => openGcsStore({ bucket: 'bucket', timeoutMs: 500, retries: 2, ...options }, manualClock())

describe('credentials', () => {
  it.each(['keyFile', 'credentials', 'GOOGLE_APPLICATION_CREDENTIALS'] as const)('of a workload identity are used, by %s', async (how) => {
    const warn = vi.spyOn(console, 'warn')
    onTestFinished(() => warn.mockRestore())
    const { server } = await opened({}, { requireToken: true })
    const json = workloadIdentity(`${server.url}/token`)
    if (how === 'GOOGLE_APPLICATION_CREDENTIALS') vi.stubEnv(how, fileOf(json))
    vi.stubEnv('PLANTED_KEY', json)
    const credentials =
      how === 'keyFile' ? { keyFile: fileOf(json) } : how === 'credentials' ? { credentials: secret('env:PLANTED_KEY') } : {}
    const store = storeAt({ apiEndpoint: server.url, ...credentials })
    if (how === 'GOOGLE_APPLICATION_CREDENTIALS') {
      // Application default credentials are for Google alone: an emulator gets none.
      await expect(store.put('k', { bytes: 'x' })).rejects.toThrow('refused (401)')
      return
    }
    await store.put('k', { bytes: 'x' })
    expect(operations(server.requests)).toEqual(['token', 'head', 'insert'])
    expect(warn).not.toHaveBeenCalled()
    expect(server.requests[1]?.headers.authorization).toBe('Bearer secret-token-1')
    expect(server.requests[1]?.headers['user-agent']).toMatch(/^millrace\/\d+\.\d+\.\d+ gcloud-node-storage\/\d+\.\d+\.\d+$/)
  })

  it('a token that is refused mid-way is fetched anew, once', async () => {
    const { server } = await opened({}, { requireToken: true })
    const store = storeAt({ apiEndpoint: server.url, keyFile: fileOf(workloadIdentity(`${server.url}/token`)), chunkSize: 2 ** 18 })
    await store.put('k', { bytes: 'x' })
    server.revokeTokens()
    server.calm()
    const chunks = (async function* () {
      for (let i = 0; i < 5; i++) {
        if (i === 3) server.revokeTokens()
        yield Buffer.alloc(2 ** 18, i)
      }
    })()
    const info = await store.put('long', { stream: Readable.from(chunks) })
    expect(info.bytes).toBe(5 * 2 ** 18)
    expect(operations(server.requests).filter((each) => each === 'token')).toHaveLength(2)

    server.fail({ on: 'any', times: 99, fault: { kind: 'status', status: 401, reason: 'authError' } })
    const error = await failure(store.put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(ConfigError)
  })

  it('that the token server refuses are a ConfigError that names where they come from', async () => {
    const { server } = await opened({}, { requireToken: true })
    server.fail({
      on: 'token',
      times: 99,
      fault: { kind: 'status', status: 400, body: '{"error":"invalid_grant","error_description":"planted"}' },
    })
    const keyFile = fileOf(workloadIdentity(`${server.url}/token`))
    const error = await failure(storeAt({ apiEndpoint: server.url, keyFile }).put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.exitCode).toBe(2)
    expect(error.message).toBe('cannot look at gs://bucket/k: the credentials were refused (400 from the token server)')
    expect(error.hint).toBe(`check the credentials: ${keyFile}`)
  })

  it('whose token server is away are a TransientError', async () => {
    const { server } = await opened()
    const keyFile = fileOf(workloadIdentity(`http://127.0.0.1:${await closedPort()}/token`))
    const error = await failure(storeAt({ apiEndpoint: server.url, keyFile, timeoutMs: 20_000, retries: 0 }).put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toContain('no access token (ECONNREFUSED)')
  })

  it('whose private key is none are a ConfigError without the key', async () => {
    const key = {
      type: 'service_account',
      client_email: 'a@b.iam.gserviceaccount.com',
      private_key: '-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n',
    }
    vi.stubEnv('PLANTED_KEY', JSON.stringify(key))
    const { server } = await opened()
    const error = await failure(storeAt({ apiEndpoint: server.url, credentials: secret('env:PLANTED_KEY') }).put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain('the credentials cannot be used')
    expect(error.hint).toBe('check the credentials: env:PLANTED_KEY')
  })

  it('that are no JSON, or not there, are a ConfigError', async () => {
    vi.stubEnv('PLANTED_KEY', 'planted')
    for (const options of [{ credentials: secret('env:PLANTED_KEY') }, { keyFile: fileOf('planted') }, { keyFile: '/no/such/file.json' }]) {
      const error = await storeAt({ apiEndpoint: 'http://127.0.0.1:1', ...options })
        .put('k', { bytes: 'x' })
        .catch((e: unknown) => e)
      expect(error).toBeInstanceOf(ConfigError)
      expect(String(error)).toMatch(/is no JSON of Google credentials|cannot be read \(ENOENT\)/)
      expect(String(error)).not.toContain(': planted')
    }
    // A default file that is not there: a home of its own, and no metadata server.
    const home = temporaryFolder()
    mkdirSync(join(home, '.config'))
    for (const [name, value] of [
      ['HOME', home],
      ['GOOGLE_APPLICATION_CREDENTIALS', ''],
      ['CLOUDSDK_CONFIG', ''],
      ['METADATA_SERVER_DETECTION', 'none'],
    ] as const)
      vi.stubEnv(name, value)
    const error = await failure(storeAt({}).put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain('there are no application default credentials')
  })
})

describe('a service that refuses', () => {
  it('no right (403) is a ConfigError that names the rights, tried once', async () => {
    const { server, store } = await opened()
    server.fail({ on: 'insert', times: 9, fault: { kind: 'status', status: 403, reason: 'forbidden' } })
    const error = await failure(store.put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toBe('cannot write gs://bucket/k: permission denied (403): "injected 403"')
    expect(error.hint).toContain('storage.objects.create, get, list and delete')
    expect(operations(server.requests)).toEqual(['head', 'insert'])
  })

  it('an unknown bucket is a ConfigError, also for head, list and get', async () => {
    const { store } = await opened({ bucket: 'unknown' })
    const list = async () => {
      for await (const _ of store.list('')) break
    }
    for (const work of [() => store.put('k', { bytes: 'x' }), () => store.head('k'), () => store.get('k'), list, () => store.delete('k')]) {
      const error = await failure(work())
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toContain('the bucket does not exist')
    }
  })

  it('an unknown host is a ConfigError that names apiEndpoint', async () => {
    const error = await failure(storeAt({ apiEndpoint: 'https://no-such-host.invalid' }).put('k', { bytes: 'x' }))
    // Where no name server answers, it is one that may come back.
    if (error.message.includes('EAI_AGAIN')) expect(error).toBeInstanceOf(TransientError)
    else expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(/ENOTFOUND|EAI_AGAIN/)
  })

  it('a refused connection is a TransientError', async () => {
    const error = await failure(storeAt({ apiEndpoint: `http://127.0.0.1:${await closedPort()}` }).put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(TransientError)
    expect(error.exitCode).toBe(75)
    expect(error.message).toBe('cannot look at gs://bucket/k: the connection was refused (ECONNREFUSED) (tried 3 times)')
  })

  it('a server that accepts and says nothing is a TransientError after timeoutMs', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    const error = await failure(storeAt({ apiEndpoint: `http://127.0.0.1:${port}`, timeoutMs: 100, retries: 1 }).put('k', { bytes: 'x' }))
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toBe('cannot look at gs://bucket/k: timed out, nothing moved for 0.1 s (tried 2 times)')
  })
})

describe('gcs', () => {
  it('is printable, without a secret', () => {
    const connection = gcs({ bucket: 'deliveries', prefix: 'daily/', credentials: secret('env:NOTHING') })
    expect(connection).toMatchObject({ kind: 'gcs', location: 'gs://deliveries/daily' })
    expect(JSON.stringify(connection.settings)).toContain('[secret]')
  })

  it.each([
    [{ bucket: 'gs://b' }, /bucket "gs:\/\/b" of gcs is no name/],
    [{ bucket: '' }, /no name of a bucket/],
    [{ bucket: 'b-1', prefix: 'a//b' }, /prefix "a\/\/b" of gcs has an empty part/],
    [{ bucket: 'b-1', prefix: '../x' }, /has the part ".."/],
    [{ bucket: 'b-1', keyFile: 'k', credentials: secret('env:K') }, /keyFile or credentials, not both/],
    [{ bucket: 'b-1', apiEndpoint: 'localhost:4443' }, /no address of a server/],
    [{ bucket: 'b-1', apiEndpoint: 'https://u:p@h' }, /no address of a server/],
    [{ bucket: 'b-1', apiEndpoint: 'http://example.org', keyFile: 'k' }, /in the clear/],
    [{ bucket: 'b-1', retries: -1 }, /retries -1 of gcs/],
    [{ bucket: 'b-1', timeoutMs: 0 }, /timeoutMs 0 of gcs/],
    [{ bucket: 'b-1', chunkSize: 1000 }, /chunkSize 1000 of gcs must be a multiple of 262144/],
  ] as const)('%j is refused', (options, message) => {
    expect(() => gcs(options)).toThrow(ConfigError)
    expect(() => gcs(options)).toThrow(message)
  })
})

/** A port of which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 1
}
