import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, test, vi } from 'vitest'
import { manualClock } from '../kit/context.ts'
import { CHECKOUT, command } from '../kit/project.ts'
import { examine, of, project, service, withApi, wrong } from './doctor-kit.ts'

describe('doctor finds of servers', () => {
  it('that none answers, and what PostgreSQL would be quicker with', async () => {
    const here = project({
      'millrace.config.ts': `import { config, files, gcs, local, postgres, secret } from '#millrace'
export default config({ profiles: { prod: {
  connections: { data: files('data'), crm: postgres({ host: '127.0.0.1', port: 9, database: 'crm', user: 'me', password: secret('env:DOCTOR_PG') }) },
  warehouse: postgres({ host: '127.0.0.1', port: 9, database: 'mart', user: 'me' }),
  landing: gcs({ bucket: 'landing', apiEndpoint: 'http://127.0.0.1:9' }),
  store: local('export'),
} } })`,
    })
    const { code, stdout } = await command(process.execPath, [`${CHECKOUT}/bin/millrace.js`, 'doctor', '--profile', 'prod'], here.folder, {
      DOCTOR_PG: 'planted-password',
    })
    expect(code).toBe(75)
    expect(stdout).toMatch(
      /! extension +postgres_scanner is not at .*: PostgreSQL goes through COPY streams, slower\n +→ put it in place: millrace setup/,
    )
    expect(stdout).toMatch(
      /connection crm \(postgres\)\n +✓ secret +password is env:DOCTOR_PG, set\n +✗ answers +connecting to crm on 127\.0\.0\.1:9 failed: nothing listens there\n +→ start the server/,
    )
    expect(stdout).toMatch(/warehouse \(postgres\)\n +✗ answers/)
    expect(stdout).toMatch(/landing \(gcs\)\n +✗ answers/)
    expect(stdout).not.toContain('planted-password')
    const { stdout: without } = await here.millrace('doctor', '--profile', 'prod')
    expect(without).toMatch(/✗ secret +password is env:DOCTOR_PG, which has no value\n +→ export DOCTOR_PG=…/)
  })
})

describe('doctor finds of a folder of files', () => {
  it('that it is not there, or no folder', async () => {
    const here = project()
    rmSync(here.path('data'), { recursive: true })
    const gone = await examine(here)
    expect(of(gone, 'connection data')).toMatchObject([
      { what: 'folder', state: 'fault', found: `there is no folder ${here.path('data')}`, kind: 'configuration' },
    ])
    expect(gone.exitCode).toBe(2)
    writeFileSync(here.path('data'), '')
    expect(of(await examine(here), 'connection data')).toMatchObject([{ state: 'fault', found: `${here.path('data')} is no folder` }])
  })

  it('that a file which a pipeline names has not come', async () => {
    const here = project()
    rmSync(here.path('data/in.csv'))
    const report = await examine(here)
    expect(of(report, 'connection data', 'files')).toMatchObject([
      { state: 'warning', found: `no file matches "in.csv" in ${here.path('data')}` },
    ])
    expect(report.exitCode).toBe(0)
  })

  it.each(['data', 'data/in.csv', '.millrace/dev', '.millrace/dev/export'])(
    'and elsewhere that %s is locked, and says what to do',
    async (path) => {
      const here = project()
      mkdirSync(here.path('.millrace/dev/export'), { recursive: true })
      // Root may do everything: nobody asks.
      const [nobody, root] = [65_534, process.getuid?.() === 0]
      const all = ['', '.millrace', '.millrace/dev', '.millrace/dev/export', 'data', 'data/in.csv', path]
      const owner = root ? [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : []
      if (root) await command('chown', [String(nobody), ...all.map((name) => here.path(name))], here.folder)
      const mode = statSync(here.path(path)).mode
      chmodSync(here.path(path), path.startsWith('data') ? 0 : 0o555)
      const ended = await command('setpriv', [...owner, process.execPath, `${CHECKOUT}/bin/millrace.js`, 'doctor'], here.folder, {
        HOME: here.folder,
      })
      chmodSync(here.path(path), mode)
      expect(ended.stdout).toContain(`permission denied: ${path.endsWith('export') ? '' : here.path(path)}`)
      expect(ended.stdout).toContain('→ give the user that runs millrace the right to read and write there')
      expect(ended.code).toBe(1)
    },
  )
})

describe('doctor finds of a service', () => {
  it('that nobody answers', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const report = await examine(project(withApi(`baseUrl: 'http://127.0.0.1:${port}/api'`)))
    expect(of(report, 'connection api')).toMatchObject([
      {
        what: 'answers',
        state: 'fault',
        kind: 'unreachable',
        found: expect.stringContaining('ECONNREFUSED'),
        advice: 'check the base URL, the network and the service',
      },
    ])
    expect(report.exitCode).toBe(75)
  })

  it('that it takes too long', async () => {
    const report = await examine(project(withApi(`baseUrl: '${await service(() => undefined)}'`)), { timeoutMs: 400 })
    expect(of(report, 'connection api')).toMatchObject([{ state: 'fault', kind: 'unreachable', found: 'no answer within 0.4 s' }])
    expect(report.exitCode).toBe(75)
  })

  it.each([
    [200, 'ok', 0],
    [404, 'ok', 0],
    [503, 'warning', 0],
    [401, 'fault', 2],
    [403, 'fault', 2],
  ] as const)('that it answers %d: %s', async (status, state, exitCode) => {
    vi.stubEnv('DOCTOR_TOKEN', 'the-token-of-the-doctor')
    onTestFinished(() => void vi.unstubAllEnvs())
    const authorizations: unknown[] = []
    const url = await service((request, response) => {
      authorizations.push(request.headers.authorization)
      response.writeHead(status).end(request.headers.authorization)
    })
    const report = await examine(project(withApi(`baseUrl: '${url}', auth: { bearer: secret('env:DOCTOR_TOKEN') }`)))
    const [answers] = of(report, 'connection api', 'answers')
    expect(answers).toMatchObject({ state, found: expect.stringContaining(`${url} answers ${status}`) })
    if (status === 401) expect(answers?.advice).toBe('check the credentials of this connection (bearer env:DOCTOR_TOKEN)')
    // Once, with its credentials, and nothing of them is told.
    expect(authorizations).toEqual(['Bearer the-token-of-the-doctor'])
    expect(JSON.stringify(report)).not.toContain('the-token-of-the-doctor')
    expect(report.exitCode).toBe(exitCode)
  })

  it('no credentials that went elsewhere', async () => {
    const seen: unknown[] = []
    const elsewhere = await service((request, response) => {
      seen.push(request.headers.authorization, request.headers['x-key'])
      response.end('[]')
    })
    const url = await service((_, response) => void response.writeHead(302, { location: elsewhere }).end())
    const report = await examine(project(withApi(`baseUrl: '${url}', auth: { bearer: 'plain-as-day' }, headers: { 'x-key': 'k' }`)))
    expect(of(report, 'connection api', 'answers')).toMatchObject([{ state: 'ok' }])
    expect(seen).toEqual([undefined, undefined])
  })

  it('that its token endpoint refuses us', async () => {
    const url = await service((_, response) => void response.writeHead(401).end('{"error":"invalid_client"}'))
    const auth = `auth: { oauth2: { tokenUrl: '${url}token', clientId: 'me', clientSecret: 'wrong-secret' } }`
    const report = await examine(project(withApi(`baseUrl: '${url}', ${auth}`)))
    expect(of(report, 'connection api', 'answers')).toMatchObject([
      { state: 'fault', kind: 'configuration', found: expect.stringContaining('OAuth2 token request') },
    ])
    expect(JSON.stringify(report)).not.toContain('wrong-secret')
    expect(report.exitCode).toBe(2)
  })

  it.each([
    [-5, 'warning', 'this machine is 300 s ahead of '],
    [5, 'warning', 'this machine is 300 s behind '],
    [0, 'ok', 'as 127.0.0.1:'],
  ] as const)('that its clock is %d minutes ahead of ours: %s', async (minutes, state, found) => {
    const ours = manualClock('2026-11-26T10:00:00Z')
    const url = await service((_, response) => {
      response.sendDate = false
      response.setHeader('date', new Date(ours.now().getTime() + minutes * 60_000).toUTCString()).end('[]')
    })
    const report = await examine(project(withApi(`baseUrl: '${url}'`)), { clock: ours })
    expect(of(report, 'connection api', 'clock')).toMatchObject([{ state, found: expect.stringContaining(found) }])
    expect(report.exitCode).toBe(0)
  })

  it('that it cannot be started; one that can is closed again', async () => {
    const broken = await examine(project(withApi("start: async () => { throw new Error('no port left') }")))
    expect(of(broken, 'connection api')).toMatchObject([
      { state: 'fault', kind: 'unreachable', found: 'the service of this connection did not start: no port left' },
    ])
    const url = await service((_, response) => void response.end('[]'))
    const here = project(
      withApi(`start: async () => ({ url: '${url}', close: async () => { (await import('node:fs')).writeFileSync('closed', '') } })`),
    )
    expect(wrong(await examine(here))).toEqual([])
    expect(existsSync(here.path('closed'))).toBe(true)
  })
})

describe('doctor finds of a warehouse file', () => {
  it('that another process holds it, without waiting for it', async () => {
    const here = project()
    await here.millrace('run', 'p')
    const file = here.path('.millrace/dev/warehouse.duckdb')
    const { spawn } = await import('node:child_process')
    const code = `import { DuckDBInstance } from '${join(CHECKOUT, 'node_modules/@duckdb/node-api/lib/index.js')}'
      await DuckDBInstance.create(${JSON.stringify(file)}); console.log('held'); setInterval(() => {}, 1000)`
    const holder = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void holder.kill('SIGKILL'))
    await once(holder.stdout, 'data')
    const begun = performance.now()
    const report = await examine(here)
    expect(performance.now() - begun).toBeLessThan(30_000)
    expect(of(report, 'warehouse')).toMatchObject([
      {
        what: 'file',
        state: 'fault',
        kind: 'unreachable',
        found: expect.stringContaining(`is held by another process (pid ${holder.pid}`),
        advice: 'close what has it open, then run again',
      },
    ])
    expect(report.exitCode).toBe(75)
  })

  it('that it is damaged', async () => {
    const here = project()
    mkdirSync(here.path('.millrace/dev'), { recursive: true })
    writeFileSync(here.path('.millrace/dev/warehouse.duckdb'), 'not a database, but long enough to be looked at as one'.repeat(500))
    const report = await examine(here)
    expect(of(report, 'warehouse')).toMatchObject([
      { state: 'fault', kind: 'other', found: expect.stringContaining('is no DuckDB file, or damaged') },
    ])
    expect(report.exitCode).toBe(1)
  })
})

test('doctor finds of state and store that they lie behind a link to what is not there', async () => {
  const here = project()
  symlinkSync('/not/mounted', here.path('.millrace'))
  const report = await examine(here)
  const wanted = { state: 'fault', found: expect.stringMatching(/\/\.millrace is a link to \/not\/mounted, which is not there$/) }
  expect(of(report, 'store', 'folder')).toMatchObject([wanted])
  expect(of(report, 'project', 'state')).toMatchObject([wanted])
  expect(report.exitCode).toBe(1)
})

test('doctor finds of a store that a file is where its folder should be', async () => {
  const here = project()
  mkdirSync(here.path('.millrace/dev'), { recursive: true })
  writeFileSync(here.path('.millrace/dev/export'), '')
  const report = await examine(here)
  expect(of(report, 'store', 'write')).toMatchObject([{ state: 'fault', advice: 'remove one of the two' }])
  expect(report.exitCode).toBe(1)
})
