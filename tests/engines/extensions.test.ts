import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { version } from '@duckdb/node-api'
import { beforeEach, expect, it, onTestFinished, test } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { extensionWheel } from '../../lib/engines/extension-wheels.ts'
import { duckdbPlatform, duckdbVersion, extensionPath, extensionsIn, NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { extensionFault, type InstallOptions, installExtension } from '../../lib/engines/install-extension.ts'
import { setUpExtension } from '../../lib/engines/set-up-extension.ts'
import { zipEntry } from '../../lib/engines/zip-entry.ts'
import { temporaryFolder } from '../kit/context.ts'
import { programs, putExtension, unsignedExtension } from '../kit/extension.ts'
import { zipOf } from '../kit/zip.ts'

const UNSIGNED = "DuckDB: the file's signature is missing or is not DuckDB's"
const NO_REPOSITORY = expect.stringMatching(/^DuckDB: Failed to install local extension/)

let folder: string
let repository: string
beforeEach(() => {
  folder = join(temporaryFolder(), 'extensions')
  repository = temporaryFolder()
})

/** From an empty repository, so that no test asks the network, with only these programs on PATH. */
const options = (scripts: Readonly<Record<string, string>> = {}, more: Partial<InstallOptions> = {}): InstallOptions => ({
  timeoutMs: 60_000,
  verify: true,
  repository,
  platform: 'linux_amd64',
  environment: { PATH: programs(temporaryFolder(), scripts) },
  ...more,
})
const install = (scripts?: Readonly<Record<string, string>>, more?: Partial<InstallOptions>) =>
  installExtension(folder, 'postgres_scanner', options(scripts, more))

/** A python3 whose pip brings this file under this name. */
function pipThatBrings(content: Uint8Array, name: string): Readonly<Record<string, string>> {
  const file = join(temporaryFolder(), 'wheel')
  writeFileSync(file, content)
  return { python3: `while [ "$1" != --dest ]; do shift; done; /bin/cp '${file}' "$2/${name}"` }
}
const { file: WHEEL = '', sha256: PINNED = '' } = extensionWheel('postgres_scanner', 'linux_amd64') ?? {}

test('installExtension without a network, pip and uv says so, and leaves nothing', async () => {
  expect(await install()).toEqual({
    name: 'postgres_scanner',
    state: 'missing',
    reasons: [NO_REPOSITORY, 'there is no pip or uv here'],
  })
  expect(extensionsIn(folder).file('postgres_scanner')).toBeUndefined()
})

it.each([
  ['python3', 'python3 -m pip: No module named pip', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1'],
  [
    'python3',
    'python3 -m pip: No matching distribution found',
    'echo "WARNING: Retrying"  >&2; echo "ERROR: Could not find it" >&2; echo "ERROR: No matching distribution found" >&2; exit 1',
  ],
  ['uvx', 'uvx pip: it ended with 3', 'exit 3'],
])('installExtension says why %s failed: %s', async (program, reason, script) => {
  expect(await install({ [program]: script })).toMatchObject({
    state: 'missing',
    reasons: [NO_REPOSITORY, expect.stringContaining(reason.split(': ')[1] ?? '')],
  })
})

test('installExtension tries uv where pip fails', async () => {
  const { python3 = '' } = pipThatBrings(zipOf({}), WHEEL)
  const found = await install({ python3: 'exit 1', uvx: python3 })
  expect(found).toMatchObject({ state: 'missing', reasons: [NO_REPOSITORY, expect.stringContaining('was refused: its sha256 is')] })
})

test('installExtension refuses a wheel with another checksum, and gives DuckDB nothing of it', async () => {
  const wheel = zipOf({ 'extensions/v1.5.5/postgres_scanner.duckdb_extension': unsignedExtension() })
  const sha256 = createHash('sha256').update(wheel).digest('hex')
  expect(await install(pipThatBrings(wheel, WHEEL))).toEqual({
    name: 'postgres_scanner',
    state: 'missing',
    reasons: [NO_REPOSITORY, `the wheel ${WHEEL} was refused: its sha256 is ${sha256}, expected ${PINNED} of ${WHEEL}`],
  })
  expect(existsSync(extensionPath(folder, 'postgres_scanner'))).toBe(false)
})

test('installExtension refuses a wheel of another name', async () => {
  const found = await install(pipThatBrings(zipOf({}), 'duckdb_extension_postgres_scanner-1.5.5-py3-none-musllinux_1_2_x86_64.whl'))
  expect(found).toMatchObject({ reasons: [NO_REPOSITORY, expect.stringMatching(/musllinux_1_2_x86_64\.whl was refused/)] })
})

test('installExtension asks no pip for a platform whose wheel has no pinned checksum', async () => {
  const called = join(temporaryFolder(), 'called')
  const found = await install({ python3: `echo > '${called}'` }, { platform: 'osx_arm64' })
  expect(found).toMatchObject({ state: 'missing', reasons: [NO_REPOSITORY, 'no checksum is pinned of a wheel for osx_arm64'] })
  expect(existsSync(called)).toBe(false)
})

test('installExtension takes nothing unsigned, whoever brings it', async () => {
  putExtension(repository, unsignedExtension())
  expect(await install()).toMatchObject({ state: 'missing', reasons: [UNSIGNED, 'there is no pip or uv here'] })
  expect(existsSync(extensionPath(folder, 'postgres_scanner'))).toBe(false)
})

test('installExtension removes what is in place and refused', async () => {
  const file = putExtension(folder, unsignedExtension())
  expect(await install({}, { verify: false })).toEqual({ name: 'postgres_scanner', state: 'present', file })
  expect(await install()).toMatchObject({
    state: 'missing',
    reasons: [`what was there was refused: ${UNSIGNED}`, NO_REPOSITORY, 'there is no pip or uv here'],
  })
  expect(existsSync(file)).toBe(false)
})

test('installExtension gives a server that is silent a third of the time, and goes on', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => void silent.close())
  const { port } = silent.address() as AddressInfo
  expect(await install({}, { repository: `http://127.0.0.1:${port}/`, timeoutMs: 6000 })).toMatchObject({
    reasons: ['DuckDB: no end after 2 s', 'there is no pip or uv here'],
  })
})

test('installExtension ends a pip that hangs, with what it started', async () => {
  const alive = join(temporaryFolder(), 'alive')
  const begun = performance.now()
  const found = await install({ python3: `(while :; do echo >> '${alive}'; /bin/sleep 0.05; done) & wait` }, { timeoutMs: 2500 })
  expect(performance.now() - begun).toBeLessThan(20_000)
  expect(found).toMatchObject({ reasons: [expect.any(String), expect.stringMatching(/^python3 -m pip: no end after [0-3] s$/)] })
  const size = readFileSync(alive).length
  await new Promise((done) => setTimeout(done, 200))
  expect(readFileSync(alive).length).toBe(size)
})

test('installExtension gives what another set-up has put there meanwhile, and does not remove it', async () => {
  const file = extensionPath(folder, 'postgres_scanner')
  // Stands for the other one, which is done while pip fails here.
  const found = await install({ python3: `/bin/mkdir -p '${dirname(file)}'; echo theirs > '${file}'; exit 1` })
  expect(found).toEqual({ name: 'postgres_scanner', state: 'present', file })
  expect(readFileSync(file, 'utf8')).toBe('theirs\n')
})

test('installExtension stops when it is asked to', async () => {
  const controller = new AbortController()
  const reason = new Error('stop')
  setTimeout(() => controller.abort(reason), 700)
  await expect(install({ python3: '/bin/sleep 30' }, { signal: controller.signal })).rejects.toBe(reason)
})

test('installExtension cannot write: it says so', async () => {
  writeFileSync(folder, 'a file where the folder should be')
  expect(await install()).toMatchObject({ state: 'missing', reasons: [expect.stringMatching(/ENOTDIR|EEXIST/)] })
})

test('extensionFault says that a file is not signed, or not there', async () => {
  expect(await extensionFault(putExtension(folder, unsignedExtension()))).toBe(UNSIGNED)
  expect(await extensionFault(join(folder, 'none.duckdb_extension'))).toMatch(/^DuckDB: .*none\.duckdb_extension/)
})

test('setUpExtension remembers a failure for an hour where it is quick, and forgets it when asked in earnest', async () => {
  const calls = join(temporaryFolder(), 'calls')
  const { environment } = options({ python3: `echo called >> '${calls}'; exit 1` })
  const setUp = (quick: boolean, at: string) =>
    setUpExtension(folder, 'postgres_scanner', {
      quick,
      now: new Date(at),
      repository,
      platform: 'linux_amd64',
      ...(environment && { environment }),
    })
  const times = () => readFileSync(calls, 'utf8').split('\n').length - 1
  const first = await setUp(true, '2026-11-26T10:00:00Z')
  expect(first).toMatchObject({ state: 'missing', reasons: [NO_REPOSITORY, expect.stringContaining('pip')] })
  expect(times()).toBe(1)
  expect(await setUp(true, '2026-11-26T10:59:00Z')).toEqual(first)
  expect(times()).toBe(1)
  await setUp(true, '2026-11-26T11:01:00Z')
  expect(times()).toBe(2)
  await setUp(false, '2026-11-26T11:02:00Z')
  expect(times()).toBe(3)
  // A clock that was set back, a file that is damaged, another version of DuckDB: not remembered.
  await setUp(true, '2026-11-26T11:00:00Z')
  expect(times()).toBe(4)
  for (const text of ['{', '{"at":"2026-11-26T11:00:00Z","version":"v0.0.0","reasons":[]}']) {
    writeFileSync(join(folder, 'postgres_scanner.missing.json'), text)
    await setUp(true, '2026-11-26T11:00:30Z')
  }
  expect(times()).toBe(6)
})

test('setUpExtension sees at once what was put there by hand after a failure', async () => {
  const { environment } = options()
  const setUp = () => setUpExtension(folder, 'postgres_scanner', { quick: true, repository, ...(environment && { environment }) })
  expect(await setUp()).toMatchObject({ state: 'missing' })
  const file = putExtension(folder, unsignedExtension())
  expect(await setUp()).toMatchObject({ state: 'present', file })
})

test('duckdbVersion and duckdbPlatform are what the engine says', async () => {
  const db = await openDuckDB({ memoryBytes: 2 ** 26, threads: 1, temp: temporaryFolder() })
  const [row] = await db.meta('PRAGMA platform')
  db.close()
  expect([duckdbVersion(), duckdbPlatform()]).toEqual([version(), row?.platform])
})

test('extensionsIn finds what is there; NO_EXTENSIONS has none', () => {
  expect(extensionsIn(folder).file('postgres_scanner')).toBeUndefined()
  const file = putExtension(folder, '')
  expect(extensionsIn(folder).file('postgres_scanner')).toBe(file)
  expect(NO_EXTENSIONS.file('postgres_scanner')).toBeUndefined()
})

test('extensionWheel knows the wheels that were looked at, and no other platform', () => {
  expect(extensionWheel('postgres_scanner', 'linux_amd64')?.sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(extensionWheel('postgres_scanner', 'linux_arm64')).toBeUndefined()
})

it.each([true, false])('zipEntry reads a file, packed (%s) or stored', (packed) => {
  const zip = zipOf({ 'a/empty': Buffer.alloc(0), 'a/one.txt': Buffer.from('one'.repeat(1000)), 'b/two.txt': Buffer.from('two') }, packed)
  expect(zipEntry(zip, '/one.txt')?.toString()).toBe('one'.repeat(1000))
  expect(zipEntry(zip, '/two.txt')?.toString()).toBe('two')
  expect(zipEntry(zip, '/three.txt')).toBeUndefined()
})

it.each([
  ['no archive', Buffer.from('this is no archive, and long enough to be one')],
  ['an archive cut short', zipOf({ a: Buffer.from('a') }).subarray(0, 40)],
  ['an archive whose directory is elsewhere', Buffer.concat([Buffer.alloc(7), zipOf({ a: Buffer.from('a') })])],
])('zipEntry refuses %s', (_, bytes) => {
  expect(() => zipEntry(bytes, 'a')).toThrow(RangeError)
})
