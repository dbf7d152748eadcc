import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { extensionPath } from '../../lib/engines/extensions.ts'
import { temporaryFolder } from '../kit/context.ts'
import { programs, putExtension, unsignedExtension } from '../kit/extension.ts'
import { millrace, projectFolder } from './project.ts'

let folder: string
let mirror: string
let calls: string
let environment: NodeJS.ProcessEnv
beforeEach(() => {
  folder = projectFolder({ 'millrace.config.ts': 'this is no TypeScript: set-up needs none of it', 'below/file': '' })
  mirror = temporaryFolder()
  calls = join(temporaryFolder(), 'calls')
  environment = { PATH: programs(temporaryFolder(), { python3: `echo >> '${calls}'; echo 'No module named pip' >&2; exit 1` }) }
})

/** From an empty mirror: no test asks the network. */
const setup = (...args: readonly string[]) => millrace(folder, ['setup', '--from', mirror, ...args], environment)
const timesCalled = () => (existsSync(calls) ? readFileSync(calls, 'utf8').length : 0)

test('millrace setup succeeds without what it was to put in place, and says in one line what follows and how to try again', async () => {
  const { code, stdout, stderr } = await setup()
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    /^postgres_scanner is missing, so PostgreSQL goes through COPY streams, slower \(DuckDB: Failed to install .*; python3 -m pip: No module named pip\); to try again: millrace setup\n$/,
  )
})

test('millrace setup --json says the same in full', async () => {
  const { code, stdout } = await setup('--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    folder: join(folder, '.millrace/extensions'),
    extensions: [
      {
        name: 'postgres_scanner',
        state: 'missing',
        reasons: [
          expect.stringMatching(/^DuckDB: Failed/),
          expect.stringMatching(/^python3 -m pip: No module named pip|^no checksum is pinned/),
        ],
      },
    ],
  })
})

test('millrace setup --quick tells a failure again, and does not try again', async () => {
  const first = await setup('--quick')
  expect(first.stdout).toContain('postgres_scanner is missing')
  const times = timesCalled()
  expect(await setup('--quick')).toEqual(first)
  expect(timesCalled()).toBe(times)
})

test('millrace setup --quick says nothing of what is there, and starts nothing', async () => {
  putExtension(join(folder, '.millrace/extensions'), unsignedExtension())
  expect(await setup('--quick')).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(timesCalled()).toBe(0)
})

test('millrace setup puts nothing unsigned in place, and keeps nothing unsigned', async () => {
  const kept = putExtension(join(folder, '.millrace/extensions'), unsignedExtension())
  putExtension(mirror, unsignedExtension())
  const { code, stdout } = await setup()
  expect(code).toBe(0)
  expect(stdout).toContain(
    "what was there was refused: DuckDB: the file's signature is missing or is not DuckDB's; DuckDB: the file's signature",
  )
  expect(existsSync(kept)).toBe(false)
})

test('millrace setup finds the project from a folder below, and takes the folder that MILLRACE_EXTENSIONS names', async () => {
  const below = join(folder, 'below')
  const json = async (env: NodeJS.ProcessEnv) =>
    JSON.parse((await millrace(below, ['setup', '--quick', '--json', '--from', mirror], { ...environment, ...env })).stdout)
  expect((await json({})).folder).toBe(join(folder, '.millrace/extensions'))
  const other = temporaryFolder()
  putExtension(other, '')
  expect(await json({ MILLRACE_EXTENSIONS: other })).toEqual({
    folder: other,
    extensions: [{ name: 'postgres_scanner', state: 'present', file: extensionPath(other, 'postgres_scanner') }],
  })
})

test('millrace setup works where there is no project yet', async () => {
  const empty = temporaryFolder()
  const { code, stdout } = await millrace(empty, ['setup', '--json', '--from', mirror], environment)
  expect(code).toBe(0)
  expect(JSON.parse(stdout).folder).toBe(join(empty, '.millrace/extensions'))
  expect(dirname(JSON.parse(stdout).folder)).toBe(join(empty, '.millrace'))
})
