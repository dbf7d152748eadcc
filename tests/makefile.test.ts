import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const root = new URL('..', import.meta.url).pathname
let copy: string

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'millrace-make-'))
  for (const name of ['Makefile', 'package.json', 'package-lock.json']) cpSync(join(root, name), join(copy, name))
  mkdirSync(join(copy, 'node_modules'))
  writeFileSync(join(copy, 'node_modules/.millrace-setup'), '')
})
afterEach(() => rmSync(copy, { recursive: true, force: true }))

function addPipeline(name: string, text = 'export default {}\n'): void {
  mkdirSync(join(copy, 'pipelines', name), { recursive: true })
  writeFileSync(join(copy, 'pipelines', name, 'pipeline.ts'), text)
}

// A make that runs under make takes the outer one's flags and variables from the environment.
const { MAKEFLAGS: _flags, MAKELEVEL: _level, MFLAGS: _mflags, PARTITION: _p, FROM: _f, TO: _t, PROFILE: _r, ...env } = process.env
const make = (...args: string[]) => execFileSync('make', ['-C', copy, ...args], { env, encoding: 'utf8', stdio: 'pipe' })
const failingMake = (...args: string[]) => spawnSync('make', ['-C', copy, ...args], { env, encoding: 'utf8' })

test('make setup empties no folder that node_modules is a link to', () => {
  const others = join(copy, 'others')
  mkdirSync(join(others, 'acorn'), { recursive: true })
  rmSync(join(copy, 'node_modules'), { recursive: true })
  symlinkSync(others, join(copy, 'node_modules'))
  const { status, stderr } = failingMake('setup')
  expect(status).toBe(2)
  expect(stderr).toContain(`make: node_modules is a link to ${others}, which npm ci would empty for everybody`)
  expect(readdirSync(others)).toEqual(['acorn'])
})

test('make help lists every target with a line, a new pipeline folder included', () => {
  addPipeline('ships')
  addPipeline('tides', '/**\n * Tide gauges by hour. Then more.\n */\nexport default {}\n')
  mkdirSync(join(copy, 'pipelines/empty'))
  const help = make('help')
  for (const target of ['setup', 'demo', 'test', 'test-systems', 'check', 'bench', 'torture', 'clean', 'help']) {
    expect(help).toMatch(new RegExp(`^ {2}${target} +\\S`, 'm'))
  }
  expect(help).toMatch(/^ {2}ships +run pipeline ships$/m)
  expect(help).toMatch(/^ {2}tides +Tide gauges by hour$/m)
  expect(help).not.toContain('empty')
})

test('make <pipeline> runs it with what the variables name', () => {
  addPipeline('tides')
  expect(make('-n', 'tides')).toContain('node bin/millrace.js run tides\n')
  expect(make('-n', 'tides', 'PARTITION=2018-02-04')).toContain("node bin/millrace.js run tides --partition '2018-02-04'\n")
  expect(make('-n', 'tides', 'FROM=2018-02-01', 'TO=2018-02-08', 'PROFILE=prod')).toContain(
    "node bin/millrace.js run tides --from '2018-02-01' --to '2018-02-08' --profile 'prod'\n",
  )
  expect(make('-n', 'tides', "PARTITION=it's")).toContain("--partition 'it'\\''s'\n")
})

test.each(['demo', 'test-systems', 'Makefile'])('make refuses a pipeline folder named as its own target %s', (name) => {
  addPipeline(name)
  const { status, stderr } = failingMake('help')
  expect(status).toBe(2)
  expect(stderr).toContain(`pipelines/${name}: "${name}" is already a target of the Makefile; rename the folder`)
})

test('make refuses a pipeline folder whose name cannot be a target', () => {
  addPipeline('two words')
  const { status, stderr } = failingMake('help')
  expect(status).toBe(2)
  expect(stderr).toContain('folder name "two words" cannot be a make target')
})

test('make setup calls the set-up of millrace, and does not fail where that does', () => {
  mkdirSync(join(copy, 'bin'))
  writeFileSync(join(copy, 'bin/millrace.js'), "console.log(process.argv.slice(2).join(' ')); process.exit(1)\n")
  const { status, stdout, stderr } = spawnSync('make', ['-C', copy, 'setup'], { env, encoding: 'utf8' })
  expect(status).toBe(0)
  expect(stdout).toMatch(/^setup --quick$/m)
  // A shell may say something of its own before.
  expect(stderr).toMatch(/^make: went on without DuckDB extensions; again: node bin\/millrace\.js setup\n$/m)
})

test('make clean keeps the extensions', () => {
  expect(make('-n', 'clean')).not.toMatch(/\.millrace(?!\/dev)|\.millrace\/\*/)
})

test('make demo without a pipeline says so and succeeds', () => {
  expect(make('demo')).toContain('no pipelines yet')
})
