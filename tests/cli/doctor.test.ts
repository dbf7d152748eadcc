import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, test, vi } from 'vitest'
import { doctorText } from '../../lib/cli/doctor.ts'
import type { Finding } from '../../lib/core/finding.ts'
import { type DoctorOptions, type DoctorReport, doctor } from '../../lib/pipeline/doctor.ts'
import { memoryFinding, versionFindings } from '../../lib/pipeline/doctor-machine.ts'
import { manualClock } from '../kit/context.ts'
import { putExtension, unsignedExtension } from '../kit/extension.ts'
import { CHECKOUT, command, FILES_CONFIG, type TestProject, testProject } from '../kit/project.ts'

const PIPELINE = `import { pipeline, replace, source, sql } from '#millrace'
const columns = { id: 'int64' } as const
export default pipeline({
  name: 'p', schema: { line: columns, out: columns },
  extract: { line: source('data').files('in.csv') },
  transform: { out: sql\`SELECT id FROM line\` },
  load: { out: replace('out') },
})
`
const FILES = { 'data/in.csv': 'id\n1\n', 'pipelines/p/pipeline.ts': PIPELINE }
const project = (files: Readonly<Record<string, string>> = {}) => testProject({ ...FILES, ...files })

/** The doctor in this process, the working folder as it was. */
async function examine(of: TestProject, options: DoctorOptions = {}): Promise<DoctorReport> {
  const before = process.cwd()
  try {
    return await doctor(of.folder, options)
  } finally {
    process.chdir(before)
  }
}

/** The findings of one thing. */
function of(report: DoctorReport, name: string, what?: string): readonly Finding[] {
  const found = report.examined.find((each) => each.name.startsWith(name))?.findings
  if (!found) throw new Error(`${name} was not examined; there are: ${report.examined.map((each) => each.name).join(', ')}`)
  return what === undefined ? found : found.filter((each) => each.what === what)
}

/** All that is not right, as `name what`. */
const wrong = (report: DoctorReport) =>
  report.examined.flatMap(({ name, findings }) =>
    findings.flatMap(({ what, state }) => (state === 'ok' ? [] : [`${state} ${name}: ${what}`])),
  )

async function service(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
const withApi = (http: string) => ({
  'millrace.config.ts': FILES_CONFIG.replace('duckdb, files', 'duckdb, files, http, secret').replace(
    'connections: {',
    `connections: { api: http({ ${http} }),`,
  ),
})

describe('millrace doctor', () => {
  it('looks at everything, finds nothing wrong, exits 0, and leaves the project as it was', async () => {
    const here = project()
    await here.millrace('run', 'p')
    const everything = () =>
      readdirSync(here.path('.millrace'), { recursive: true, encoding: 'utf8' })
        .filter((path) => !path.includes('.millrace-meta'))
        .sort()
    const before = everything()
    const { code, stdout, stderr } = await here.millrace('doctor')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const line of [
      'machine\n  ✓ node ',
      '✓ versions       millrace ',
      '✓ known faults   duckdb#25213, duckdb#24624, duckdb#23588: held off',
      '✓ pipelines      p\n',
      'connection data (files)\n  ✓ folder         can be read, with the files that pipelines name by 1 path: ',
      'warehouse (duckdb)\n  ✓ file           can be opened and written, ',
      '✓ tokens         1 committed',
      'landing (local)\n  ✓ objects        written, read, listed, guarded by preconditions, deleted in ',
      'store (local)\n  ✓ folder         not there yet, made at its first use: ',
    ])
      expect(stdout).toContain(line)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('nothing is wrong')
    expect(everything()).toEqual(before)
    expect(await here.warehouse("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%doctor%'")).toEqual([])
  })

  it('makes nothing in a fresh project', async () => {
    const here = project()
    const report = await examine(here)
    expect(wrong(report)).toEqual([])
    expect(of(report, 'warehouse', 'file')[0]?.found).toBe(
      `not there yet, made by the first load: ${here.path('.millrace/dev/warehouse.duckdb')}`,
    )
    expect(existsSync(here.path('.millrace'))).toBe(false)
  })

  it('says the same as one JSON document', async () => {
    const { code, stdout } = await project().millrace('doctor', '--json')
    const report = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(report).toMatchObject({ profile: 'dev', exitCode: 0 })
    expect(report.examined.map(({ name }: { readonly name: string }) => name)).toEqual([
      'machine',
      'engines',
      'project',
      'connection data (files)',
      'warehouse (duckdb)',
      'landing (local)',
      'store (local)',
    ])
    expect(report.examined[0].findings[0]).toEqual({ what: 'node', state: 'ok', found: process.versions.node })
  })

  it('exits 2 where the configuration is wrong, and looks at the machine all the same', async () => {
    const here = project({
      'millrace.config.ts': "import { config } from '#millrace'\nexport default config({ profiles: { dev: { connections: {} } } })",
    })
    const { code, stdout } = await here.millrace('doctor')
    expect(code).toBe(2)
    expect(stdout).toMatch(/✓ node /)
    expect(stdout).toMatch(/✗ configuration +config profile "dev": warehouse is missing; config profile "dev": landing is missing/)
    expect(stdout).toMatch(/1 fault \(exit 2\)\n$/)
    expect((await project().millrace('doctor', '--profile', 'nonesuch')).stdout).toMatch(/✗ configuration +unknown profile "nonesuch"; /)
  })

  it('prints what to do below what was found, coloured only where asked', () => {
    const report: DoctorReport = {
      profile: 'dev',
      exitCode: 75,
      examined: [
        { name: 'one', findings: [{ what: 'answers', state: 'fault', found: 'no', kind: 'unreachable', advice: 'wait' }] },
        { name: 'two', findings: [{ what: 'disk', state: 'warning', found: 'small' }] },
      ],
    }
    expect(doctorText(report, false)).toBe(
      'one\n  ✗ answers  no\n             → wait\n\ntwo\n  ! disk     small\n\n1 fault, 1 warning (exit 75)',
    )
    expect(doctorText(report, true)).toContain('\x1b[31m✗\x1b[0m')
  })
})

describe('doctor finds in the project', () => {
  it('a secret without a value, and does not ask the connection without it', async () => {
    let asked = 0
    const url = await service((_, response) => {
      asked++
      response.end('[]')
    })
    const here = project(
      withApi(`baseUrl: '${url}', auth: { bearer: secret('env:DOCTOR_NO_TOKEN') }, headers: { 'x-key': secret('file:/nowhere/key') }`),
    )
    const report = await examine(here)
    expect(of(report, 'connection api')).toEqual([
      {
        what: 'secret',
        state: 'fault',
        found: 'headers.x-key is file:/nowhere/key, which has no value',
        advice: 'put it into the file /nowhere/key',
        kind: 'configuration',
      },
      {
        what: 'secret',
        state: 'fault',
        found: 'auth.bearer is env:DOCTOR_NO_TOKEN, which has no value',
        advice: 'export DOCTOR_NO_TOKEN=…',
        kind: 'configuration',
      },
    ])
    expect({ asked, exitCode: report.exitCode }).toEqual({ asked: 0, exitCode: 2 })
  })

  it('a credential that is written in the configuration, unless the profile is dev', async () => {
    const url = await service((_, response) => void response.end('[]'))
    const files = withApi(`baseUrl: '${url}', auth: { bearer: 'plain-as-day' }`)
    const report = await examine(project({ 'millrace.config.ts': files['millrace.config.ts'].replace('dev: {', 'prod: {') }), {
      profile: 'prod',
    })
    expect(of(report, 'connection api', 'secret')).toMatchObject([
      { state: 'warning', found: 'auth.bearer is written in the configuration' },
    ])
    expect(JSON.stringify(report)).not.toContain('plain-as-day')
    expect(report.exitCode).toBe(0)
    expect(of(await examine(project(files)), 'connection api', 'secret')).toMatchObject([{ state: 'ok' }])
  })

  it('a pipeline that reads an unknown connection, and one that cannot be loaded', async () => {
    const here = project({
      'pipelines/other/pipeline.ts': PIPELINE.replace("'p'", "'other'").replace("source('data')", "source('dato')"),
      'pipelines/worse/pipeline.ts': "throw new Error('broken on purpose')",
    })
    const report = await examine(here)
    expect(of(report, 'project', 'pipelines')).toMatchObject([
      {
        state: 'fault',
        found: 'other reads connection "dato", which profile "dev" does not have; did you mean "data"?',
        kind: 'configuration',
      },
      {
        state: 'fault',
        found: expect.stringContaining('broken on purpose'),
        advice: 'look closer: millrace plan worse',
        kind: 'configuration',
      },
    ])
    expect(report.exitCode).toBe(2)
  })

  it.each([
    [50e6, 'fault', '50 MB free at ', 1],
    [1.5e9, 'warning', '1.5 GB free at ', 0],
    [2e12, 'ok', '2000.0 GB free at ', 0],
  ] as const)('a disk with %d bytes: %s', async (freeBytes, state, found, exitCode) => {
    const report = await examine(project(), { space: async () => ({ freeBytes, type: 0xef53 }) })
    expect(of(report, 'project', 'disk')).toMatchObject([{ state, found: expect.stringContaining(found) }])
    expect(of(report, 'machine', 'temp').at(-1)).toMatchObject({ state })
    expect(report.exitCode).toBe(exitCode)
  })

  it('a real disk that is nearly full', async () => {
    const here = project()
    const state = here.path('.millrace/dev')
    mkdirSync(state, { recursive: true })
    const through = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user']
    const script = 'mount -t tmpfs -o size=20m none "$STATE" && exec "$NODE" "$MILLRACE" doctor'
    const env = { STATE: state, NODE: process.execPath, MILLRACE: `${CHECKOUT}/bin/millrace.js` }
    const { code, stdout } = await command('unshare', [...through, 'sh', '-c', script], here.folder, env)
    expect(stdout).toMatch(/✗ disk +20 MB free at .*\n +→ free some space/)
    expect(code).toBe(1)
  })

  it('a state on a network file system', async () => {
    const report = await examine(project(), { space: async () => ({ freeBytes: 1e12, type: 0x6969 }) })
    expect(wrong(report)).toEqual(['warning project: locks'])
  })

  it('a clock that stands in the past', async () => {
    const report = await examine(project(), { clock: manualClock('1970-01-01T00:00:12Z') })
    expect(of(report, 'machine', 'clock')).toMatchObject([{ state: 'fault', found: 'says 1970-01-01T00:00:12.000Z' }])
    expect(report.exitCode).toBe(1)
  })

  it('limits beyond the machine', () => {
    const limits = { memoryBytes: 6e9, threads: 2, readerMemoryBytes: 3e9, readerTimeoutMs: 1 }
    expect(memoryFinding(limits, { memoryBytes: 8e9, threads: 2 })).toMatchObject({
      state: 'warning',
      found: '6.0 GB and 2 threads for an engine, 3.0 GB for the reader, of 8.0 GB and 2',
    })
    expect(memoryFinding(limits, { memoryBytes: 9e9, threads: 2 }).state).toBe('ok')
  })

  it('an engine of another version than the tested one', () => {
    const found = { millrace: '1.0.0', duckdb: '1.5.6-r.1', polars: '0.26.1' }
    expect(versionFindings(found, { duckdb: '1.5.5-r.5', polars: '0.26.1' })).toMatchObject([
      { state: 'warning', found: 'millrace 1.0.0, DuckDB 1.5.6-r.1, Polars 0.26.1; this millrace was tested with duckdb 1.5.5-r.5' },
    ])
    expect(versionFindings()).toMatchObject([{ state: 'ok' }])
  })
})

describe('doctor finds of extensions', () => {
  it('one that is not there: nothing wrong where nobody would use it', async () => {
    const report = await examine(project())
    expect(of(report, 'engines', 'extension')).toMatchObject([
      { state: 'ok', found: expect.stringMatching(/^postgres_scanner is not at .*; only PostgreSQL would use it$/) },
    ])
  })

  it('one that DuckDB refuses', async () => {
    const here = project()
    putExtension(here.path('.millrace/extensions'), unsignedExtension())
    const report = await examine(here)
    expect(of(report, 'engines', 'extension')).toEqual([
      {
        what: 'extension',
        state: 'fault',
        found: "postgres_scanner does not load: DuckDB: the file's signature is missing or is not DuckDB's",
        advice: 'put it in place: millrace setup',
        kind: 'other',
      },
    ])
    expect(report.exitCode).toBe(1)
  })
})

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
      { state: 'fault', kind: 'other', found: expect.stringContaining('is damaged or of another version') },
    ])
    expect(report.exitCode).toBe(1)
  })
})

test('doctor finds of a store that a file is where its folder should be', async () => {
  const here = project()
  mkdirSync(here.path('.millrace/dev'), { recursive: true })
  writeFileSync(here.path('.millrace/dev/export'), '')
  const report = await examine(here)
  expect(of(report, 'store', 'write')).toMatchObject([{ state: 'fault', advice: 'remove one of the two' }])
  expect(report.exitCode).toBe(1)
})

test('doctor exits by the most telling fault: configuration, then what does not answer, then the rest', async () => {
  const here = project({ ...withApi("baseUrl: 'http://127.0.0.1:9/'") })
  const full = { space: async () => ({ freeBytes: 0, type: 0 }) }
  expect((await examine(here, full)).exitCode).toBe(75)
  rmSync(here.path('data'), { recursive: true })
  expect((await examine(here, full)).exitCode).toBe(2)
})

test('doctor stops when it is asked to', async () => {
  const reason = new Error('stop')
  const url = await service(() => undefined)
  const controller = new AbortController()
  setTimeout(() => controller.abort(reason), 500)
  await expect(examine(project(withApi(`baseUrl: '${url}'`)), { signal: controller.signal })).rejects.toBe(reason)
})
