import { existsSync, readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const PROJECT = {
  'pipelines/p/pipeline.ts': `import { contract, csv, pipeline, replace, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema,
  extract: { shop: source('data').files('shops.csv') },
  transform: { shops: sql\`SELECT upper(code) AS code FROM shop\` },
  load: { shops: replace('shops') },
  export: { shops: csv('shops.csv', { contract: contract({ formulas: 'raw', columns: { code: 'text' }, orderBy: ['code'] }), plain: true }) },
})
`,
  'pipelines/p/schema.ts': "export const schema = { shop: { code: 'text' }, shops: { code: 'text' } } as const\n",
  'data/shops.csv': 'code\na\n',
}

const files = (project: TestProject, folder: string, ending: string) =>
  readdirSync(project.path('.millrace/dev', folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.includes('.millrace-'))
    .sort()

it('prune removes replaced loads and deliveries, and nothing that is named', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const project = testProject(PROJECT)
  for (const rows of ['a', 'a\nb', 'a\nb\nc']) {
    project.write({ 'data/shops.csv': `code\n${rows}\n` })
    expect((await millrace(project, 'run', 'p')).code).toBe(0)
  }
  expect(files(project, 'landing', '.parquet')).toHaveLength(3)
  // Three deliveries and the plain copy.
  expect(files(project, 'export', '.csv')).toHaveLength(4)

  const dry = await millrace(project, 'prune', '--dry-run')
  expect(dry.stdout).toContain('p: would remove')
  expect(files(project, 'landing', '.parquet')).toHaveLength(3)

  const pruned = await millrace(project, 'prune', '--json')
  expect(pruned.code, pruned.stderr).toBe(0)
  const { pipelines } = JSON.parse(pruned.stdout) as { pipelines: { removed: { what: string }[] }[] }
  // Two loads (manifest and file each), two deliveries (object and manifest each).
  expect(pipelines[0]?.removed.map(({ what }) => what).sort()).toEqual([
    'export',
    'export',
    'export',
    'export',
    'landing',
    'landing',
    'landing',
    'landing',
  ])
  expect(files(project, 'landing', '.parquet')).toHaveLength(1)
  expect(files(project, 'export', '.csv')).toHaveLength(2)
  expect(existsSync(project.path('.millrace/dev/export/shops.csv'))).toBe(true)

  const after = await millrace(project, 'run', 'p', '--json')
  expect((JSON.parse(after.stdout) as { outcome: string }).outcome).toBe('unchanged')
  expect(await project.warehouse('SELECT code FROM shops ORDER BY code')).toEqual([['A'], ['B'], ['C']])
  expect(
    (JSON.parse((await millrace(project, 'prune', '--json')).stdout) as typeof JSON & { pipelines: { removed: unknown[] }[] }).pipelines[0]
      ?.removed,
  ).toEqual([])
})

it('prune removes what dead runs were writing, in the landing and in the export store', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const project = testProject(PROJECT)
  expect((await millrace(project, 'run', 'p')).code).toBe(0)
  const unfinished = '.millrace-tmp-00000000-0000-0000-0000-000000000000-1'
  const left = [`landing/p/shop/_all/_manifests/${unfinished}`, `export/shops/${unfinished}`, 'export/_tmp/20240101T000000-abcdef/1-2.csv']
  project.write(Object.fromEntries(left.map((path) => [`.millrace/dev/${path}`, 'x'])))
  expect((await millrace(project, 'prune', '--dry-run')).code).toBe(0)
  expect(left.filter((path) => existsSync(project.path('.millrace/dev', path)))).toEqual(left)
  expect((await millrace(project, 'prune')).code).toBe(0)
  expect(left.filter((path) => existsSync(project.path('.millrace/dev', path)))).toEqual([])
})

it('run removes what a run that was killed on this machine was writing', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const project = testProject(PROJECT)
  expect((await millrace(project, 'run', 'p')).code).toBe(0)
  const unfinished = '.millrace-tmp-00000000-0000-0000-0000-000000000000-1'
  const left = ['landing/p/shop/_all/_manifests/', 'export/shops/'].map((folder) => folder + unfinished)
  left.push('export/_tmp/20240101T000000-abcdef/1-2.csv', 'workspace/20240101T000000-abcdef/rows.parquet')
  const others = 'export/_tmp/20240101T000000-fedcba/1-2.csv'
  project.write(Object.fromEntries([...left, others].map((path) => [`.millrace/dev/${path}`, 'x'])))
  expect((await millrace(project, 'run', 'p')).stdout).toContain('nothing to do')
  expect([...left, others].filter((path) => existsSync(project.path('.millrace/dev', path)))).toEqual([others])
})

it('prune keeps every load of a cursor dataset', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const project = testProject({
    'pipelines/c/pipeline.ts': `import { merge, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'c', schema, extract: { shop: source('data').files('shops.csv', { cursor: 'n', key: 'code' }) }, load: { shop: merge('shop', { key: 'code' }) } })
`,
    'pipelines/c/schema.ts': "export const schema = { shop: { code: 'text', n: 'int32' } } as const\n",
  })
  for (const rows of ['a,1', 'a,1\nb,2']) {
    project.write({ 'data/shops.csv': `code,n\n${rows}\n` })
    expect((await millrace(project, 'run', 'c')).code).toBe(0)
  }
  await millrace(project, 'prune')
  expect(files(project, 'landing', '.parquet')).toHaveLength(2)
})

it('prune leaves what lies below a delivery: another export, files of others', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const target = (path: string) =>
    `csv('${path}', { contract: contract({ formulas: 'raw', columns: { code: 'text' }, orderBy: ['code'] }), plain: true })`
  const project = testProject({
    ...PROJECT,
    'pipelines/p/pipeline.ts': PROJECT['pipelines/p/pipeline.ts'].replace(
      /csv\('shops.csv'.*plain: true \}\)/,
      `[${target('shops.csv')}, ${target('shops/all.csv')}]`,
    ),
  })
  for (const rows of ['a', 'a\nb']) {
    project.write({ 'data/shops.csv': `code\n${rows}\n` })
    expect((await millrace(project, 'run', 'p')).code).toBe(0)
  }
  project.write({ '.millrace/dev/export/shops/read-by-team.txt': 'x' })
  const pruned = await millrace(project, 'prune')
  expect(pruned.code, pruned.stderr).toBe(0)
  // Of each export its plain copy and its newest delivery.
  expect(files(project, 'export', '.csv')).toHaveLength(4)
  expect(files(project, 'export', 'latest.json')).toHaveLength(2)
  expect(files(project, 'export', '.txt')).toHaveLength(1)
  expect((await millrace(project, 'run', 'p')).stdout).toContain('nothing to do')
})
