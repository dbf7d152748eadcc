import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../lib/cli/main.ts'
import { reportError } from '../../lib/cli/report-error.ts'
import { abortOnSignals } from '../../lib/cli/signals.ts'
import { CheckError, ConfigError, InterruptedError, PermanentError, TransientError } from '../../lib/core/errors.ts'
import { Secret } from '../../lib/core/secret.ts'

const lib = new URL('../../lib/', import.meta.url).href
let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-cli-')))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a command line in `folder` and gives what it printed. */
async function run(...argv: string[]) {
  const out: string[] = []
  const err: string[] = []
  const code = await main(argv, {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    environment: {},
    folder,
    signals: { on: () => {}, removeListener: () => {}, exit: () => expect.unreachable('exit') },
  })
  return { code, stdout: out.join(''), stderr: err.join('') }
}

const CONFIG = `import { config } from '${lib}config/config.ts'
import { secret } from '${lib}config/secret.ts'
const open = () => {}
const store = { kind: 'local', settings: { folder: 'landing' }, location: '/x', openStore: open }
const crm = { kind: 'http', methods: ['GET'], settings: { url: 'https://h/', auth: { bearer: secret('env:MILLRACE_TEST_ABSENT') } }, openSource: open }
export default config({ profiles: { dev: {
  connections: { crm }, landing: store, store, warehouse: { kind: 'duckdb', settings: {}, location: '/w', openWarehouse: open },
  now: { quakes: '2018-02-07T01:30:00Z' }, limits: { memory: '2GB', threads: 2, readerMemory: '1GB', readerTimeout: '30m' },
} } })
`

describe('main', () => {
  test('prints the version and help on standard output, exit 0', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' })
    expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('millrace run'), stderr: '' })
  })

  test('prints a usage fault on standard error, exit 2', async () => {
    expect(await run('rnu')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error: unknown command "rnu"; did you mean "run"\?\n {2}hint: /),
    })
  })

  test('prints an error as one JSON document on standard output with --json', async () => {
    const { code, stdout, stderr } = await run('config', '--json')
    expect(code).toBe(2)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({
      error: { kind: 'ConfigError', message: `no millrace.config.ts in ${folder} or above it`, exitCode: 2 },
    })
  })

  test('config prints what is in force without secrets', async () => {
    writeFileSync(join(folder, 'millrace.config.ts'), CONFIG)
    const { code, stdout } = await run('config')
    expect(code).toBe(0)
    expect(stdout).toBe(`profile  dev
file     ${folder}/millrace.config.ts
state    ${folder}/.millrace/dev
now      quakes 2018-02-07T01:30:00Z
limits   1.6 GB and 2 threads for each engine
         reader 1.0 GB, 30 min 00 s for each read
         10.0 GB kept of what lands in a bucket

connection crm (http)
  url          https://h/
  auth.bearer  secret env:MILLRACE_TEST_ABSENT (missing)

warehouse (duckdb)
  location  /w

landing (local)
  location  /x
  folder    landing

store (local)
  location  /x
  folder    landing
`)
    expect(JSON.parse((await run('config', '--json', '--profile', 'dev')).stdout)).toMatchObject({ profile: 'dev', limits: { threads: 2 } })
    expect(await run('config', '--profile', 'prod')).toMatchObject({ code: 2, stderr: expect.stringContaining('unknown profile "prod"') })
  })

  test('--project says where to look', async () => {
    writeFileSync(join(folder, 'millrace.config.ts'), CONFIG)
    const here = folder
    folder = '/'
    expect((await run('config', '--project', here)).code).toBe(0)
    folder = here
  })

  test.each(['/no/such/folder', process.execPath])('--project %s is refused by every command', async (project) => {
    for (const command of [['list'], ['status'], ['init', 'x']])
      expect(await run(...command, '--project', project)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: `error: --project ${project}: there is no such folder\n`,
      })
  })

  test('list says that there is no pipeline, and which there are', async () => {
    expect(await run('list')).toMatchObject({ code: 0, stdout: 'no pipelines yet; millrace init <name> makes one\n' })
  })
})

describe('reportError', () => {
  test.each([
    [new ConfigError('a'), 2],
    [new CheckError('a'), 3],
    [new TransientError('a'), 75],
    [new PermanentError('a'), 1],
    [new InterruptedError('a'), 130],
    [new TypeError('a'), 1],
    ['text', 1],
    [new AggregateError([new InterruptedError('x'), new CheckError('y')]), 3],
  ])('%s exits with %d', (error, code) => expect(reportError(error).exitCode).toBe(code))

  test('shows no stack of our errors, and the stack of a bug', () => {
    expect(reportError(new ConfigError('wrong', { cause: new Error('deep') })).text).toBe('error: wrong: deep')
    const bug = reportError(new TypeError('x is not a function'))
    expect(bug.text).toContain('main.test.ts')
    expect(bug.text).toContain('This is a bug in millrace')
  })

  test('says how to go on after an interruption, of a command that keeps what it has finished', () => {
    const interrupted = new InterruptedError('interrupted by SIGINT')
    expect(reportError(interrupted, true).text).toBe(
      'error: interrupted by SIGINT\n  hint: run the same command again: finished partitions are kept',
    )
    expect(reportError(interrupted).text).toBe('error: interrupted by SIGINT')
  })

  test('redacts message, stack and JSON', () => {
    new Secret('env:X', () => 'report-secret').reveal()
    const result = reportError(new TypeError('at https://u:report-secret@h/'))
    expect(result.text + JSON.stringify(result.json)).not.toContain('report-secret')
  })

  test('tells each of several errors', () => {
    const result = reportError(new AggregateError([new CheckError('one'), new CheckError('two')]))
    expect(result.text).toBe('error: one\nerror: two')
    expect(result.json).toMatchObject({ error: { message: 'one' }, errors: [{ message: 'one' }, { message: 'two' }] })
  })
})

test('abortOnSignals aborts at the first signal and ends the process at the second', () => {
  const listeners = new Map<string, () => void>()
  const exits: number[] = []
  const said: string[] = []
  const { signal, dispose } = abortOnSignals(
    {
      on: (name, listener) => listeners.set(name, listener),
      removeListener: (name) => listeners.delete(name),
      exit: ((code: number) => exits.push(code)) as unknown as (code: number) => never,
    },
    (line) => said.push(line),
  )
  expect(signal.aborted).toBe(false)
  listeners.get('SIGTERM')?.()
  expect(signal.reason).toBeInstanceOf(InterruptedError)
  expect(said).toEqual(['stopping (SIGTERM); once more stops at once'])
  expect(exits).toEqual([])
  listeners.get('SIGINT')?.()
  expect(exits).toEqual([130])
  dispose()
  expect(listeners.size).toBe(0)
})
