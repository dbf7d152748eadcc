import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { azure } from '../../lib/connectors/azure/index.ts'
import type { AzureOptions } from '../../lib/connectors/azure/options.ts'
import { ConfigError, MillraceError } from '../../lib/core/errors.ts'
import { Secret } from '../../lib/core/secret.ts'
import { type Azurite, startAzurite } from '../kit/azurite.ts'
import { checkContext } from '../kit/check.ts'
import { temporaryFolder } from '../kit/context.ts'
import { CHECKOUT, type TestProject } from '../kit/project.ts'
import { PLAIN, salesProjects } from '../kit/sales.ts'

const TLS = join(import.meta.dirname, '../kit/tls')
describe('a run that lands and delivers in Azure', () => {
  let server: Azurite
  let local: TestProject
  let remote: TestProject
  beforeAll(async () => {
    server = await startAzurite()
    await server.makeContainer('bucket')
    const container = (prefix: string) =>
      `azure({ account: '${server.account}', container: 'bucket', prefix: '${prefix}', endpoint: '${server.endpoint}', key: secret('env:AZURE_KEY'), retries: 1 })`
    ;({ local, remote } = salesProjects('azure, secret', container))
    vi.stubEnv('AZURE_KEY', server.key)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    local?.remove()
    remote?.remove()
    await server?.stop()
  })
  const store = () =>
    azure({
      account: server.account,
      container: 'bucket',
      prefix: 'export',
      endpoint: server.endpoint,
      key: new Secret('env:AZURE_KEY', () => server.key),
    }).openStore()

  it('gives what a local disk gives, and its key is in none of its texts', async () => {
    const run = await remote.millrace('run', 'sales')
    expect(run).toMatchObject({ code: 0 })
    expect(await local.millrace('run', 'sales')).toMatchObject({ code: 0 })
    for (const path of PLAIN)
      expect(await text(await store().get(path))).toBe(readFileSync(local.path('.millrace/dev/export', path), 'utf8'))
    const query = 'SELECT * EXCLUDE (_load) FROM daily ORDER BY ALL'
    expect(await remote.warehouse(query)).toEqual(await local.warehouse(query))
    expect(run.stdout + run.stderr).not.toContain(server.key)
  })

  it('keeps the metadata of a plain copy where other programs can read them', async () => {
    const head = await store().head('daily/2024-01-02.csv')
    expect(head?.metadata).toMatchObject({ manifest: expect.stringContaining('daily/'), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  it('is followed by one that finds nothing to do, and by a verification', async () => {
    const again = await remote.millrace('run', 'sales')
    expect(again.code).toBe(0)
    expect(again.stdout).toContain('nothing to do')
    // Fetched as a consumer fetches it.
    const folder = temporaryFolder()
    let last = ''
    for await (const path of store().list('daily/')) {
      if (/-[0-9a-f]{8}\.csv$/.test(path)) last = path
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      writeFileSync(join(folder, path), await buffer(await store().get(path)))
    }
    expect(await remote.millrace('verify', folder)).toMatchObject({ code: 0 })
    writeFileSync(join(folder, last), 'damaged')
    expect(await remote.millrace('verify', folder)).toMatchObject({ code: 3 })
  })

  it('is a container to millrace doctor', async () => {
    const doctor = await remote.millrace('doctor')
    expect(doctor.stdout).toMatch(/landing \(azure\)\n.*secret.*env:AZURE_KEY, set\n +✓ objects .*guarded by preconditions/)
    expect(doctor.stdout).not.toContain(server.key)
  })

  it('ends with exit 2 for a container that is not there, in one sentence', async () => {
    const config = remote.path('millrace.config.ts')
    const before = readFileSync(config, 'utf8')
    remote.write({ 'millrace.config.ts': before.replaceAll("container: 'bucket'", "container: 'nowhere'") })
    const failed = await remote.millrace('run', 'sales')
    remote.write({ 'millrace.config.ts': before })
    expect(failed.code).toBe(2)
    expect(failed.stdout + failed.stderr).toMatch(/the container does not exist \(404 ContainerNotFound\)/)
    expect(failed.stdout + failed.stderr).toContain('make the container, or correct `container` of azure(…)')
    expect(failed.stdout + failed.stderr).not.toMatch(/\n\s+at /)
  })
})

describe('over TLS', () => {
  let server: Azurite
  beforeAll(async () => {
    server = await startAzurite({ cert: join(TLS, 'server.pem'), key: join(TLS, 'server.key'), ca: join(TLS, 'authority.pem') })
    await server.makeContainer('bucket')
  })
  afterAll(() => server.stop())

  const options = (more: Partial<AzureOptions> = {}): AzureOptions => ({
    account: server.account,
    container: 'bucket',
    endpoint: server.endpoint,
    retries: 1,
    tls: { ca: join(TLS, 'authority.pem') },
    ...more,
  })
  const key = new Secret('env:AZURE_KEY', () => server.key)

  it('a certificate of the authority that tls.ca names is taken; another one is a ConfigError that says what to do', async () => {
    const store = azure(options({ key })).openStore()
    await store.put('k', { bytes: 'x' })
    expect(await text(await store.get('k'))).toBe('x')
    for (const tls of [{}, { ca: join(TLS, 'another-authority.pem') }]) {
      const error = await failureOf(azure(options({ key, tls })).openStore().head('k'))
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toMatch(/comes from an unknown authority \(|was not signed by the given authority \(/)
      expect(error.hint).toMatch(/tls: \{ ca: … \} of azure\(…\)/)
    }
    const error = await failureOf(
      azure(options({ key, tls: { ca: join(TLS, 'authority.pem'), serverName: 'db2.example.com' } }))
        .openStore()
        .head('k'),
    )
    expect(error.message).toMatch(/the server's certificate is for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)/)
    expect(error.hint).toMatch(/in `endpoint` of azure\(…\)/)
  })

  it('the default credentials of Azure serve, copies too: here a managed identity', async () => {
    let tokens = 0
    await managedIdentity(() => {
      tokens++
      return {
        status: 200,
        body: { access_token: jwt(), expires_on: Math.floor(Date.now() / 1000) + 3600, token_type: 'Bearer', resource: 'r' },
      }
    })
    const store = azure(options({ chunkSize: 100_000 })).openStore()
    const long = Buffer.alloc(300_000, 'long')
    await store.put('by-identity', { bytes: long })
    await store.copy('by-identity', 'copied')
    expect(await buffer(await store.get('copied'))).toEqual(long)
    expect(tokens).toBe(1)
    expect(await azure(options()).check?.(checkContext('store'))).toMatchObject([{ what: 'objects', state: 'ok' }, { what: 'clock' }])
  })

  it('default credentials whose token server is away are a TransientError', async () => {
    const client = { AZURE_TENANT_ID: randomUUID(), AZURE_CLIENT_ID: randomUUID(), AZURE_CLIENT_SECRET: 'planted' }
    for (const environment of [
      { IDENTITY_ENDPOINT: 'http://127.0.0.1:9/token', IDENTITY_HEADER: 'planted-header' },
      { ...client, AZURE_AUTHORITY_HOST: 'https://localhost:9' },
    ])
      expect(await failureWith(environment)).toMatchObject({
        exitCode: 75,
        message: expect.stringMatching(/^cannot look at .*: no access token: the token server does not answer$/),
      })
  })

  it('default credentials that are refused, or not there, are a ConfigError without what the server said', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":"invalid_request","error_description":"planted"}')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    expect(await failureWith({ IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/token`, IDENTITY_HEADER: 'planted-header' })).toMatchObject({
      exitCode: 2,
      message: "cannot look at azure://devstoreaccount1/bucket/k: the machine's identity was refused a token",
      hint: 'check the credentials: the default credentials of Azure',
    })
    expect(await failureWith({ AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' })).toMatchObject({
      exitCode: 2,
      message: 'cannot look at azure://devstoreaccount1/bucket/k: there are no default credentials of Azure',
      hint: expect.stringContaining('`az login`'),
    })
  })

  /** What a look at a blob fails with in a process of its own: the library keeps where tokens come from for as long as its process lives. */
  async function failureWith(environment: Readonly<Record<string, string>>): Promise<unknown> {
    const lib = join(CHECKOUT, 'lib/connectors/azure/index.ts')
    const program = `import { azure } from ${JSON.stringify(lib)}
      const error = await azure(${JSON.stringify(options({ retries: 0 }))}).openStore().head('k').catch((e) => e)
      console.log(JSON.stringify({ message: error.message, hint: error.hint, exitCode: error.exitCode, stack: error.stack }))`
    const env = { PATH: process.env.PATH, AZURE_TOKEN_CREDENTIALS: 'prod', ...environment }
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env })
    expect(stdout).not.toContain('planted')
    return JSON.parse(stdout)
  }
})

async function failureOf(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!(error instanceof MillraceError)) throw new Error(`no failure of ours: ${String(error)}`)
  return error
}

/** A token as Azurite takes it, which compares its claims and no signature. */
function jwt(): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/',
    iat: now,
    nbf: now - 60,
    exp: now + 3600,
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${Buffer.from('planted').toString('base64url')}`
}

/** The server of tokens that App Service gives to its processes, until the test is over. */
async function managedIdentity(answer: () => { readonly status: number; readonly body: object }): Promise<void> {
  const server = createServer((_request, response) => {
    const { status, body } = answer()
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    server.close()
  })
  vi.stubEnv('IDENTITY_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`)
  vi.stubEnv('IDENTITY_HEADER', 'planted-header')
  // None of the developer's own tools.
  vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'prod')
}
