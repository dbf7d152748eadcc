import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { initPipeline } from '../../lib/cli/init.ts'
import { temporaryFolder } from '../kit/context.ts'
import { command } from '../kit/project.ts'
import { millrace, projectFolder } from './project.ts'

test('init makes a project that plans and runs as it is', async () => {
  const folder = projectFolder()
  const made = await millrace(folder, ['init', 'corner-shop'])
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(made.stdout).toContain('next: millrace run corner-shop')
  expect(made.stdout).not.toContain('note:')
  expect(readFileSync(join(folder, 'pipelines/corner-shop/pipeline.ts'), 'utf8')).toContain("from '#millrace'")
  const run = await millrace(folder, ['run', 'corner-shop', '--json'])
  expect(run).toMatchObject({ code: 0 })
  expect(JSON.parse(run.stdout)).toMatchObject({ outcome: 'done', exitCode: 0 })
  const exported = join(folder, '.millrace/dev/export')
  const [first = ''] = readdirSync(exported, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /^corner-shop\/2026-01-01.*\.csv$/.test(path) && statSync(join(exported, path)).isFile(),
  )
  expect(readFileSync(join(exported, first), 'utf8')).toBe('day,shop,sales,revenue\n2026-01-01,Kraków,1,5.00\n2026-01-01,Łódź,2,140.40\n')
  const again = await millrace(folder, ['run', 'corner-shop', '--json'])
  expect(JSON.parse(again.stdout)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  const shown = await millrace(folder, ['show', 'corner-shop', 'sale', '--partition', '2026-01-02'])
  expect(shown.stdout).toContain('Gdańsk')
  expect((await millrace(folder, ['status', 'corner-shop'])).stdout).toContain('3 done')
  const schema = readFileSync(join(folder, 'pipelines/corner-shop/schema.ts'), 'utf8')
  expect(await millrace(folder, ['plan', 'corner-shop', '--discover'])).toMatchObject({ code: 0 })
  expect(readFileSync(join(folder, 'pipelines/corner-shop/schema.ts'), 'utf8')).toBe(schema)
})

test('init refuses to overwrite and then writes nothing', async () => {
  const folder = projectFolder({ 'pipelines/a/a.sql': 'mine' })
  const { code, stderr } = await millrace(folder, ['init', 'a'])
  expect(code).toBe(2)
  expect(stderr).toContain(`${join(folder, 'pipelines/a/a.sql')} is there already`)
  expect(readFileSync(join(folder, 'pipelines/a/a.sql'), 'utf8')).toBe('mine')
  expect(existsSync(join(folder, 'fixtures'))).toBe(false)
  expect(existsSync(join(folder, 'millrace.config.ts'))).toBe(false)
})

test('init in a folder of its own imports the installed package and makes what is missing', async () => {
  const folder = temporaryFolder()
  const { files, notes } = await initPipeline(folder, 'sales')
  expect(files).toEqual([
    'fixtures/sales/sales.csv',
    'pipelines/sales/pipeline.ts',
    'pipelines/sales/sales.sql',
    'pipelines/sales/contract.ts',
    'pipelines/sales/schema.ts',
    'millrace.config.ts',
    'package.json',
  ])
  expect(notes).toEqual([])
  for (const file of files.filter((each) => each.endsWith('.ts') && !each.endsWith('schema.ts')))
    expect(readFileSync(join(folder, file), 'utf8')).toContain("from 'millrace'")
})

test('init says what an existing project lacks', async () => {
  const folder = projectFolder({
    'package.json': '{ "imports": { "#millrace": "./lib/index.ts" } }',
    'millrace.config.ts': `import { config, duckdb, local } from '#millrace'
export default config({ profiles: { dev: { connections: {}, warehouse: duckdb('w.duckdb'), landing: local('l'), store: local('e') } } })`,
  })
  const { stdout } = await millrace(folder, ['init', 'b'])
  expect(stdout).toContain('note: package.json should say "type": "module"')
  expect(stdout).toContain(`note: profile "dev" of millrace.config.ts needs a connection for the fixture: fixtures: files('fixtures')`)
})

test.each(['Upper', '../up', 'a b', '9a', ''])('init refuses the name %j', async (name) => {
  await expect(initPipeline(temporaryFolder(), name)).rejects.toThrow('must be lower case letters, digits, - and _')
})

test('init refuses the name of a target of the Makefile', async () => {
  const folder = projectFolder({
    Makefile: 'X := 1\n.PHONY: help demo\nhelp: ## list\n\t@echo a: b\ndemo clean: setup ## run\n$(NAMES): setup\n',
  })
  for (const name of ['help', 'demo', 'clean'])
    await expect(initPipeline(folder, name)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`"${name}" is a target of`),
    })
  await initPipeline(folder, 'setup-free')
  expect((await millrace(new URL('../..', import.meta.url).pathname, ['init', 'demo'])).stderr).toContain('"demo" is a target of')
})

test('init writes nothing where the project cannot be loaded', async () => {
  const folder = projectFolder({ 'millrace.config.ts': "throw new Error('not today')" })
  const { code, stderr } = await millrace(folder, ['init', 'a'])
  expect(code).toBe(2)
  expect(stderr).toContain('millrace.config.ts cannot be loaded: not today')
  for (const made of ['pipelines', 'fixtures']) expect(existsSync(join(folder, made))).toBe(false)
})

test('init says where it may not write, and leaves nothing', async () => {
  const folder = projectFolder()
  chmodSync(folder, 0o777)
  mkdirSync(join(folder, 'pipelines'), { mode: 0o555 })
  const root = process.getuid?.() === 0
  const drop = root ? ['--reuid=65534', '--regid=65534', '--clear-groups'] : []
  const bin = new URL('../../bin/millrace.js', import.meta.url).pathname
  const { code, stderr } = await command('setpriv', [...drop, process.execPath, bin, 'init', 'a'], folder, { HOME: folder })
  expect(code).toBe(1)
  expect(stderr).toBe(
    `error: permission denied: ${join(folder, 'pipelines/a/pipeline.ts')} (EACCES)\n  hint: give the user that runs millrace the right to read and write there\n`,
  )
  expect(existsSync(join(folder, 'fixtures/a/sales.csv'))).toBe(false)
})
