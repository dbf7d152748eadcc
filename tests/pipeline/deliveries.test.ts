import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Latest, SetManifest } from '../../lib/export/manifest.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const target = (path: string, delivery: string) =>
  `csv('${path}', { delivery: '${delivery}', contract: contract({ formulas: 'raw', columns: { day: 'date', amount: 'int32' }, orderBy: ['day', 'amount'] }) })`

const project = (delivery: string) =>
  testProject({
    'pipelines/p/pipeline.ts': `import { contract, csv, day, notNull, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema,
  partition: day({ from: '2024-01-01', to: '2024-01-04' }),
  extract: { sale: source('data').files('sales.csv', { window: 'day' }) },
  transform: { big: sql\`SELECT day, amount FROM sale WHERE amount >= 10\` },
  check: { sale: [notNull('amount')] },
  export: { sale: ${target('sales/{partition}.csv', delivery)}, big: ${target('big/{partition}.csv', delivery)} },
})
`,
    'pipelines/p/schema.ts':
      "export const schema = { sale: { day: 'date', amount: 'int32' }, big: { day: 'date', amount: 'int32' } } as const\n",
    'data/sales.csv': SALES,
  })

const SALES = 'day,amount\n2024-01-01,1\n2024-01-01,20\n2024-01-02,3\n2024-01-03,40\n'

const read = (project: TestProject, path: string) => readFileSync(project.path('.millrace/dev/export', path), 'utf8')

/** Rows by path and partition, as a reader finds them who follows latest.json; every file is there. */
function held(project: TestProject, folder: string): Record<string, number> | undefined {
  if (!existsSync(project.path('.millrace/dev/export', folder, 'latest.json'))) return undefined
  const set = SetManifest.parse(JSON.parse(read(project, Latest.parse(JSON.parse(read(project, `${folder}/latest.json`))).manifest)))
  for (const member of set.members)
    for (const file of member.files) expect(read(project, file.key).trimEnd().split('\n')).toHaveLength(file.rows + 1)
  return Object.fromEntries(set.members.map(({ path, partition, rows }) => [path.replace('{partition}', partition ?? ''), rows]))
}

it('a named delivery is switched once, at the end of the run, and not where a partition failed; the next run takes up what is staged', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const p = project('finance')
  p.write({ 'data/sales.csv': SALES.replace('2024-01-02,3', '2024-01-02,') })
  const failed = await millrace(p, 'run', 'p', '--keep-going')
  expect(failed.code).toBe(1)
  expect(failed.stdout).toContain('finance is not switched: it stays as it was, and what is staged waits for the next run')
  expect(held(p, 'finance')).toBeUndefined()

  p.write({ 'data/sales.csv': SALES })
  const mended = await millrace(p, 'run', 'p', '--refresh')
  expect(mended.stdout).toContain('finance, switched: 6 files, 6 rows')
  const whole = {
    ...{ 'sales/2024-01-01.csv': 2, 'sales/2024-01-02.csv': 1, 'sales/2024-01-03.csv': 1 },
    ...{ 'big/2024-01-01.csv': 1, 'big/2024-01-02.csv': 0, 'big/2024-01-03.csv': 1 },
  }
  expect(held(p, 'finance')).toEqual(whole)
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')
  expect((await millrace(p, 'status', 'p')).stdout).toContain('3 done')

  p.write({ 'data/sales.csv': `${SALES}2024-01-02,50\n` })
  const again = await millrace(p, 'run', 'p', '--partition', '2024-01-02', '--refresh')
  expect(again.stdout).toContain('finance, switched: 6 files, 8 rows')
  expect(held(p, 'finance')).toEqual({ ...whole, 'sales/2024-01-02.csv': 2, 'big/2024-01-02.csv': 1 })

  // What is staged and was never switched to is nobody's; what the delivery holds stays.
  const pruned = JSON.parse((await millrace(p, 'prune', '--json')).stdout) as { pipelines: { removed: { what: string; key: string }[] }[] }
  expect(pruned.pipelines[0]?.removed.filter(({ what }) => what === 'export').length).toBeGreaterThanOrEqual(5)
  expect(held(p, 'finance')).toEqual({ ...whole, 'sales/2024-01-02.csv': 2, 'big/2024-01-02.csv': 1 })
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')
})

it('with {partition} in its name each partition is a delivery of its own', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const p = project('finance/{partition}')
  p.write({ 'data/sales.csv': SALES.replace('2024-01-02,3', '2024-01-02,') })
  expect((await millrace(p, 'run', 'p', '--keep-going')).code).toBe(1)
  expect(held(p, 'finance/2024-01-01')).toEqual({ 'sales/2024-01-01.csv': 2, 'big/2024-01-01.csv': 1 })
  expect(held(p, 'finance/2024-01-02')).toBeUndefined()
  expect(held(p, 'finance/2024-01-03')).toEqual({ 'sales/2024-01-03.csv': 1, 'big/2024-01-03.csv': 1 })
  p.write({ 'data/sales.csv': SALES })
  expect((await millrace(p, 'run', 'p', '--refresh')).code).toBe(0)
  expect(held(p, 'finance/2024-01-02')).toEqual({ 'sales/2024-01-02.csv': 1, 'big/2024-01-02.csv': 0 })
})

it('an export that is taken out of a delivery leaves it with the next run, and a moved one may not break the readers of its plain copy', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const p = project('finance')
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  const pipeline = readFileSync(p.path('pipelines/p/pipeline.ts'), 'utf8')
  const [, sale = '', big = ''] = /export: \{ (sale: .*?), (big: .*?) \},\n/.exec(pipeline) ?? []
  p.write({ 'pipelines/p/pipeline.ts': pipeline.replace(`${sale}, ${big}`, sale) })
  const without = await millrace(p, 'run', 'p')
  expect(without.stdout).toContain('warning: "big/{partition}.csv" is no longer part of the delivery "finance": it goes with this switch')
  expect(held(p, 'finance')).toEqual({ 'sales/2024-01-01.csv': 2, 'sales/2024-01-02.csv': 1, 'sales/2024-01-03.csv': 1 })
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')

  const plain = sale.replace("delivery: 'finance'", "plain: true, delivery: 'finance'")
  p.write({ 'pipelines/p/pipeline.ts': pipeline.replace(`${sale}, ${big}`, plain) })
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  const broken = plain
    .replace("delivery: 'finance'", "delivery: 'other'")
    .replace("day: 'date', amount: 'int32'", "amount: 'int32', day: 'date'")
  p.write({ 'pipelines/p/pipeline.ts': pipeline.replace(`${sale}, ${big}`, broken) })
  const refused = await millrace(p, 'run', 'p')
  expect(refused.code).toBe(2)
  expect(refused.stdout).toContain('the contract breaks what readers were promised')
})

it('a member that lost its manifest, or whose file has another size, is delivered again, as its delivery says', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const p = project('finance')
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  const folder = p.path('.millrace/dev/export/finance/sales/2024-01-02')
  const [manifest = ''] = readdirSync(folder).filter((name) => name.startsWith('manifest-'))
  rmSync(join(folder, manifest))
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  expect(await millrace(p, 'verify', p.path('.millrace/dev/export'))).toMatchObject({ code: 0 })
  const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.csv'))
  writeFileSync(join(folder, file), 'hi')
  const told = await millrace(p, 'run', 'p')
  expect(told.stdout).not.toContain('nothing to do')
})
