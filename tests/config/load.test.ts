import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeConfig } from '../../lib/config/describe.ts'
import { loadConfig, pinnedNow } from '../../lib/config/load.ts'
import { ConfigError, type MillraceError } from '../../lib/core/errors.ts'
import type { Secret } from '../../lib/core/secret.ts'

const lib = new URL('../../lib/', import.meta.url).href
const HEAD = `import { config } from '${lib}config/config.ts'
import { secret } from '${lib}config/secret.ts'
const open = () => { throw new Error('opened') }
const store = { kind: 'local', settings: { folder: 'x' }, location: '/x', openStore: open }
const warehouse = { kind: 'duckdb', settings: {}, location: '/w', openWarehouse: open }
const source = (settings) => ({ kind: 'http', methods: ['GET'], settings, openSource: open })
const rest = { connections: {}, warehouse, landing: store, store }
`
let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-config-')))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
  delete process.env.MILLRACE_TEST_TOKEN
  delete process.env.MILLRACE_MEMORY
})

const write = (profiles: string, more = '') =>
  writeFileSync(join(folder, 'millrace.config.ts'), `${HEAD}export default config({ profiles: ${profiles}${more} })\n`)
const failure = (profile?: string): Promise<MillraceError> =>
  loadConfig(folder, profile).then(
    () => expect.unreachable('loadConfig did not fail'),
    (error: MillraceError) => error,
  )

describe('loadConfig', () => {
  test('finds the file upwards and chooses the default profile', async () => {
    write('{ dev: rest, prod: { ...rest, state: "elsewhere" } }')
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    const dev = await loadConfig(join(folder, 'a/b'))
    expect(dev).toMatchObject({ folder, profile: 'dev', state: join(folder, '.millrace/dev') })
    const prod = await loadConfig(folder, 'prod')
    expect(prod).toMatchObject({ profile: 'prod', state: join(folder, 'elsewhere') })
  })

  test('takes defaultProfile, and a profile that is a function makes only itself', async () => {
    write('{ dev: () => { throw new Error("made") }, prod: () => rest }', ', defaultProfile: "prod"')
    expect((await loadConfig(folder)).profile).toBe('prod')
    const error = await failure('dev')
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toBe('config profile "dev" cannot be made: made (line 8)')
  })

  test('says that there is no file', async () => {
    expect((await failure()).message).toBe(`no millrace.config.ts in ${folder} or above it`)
  })

  test('lists the profiles that there are', async () => {
    write('{ dev: rest, production: rest }')
    expect((await failure('prodution')).message).toBe(
      `unknown profile "prodution"; did you mean "production"?; ${folder}/millrace.config.ts has: dev, production`,
    )
    expect((await failure('toString')).message).toContain('unknown profile "toString"')
  })

  const faults: [fault: string, profile: string, message: string][] = [
    ['a missing warehouse', '{ ...rest, warehouse: undefined }', 'warehouse is missing'],
    ['a store as warehouse', '{ ...rest, warehouse: store }', 'warehouse is a store connection; expected a warehouse connection'],
    [
      'a store as a receiver of notices',
      '{ ...rest, notify: { x: store } }',
      'notify.x is a store connection; expected a notifier connection',
    ],
    ['a list of receivers', '{ ...rest, notify: [] }', 'notify is a list; expected an object of names'],
    ['a text as a connection', '{ ...rest, connections: { crm: "x" } }', 'connections.crm is a text; expected a source connection'],
    [
      'an unknown setting',
      '{ ...rest, conections: {} }',
      'unknown setting "conections"; did you mean "connections"?; there are: connections, warehouse, landing, cache, store, notify, state, limits, now',
    ],
    [
      'a cache without a unit',
      "{ ...rest, cache: '50' }",
      'cache is not an amount of memory: "50"; expected a number with MB, GB, MiB or GiB, as "4GB"',
    ],
    [
      'an unknown limit',
      '{ ...rest, limits: { memroy: "4GB" } }',
      'unknown setting "limits.memroy"; did you mean "memory"?; there are: memory, threads, readerMemory, readerTimeout',
    ],
    [
      'a wrong amount',
      '{ ...rest, limits: { memory: "4 apples" } }',
      'limits.memory is not an amount of memory: "4 apples"; expected a number with MB, GB, MiB or GiB, as "4GB"',
    ],
    ['no thread', '{ ...rest, limits: { threads: 0 } }', 'limits.threads is not a number of threads: 0; expected a whole number from 1'],
    [
      'a now without a zone',
      '{ ...rest, now: "2018-02-07T01:30" }',
      'now is "2018-02-07T01:30"; expected an instant with a zone, as "2018-02-07T01:30:00Z"',
    ],
    ['a wrong now of a pipeline', '{ ...rest, now: { quakes: 5 } }', 'now.quakes is a number; expected text'],
    ['null', 'null', 'is null; expected an object or a function that gives one'],
  ]
  test.each(faults)('names %s', async (_fault, profile, message) => {
    write(`{ dev: ${profile} }`)
    const error = await failure()
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message.replace('config profile "dev":', 'config profile "dev"')).toBe(`config profile "dev" ${message}`)
  })

  test('names every fault at once', async () => {
    write('{ dev: { connections: {} } }')
    expect((await failure()).message.split('\n')).toEqual(
      ['warehouse', 'landing', 'store'].map((name) => `config profile "dev": ${name} is missing`),
    )
  })

  test('says where a file that throws did so', async () => {
    writeFileSync(join(folder, 'millrace.config.ts'), '\n\nnull.x\n')
    const error = await failure()
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(/millrace\.config\.ts cannot be loaded: Cannot read properties of null.* \(line 3\)$/)
  })

  test('says that a file has no default export', async () => {
    writeFileSync(join(folder, 'millrace.config.ts'), 'export const a = 1\n')
    expect((await failure()).message).toContain('has no configuration; expected export default config(')
  })

  test('refuses a configuration made by another copy of millrace', async () => {
    writeFileSync(
      join(folder, 'millrace.config.ts'),
      "export default Object.defineProperty({ profiles: {} }, Symbol.for('millrace.config'), { value: 'file:///elsewhere' })\n",
    )
    expect(await failure()).toMatchObject({
      message: expect.stringContaining('imports another copy of millrace than the one that runs: '),
      hint: expect.stringMatching(/^run that one: node .*millrace\.js …/),
    })
  })

  test('takes limits from the environment before the profile', async () => {
    write('{ dev: { ...rest, limits: { memory: "2GB", threads: 3, readerTimeout: "90s", readerMemory: "1GiB" } } }')
    expect((await loadConfig(folder)).limits).toEqual({
      memoryBytes: 1.6e9,
      threads: 3,
      readerMemoryBytes: 1024 ** 3,
      readerTimeoutMs: 90_000,
    })
    process.env.MILLRACE_MEMORY = '256MB'
    expect((await loadConfig(folder)).limits.memoryBytes).toBe(204.8e6)
  })
})

describe('secrets of a profile', () => {
  const SETTINGS =
    "{ dev: { ...rest, connections: { crm: source({ url: 'https://u:hidden@h/', auth: { token: secret('env:MILLRACE_TEST_TOKEN') } }) } } }"

  test('are looked up when used, and a missing one is named with the setting and the profile', async () => {
    write(SETTINGS)
    const { connections } = await loadConfig(folder)
    const settings = connections.crm?.settings as { readonly auth: { readonly token: Secret } } | undefined
    const token = settings?.auth.token ?? expect.unreachable('no token')
    expect(() => token.reveal()).toThrow(
      'environment variable MILLRACE_TEST_TOKEN is not set; config profile "dev": connections.crm.auth.token wants it',
    )
    process.env.MILLRACE_TEST_TOKEN = ''
    expect(() => token.reveal()).toThrow('MILLRACE_TEST_TOKEN is empty')
    process.env.MILLRACE_TEST_TOKEN = 'tok-12345'
    expect(token.reveal()).toBe('tok-12345')
  })

  test('are described by reference and never shown', async () => {
    write(SETTINGS)
    const project = await loadConfig(folder)
    expect(describeConfig(project).connections.crm).toEqual({
      kind: 'http',
      settings: { url: 'https://u:[secret]@h/', auth: { token: 'secret env:MILLRACE_TEST_TOKEN (missing)' } },
    })
    process.env.MILLRACE_TEST_TOKEN = 'tok-98765'
    const text = JSON.stringify(describeConfig(project))
    expect(text).toContain('secret env:MILLRACE_TEST_TOKEN (set)')
    expect(text).not.toContain('tok-98765')
  })
})

test('pinnedNow gives the instant of all pipelines or of the named one', () => {
  expect(pinnedNow({ now: '2018-02-07T01:30:00Z' }, 'any')).toEqual(new Date(Date.UTC(2018, 1, 7, 1, 30)))
  expect(pinnedNow({ now: { quakes: '2018-02-07T01:30:00+01:00' } }, 'quakes')).toEqual(new Date(Date.UTC(2018, 1, 7, 0, 30)))
  expect(pinnedNow({ now: { quakes: '2018-02-07T01:30:00Z' } }, 'toString')).toBeUndefined()
  expect(pinnedNow({ now: undefined }, 'quakes')).toBeUndefined()
})
