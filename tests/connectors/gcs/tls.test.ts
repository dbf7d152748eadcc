import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { secret } from '../../../lib/config/secret.ts'
import { gcs } from '../../../lib/connectors/gcs/index.ts'
import type { GcsOptions } from '../../../lib/connectors/gcs/options.ts'
import { openGcsStore } from '../../../lib/connectors/gcs/store.ts'
import { ConfigError } from '../../../lib/core/errors.ts'
import { checkContext } from '../../kit/check.ts'
import { type ManualClock, manualClock, temporaryFolder } from '../../kit/context.ts'
import { startGcsServer } from '../../kit/gcs-server.ts'
import { failure, workloadIdentity } from './kit.ts'

const folder = join(import.meta.dirname, '../../kit/tls')
const authority = join(folder, 'authority.pem')

/** A server with one of the certificates of tests/kit/tls, by the name `localhost`. */
async function serverWith(certificate: string) {
  const pem = (ending: string) => readFileSync(join(folder, `${certificate}.${ending}`), 'utf8')
  const server = await startGcsServer({ tls: { key: pem('key'), cert: pem('pem') } })
  onTestFinished(() => server.close())
  return { server, apiEndpoint: server.url.replace('127.0.0.1', 'localhost') }
}

function storeAt(options: Partial<GcsOptions>): { readonly store: ReturnType<typeof openGcsStore>; readonly clock: ManualClock } {
  const clock = manualClock()
  const settings = { bucket: 'bucket', timeoutMs: 2000, retries: 3, ...options }
  gcs(settings)
  return { store: openGcsStore(settings, clock), clock }
}

const CASES = [
  [
    'self-signed',
    { ca: authority },
    /^cannot .*: the server's certificate is self-signed \(DEPTH_ZERO/,
    /tls: \{ ca: … \}.*NODE_EXTRA_CA_CERTS/,
  ],
  ['server', undefined, /^cannot .*: the server's certificate comes from an unknown authority \(/, /tls: \{ ca: … \}.*NODE_EXTRA_CA_CERTS/],
  [
    'server',
    { ca: join(folder, 'another-authority.pem') },
    /: the server's certificate comes from an unknown authority \(|was not signed by the given authority \(/,
    /tls: \{ ca: … \}/,
  ],
  ['expired', { ca: authority }, /^cannot .*: the server's certificate has expired \(CERT_HAS_EXPIRED\)$/, /^renew it on the server$/],
  [
    'wrong-host',
    { ca: authority },
    /^cannot .*: the server's certificate is for another name \(ERR_TLS/,
    /apiEndpoint.*tls: \{ serverName: … \}/,
  ],
] as const

it.each(CASES)(
  'the certificate %s is refused with %o: why, what to do, tried once, nothing sent',
  async (certificate, tls, message, hint) => {
    const { server, apiEndpoint } = await serverWith(certificate)
    vi.stubEnv('PLANTED_KEY', workloadIdentity(`${apiEndpoint}/token`))
    onTestFinished(() => void vi.unstubAllEnvs())
    // Without credentials the bucket itself is asked first; with them, below, the token server.
    const { store, clock } = storeAt({ apiEndpoint, ...(tls && { tls }) })
    const list = async () => {
      for await (const _ of store.list('')) break
    }
    for (const work of [
      () => store.put('k', { bytes: 'planted' }),
      () => store.head('k'),
      () => store.get('k'),
      list,
      () => store.delete('k'),
    ]) {
      const error = await failure(work())
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.exitCode).toBe(2)
      expect(error.message).toMatch(message)
      expect(error.message).toContain('gs://bucket/')
      expect(error.place.file).toMatch(/^gs:\/\/bucket\//)
      expect(error.hint).toMatch(hint)
    }
    expect(clock.slept).toEqual([])
    expect(server.requests).toEqual([])

    const connection = gcs({ bucket: 'bucket', apiEndpoint, ...(tls && { tls }) })
    expect(await connection.check?.(checkContext('store'))).toMatchObject([
      {
        what: 'answers',
        state: 'fault',
        kind: 'configuration',
        found: expect.stringMatching(/certificate/),
        advice: expect.stringMatching(hint),
      },
    ])
  },
)

it('a certificate of the authority that tls.ca names is taken', async () => {
  const { server, apiEndpoint } = await serverWith('server')
  const { store } = storeAt({ apiEndpoint, tls: { ca: authority } })
  await store.put('k', { bytes: 'x' })
  expect(server.names()).toEqual(['k'])
})

it('a certificate for an address is taken of the authority that tls.ca names', async () => {
  const { server, apiEndpoint } = await serverWith('address')
  const { store } = storeAt({ apiEndpoint: apiEndpoint.replace('localhost', '127.0.0.1'), tls: { ca: join(folder, 'address.pem') } })
  await store.put('k', { bytes: 'x' })
  expect(server.names()).toEqual(['k'])
})

it('another name than that of the endpoint is verified in its place', async () => {
  const { server, apiEndpoint } = await serverWith('wrong-host')
  const tls = { ca: authority, serverName: 'db.example.com' }
  await storeAt({ apiEndpoint, tls }).store.put('k', { bytes: 'x' })
  expect(server.names()).toEqual(['k'])
  const error = await failure(storeAt({ apiEndpoint, tls: { ...tls, serverName: 'db2.example.com' } }).store.head('k'))
  expect(error.message).toMatch(/for another name/)
})

it('tls.ca that cannot be read is a ConfigError that names it', async () => {
  const { server, apiEndpoint } = await serverWith('server')
  const file = join(temporaryFolder(), 'nowhere.pem')
  const error = await failure(storeAt({ apiEndpoint, tls: { ca: file } }).store.head('k'))
  expect(error).toBeInstanceOf(ConfigError)
  expect(error.message).toMatch(/^tls\.ca .*nowhere\.pem of gcs cannot be read: /)
  expect(server.requests).toEqual([])
  writeFileSync(file, 'no certificate')
  const none = await failure(storeAt({ apiEndpoint, tls: { ca: file } }).store.head('k'))
  expect(none).toBeInstanceOf(ConfigError)
  expect(none.message).toBe(`tls.ca ${file} of gcs is no certificate in PEM`)
})

it('a token server whose certificate is refused is a ConfigError of its own, and no credential is sent', async () => {
  onTestFinished(() => void vi.unstubAllEnvs())
  const { server, apiEndpoint } = await serverWith('server')
  vi.stubEnv('PLANTED_KEY', workloadIdentity(`${apiEndpoint}/token`))
  const { store, clock } = storeAt({ apiEndpoint, tls: { ca: authority }, credentials: secret('env:PLANTED_KEY') })
  const error = await failure(store.put('k', { bytes: 'x' }))
  expect(error).toBeInstanceOf(ConfigError)
  expect(error.message).toMatch(
    /^cannot look at gs:\/\/bucket\/k: no access token: the server's certificate comes from an unknown authority \(/,
  )
  expect(error.hint).toMatch(/env:PLANTED_KEY .*NODE_EXTRA_CA_CERTS/)
  expect(clock.slept).toEqual([])
  expect(server.requests).toEqual([])
})

it.each([
  [{ apiEndpoint: 'http://127.0.0.1:1', tls: { ca: 'a.pem' } }, /gcs takes tls where apiEndpoint is https/],
  [{ tls: { serverName: '10.0.0.1' } }, /tls\.serverName "10\.0\.0\.1" of gcs is not a name/],
] as const)('%j is refused', (options, message) => {
  expect(() => gcs({ bucket: 'bucket', ...options })).toThrow(message)
})
