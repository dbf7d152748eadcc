import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { programs, putExtension, unsignedExtension } from './kit/extension.ts'
import { type InstalledProject, installedProject } from './kit/packed.ts'
import { command } from './kit/project.ts'
import { importsOf } from './layout.ts'

let project: InstalledProject
beforeAll(() => {
  project = installedProject()
}, 180_000)
afterAll(() => project?.remove())

/** As `npx millrace`: npm's launcher, the package's own command, no network. */
const npxWith = (env: NodeJS.ProcessEnv, ...args: string[]) =>
  command('npx', ['--offline', '--no', '--', 'millrace', ...args], project.folder, {
    MILLRACE_LOG: 'off',
    npm_config_loglevel: 'error',
    ...env,
  })
const npx = (...args: string[]) => npxWith({}, ...args)

test('npm pack ships emitted JavaScript with its types, the documentation, and no sources', () => {
  const { packed } = project
  for (const path of ['bin/millrace.js', 'dist/bin/millrace.js', 'dist/lib/index.js', 'dist/lib/index.d.ts', 'docs/guide.md', 'LICENSE'])
    expect(packed).toContain(path)
  expect(packed.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([])
  expect(packed.filter((path) => !/^(bin|dist|docs)\/|^[^/]+$/.test(path))).toEqual([])
})

test('npm pack ships JavaScript that imports no TypeScript', () => {
  const dist = join(project.folder, 'node_modules/millrace/dist')
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'))
  expect(files.length).toBeGreaterThan(100)
  const wrong = files.filter((path) => importsOf(readFileSync(join(dist, path), 'utf8')).some(({ specifier }) => specifier.endsWith('.ts')))
  expect(wrong).toEqual([])
})

test('the installed package sets up and examines itself', { timeout: 120_000 }, async () => {
  const mirror = mkdtempSync(join(tmpdir(), 'millrace-mirror-'))
  putExtension(mirror, unsignedExtension())
  // Before the machine's own: no test asks the network.
  const path = programs(join(mirror, 'bin'), { python3: 'exit 1', uvx: 'exit 1' })
  const set = await npxWith({ PATH: `${path}:${process.env.PATH}` }, 'setup', '--from', mirror, '--json')
  rmSync(mirror, { recursive: true })
  expect(set, set.stderr).toMatchObject({ code: 0, stderr: '' })
  const { folder, extensions } = JSON.parse(set.stdout)
  expect(folder).toBe(join(project.folder, '.millrace/extensions'))
  // DuckDB was asked, in a process of its own.
  expect(extensions[0]).toMatchObject({
    state: 'missing',
    reasons: ["DuckDB: the file's signature is missing or is not DuckDB's", expect.any(String)],
  })
  const doctor = await npx('doctor', '--json')
  expect(doctor.code).toBe(2)
  const [machine, examined] = JSON.parse(doctor.stdout).examined
  expect(machine.findings.filter(({ state }: { readonly state: string }) => state !== 'ok')).toEqual([])
  expect(examined.findings).toMatchObject([{ what: 'configuration', found: expect.stringContaining('no millrace.config.ts') }])
})

test('the installed package makes, plans and runs a pipeline in an empty project', { timeout: 180_000 }, async () => {
  expect(existsSync(join(project.folder, 'millrace.config.ts'))).toBe(false)
  const made = await npx('init', 'sales')
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(made.stdout).toContain('next: millrace run sales')
  const planned = await npx('plan', 'sales', '--discover', '--json')
  expect(planned, planned.stdout + planned.stderr).toMatchObject({ code: 0, stderr: '' })
  const ran = await npx('run', 'sales', '--json')
  expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0, stderr: '' })
  const report = JSON.parse(ran.stdout)
  expect(report).toMatchObject({ outcome: 'done', exitCode: 0 })
  expect((await npx('doctor')).code).toBe(0)
  expect(report.partitions.map((each: { readonly outcome: string }) => each.outcome)).toEqual(['done', 'done', 'done'])
  expect(delivered('sales/2026-01-01')).toBe('day,shop,sales,revenue\n2026-01-01,Kraków,1,5.00\n2026-01-01,Łódź,2,140.40\n')
  const again = await npx('run', 'sales', '--json')
  expect(JSON.parse(again.stdout)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  // By a process of its own, of the package's JavaScript.
  const filled = await npx('backfill', 'sales', '--partition', '2026-01-01', '--force', '--json')
  expect(filled, filled.stdout + filled.stderr).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(filled.stdout).partitions.at(-1)).toMatchObject({ partition: '2026-01-01', outcome: 'done' })
})

/** The text of the one file that a path's `latest.json` leads to. */
function delivered(path: string): string {
  const store = join(project.folder, '.millrace/dev/export')
  const read = (key: string) => JSON.parse(readFileSync(join(store, key), 'utf8'))
  const { manifest } = read(`${path}/latest.json`)
  const [file] = readdirSync(join(store, path)).filter((name) => name.endsWith('.csv') && manifest.includes(name.slice(0, -4)))
  return readFileSync(join(store, path, file ?? ''), 'utf8')
}
