import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { extensionPath } from '../../lib/engines/extensions.ts'
import { extensionFault, installExtension } from '../../lib/engines/install-extension.ts'
import { temporaryFolder } from '../kit/context.ts'
import { programs, putExtension } from '../kit/extension.ts'
import { type CommandResult, command, makeProject, type TestProject } from '../kit/project.ts'

let project: TestProject
let installed: CommandResult
let file: string
const setup = (...args: readonly string[]) => project.millrace('setup', ...args)

// From nothing, as on a new machine: by DuckDB's INSTALL, or by the machine's pip or uv. A machine that has none of them fails here, as it should.
beforeAll(async () => {
  project = makeProject({ 'data/in.csv': 'id\n1\n' })
  file = extensionPath(project.path('.millrace/extensions'), 'postgres_scanner')
  installed = await setup()
}, 180_000)
afterAll(() => project?.remove())

test('millrace setup installs postgres_scanner from nothing', async () => {
  expect(installed).toMatchObject({ code: 0, stderr: '', stdout: `postgres_scanner is installed: ${file}\n` })
  expect(await extensionFault(file)).toBeUndefined()
})

test('millrace setup finds it in place the next time, and --quick has nothing to say', async () => {
  expect(await setup()).toMatchObject({ code: 0, stdout: `postgres_scanner is in place: ${file}\n` })
  expect(await setup('--quick')).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('millrace setup puts a file with one flipped byte in place anew, and doctor sees it before', async () => {
  const good = readFileSync(file)
  const bad = Buffer.from(good)
  bad.writeUInt8((bad[1_000_000] ?? 0) ^ 1, 1_000_000)
  writeFileSync(file, bad)
  expect(await extensionFault(file)).toBe("DuckDB: the file's signature is missing or is not DuckDB's")
  const doctor = await project.millrace('doctor')
  expect(doctor.code).toBe(1)
  expect(doctor.stdout).toMatch(/✗ extension +postgres_scanner does not load: .*signature.*\n +→ put it in place: millrace setup/)
  expect(await setup()).toMatchObject({ code: 0, stdout: `postgres_scanner is installed: ${file}\n` })
  expect(readFileSync(file).equals(good)).toBe(true)
  expect((await project.millrace('doctor')).stdout).toMatch(/✓ extension +postgres_scanner is signed, and loads/)
})

test('installExtension takes it from a mirror without any network, pip and HOME, and nothing with a flipped byte', async () => {
  const [mirror, folder] = [temporaryFolder(), temporaryFolder()]
  const options = { timeoutMs: 60_000, verify: true, repository: mirror, environment: { PATH: programs(temporaryFolder(), {}) } }
  const at = putExtension(mirror, '')
  copyFileSync(file, at)
  expect(await installExtension(folder, 'postgres_scanner', options)).toMatchObject({ state: 'installed', from: 'duckdb' })
  rmSync(dirname(extensionPath(folder, 'postgres_scanner')), { recursive: true })
  const bytes = readFileSync(at)
  bytes.writeUInt8((bytes[2_000_000] ?? 0) ^ 128, 2_000_000)
  writeFileSync(at, bytes)
  expect(await installExtension(folder, 'postgres_scanner', options)).toMatchObject({
    state: 'missing',
    reasons: ["DuckDB: the file's signature is missing or is not DuckDB's", 'there is no pip or uv here'],
  })
})

test('the pinned wheel is what pip brings, and carries what DuckDB takes', async () => {
  const found = await installExtension(temporaryFolder(), 'postgres_scanner', {
    timeoutMs: 120_000,
    verify: true,
    repository: join(temporaryFolder(), 'none'),
  })
  expect(found).toMatchObject({ state: 'installed', from: 'wheel' })
})

test('make setup says nothing of it when it is in place', { timeout: 120_000 }, async () => {
  const checkout = new URL('../..', import.meta.url).pathname
  const made = await command('make', ['setup'], checkout, {
    MAKEFLAGS: '',
    MAKELEVEL: '',
    MILLRACE_EXTENSIONS: project.path('.millrace/extensions'),
  })
  expect(made).toEqual({ code: 0, stdout: '', stderr: '' })
})
