import { mkdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { memoryFinding, versionFindings } from '../../lib/pipeline/doctor/doctor-machine.ts'
import { manualClock } from '../kit/context.ts'
import { putExtension, unsignedExtension } from '../kit/extension.ts'
import { CHECKOUT, command, FILES_CONFIG } from '../kit/project.ts'
import { examine, of, PIPELINE, project, service, withApi, wrong } from './doctor-kit.ts'

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

  it.each([
    [1e12, 'ok'],
    [40e9, 'warning'],
  ])('a disk with %d bytes free where 50 GB of a landing zone elsewhere may be kept: %s', async (freeBytes, state) => {
    const bucket = "gcs({ bucket: 'bucket', apiEndpoint: 'http://127.0.0.1:9', retries: 0 })"
    const config = FILES_CONFIG.replace('local }', 'gcs, local }').replace("local('.millrace/dev/landing')", `${bucket}, cache: '50GB'`)
    const report = await examine(project({ 'millrace.config.ts': config }), { space: async () => ({ freeBytes, type: 0xef53 }) })
    expect(of(report, 'project', 'cache')).toMatchObject([
      { state, found: expect.stringContaining('0.0 GB kept of what has landed, at most 50.0 GB; ') },
    ])
    expect(of(await examine(project()), 'project', 'cache')).toEqual([])
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
