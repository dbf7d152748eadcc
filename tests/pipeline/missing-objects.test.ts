import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const PROJECT = {
  'data/krakow.csv': 'item,left\nlamp,3\n',
  'data/prices.csv': 'item,price\nlamp,5\n',
  'pipelines/stock/schema.ts': `export const schema = { stock: { item: 'text', left: 'int64' }, price: { item: 'text', price: 'int64' } } as const
`,
  'pipelines/stock/pipeline.ts': `import { contract, csv, keys, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
const stock = contract({ formulas: 'raw', columns: { item: 'text', left: 'int64' }, orderBy: ['item'] })
const price = contract({ formulas: 'raw', columns: { item: 'text', price: 'int64' }, orderBy: ['item'] })
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow']),
  extract: { stock: source('data').files('{partition}.csv'), price: source('data').files('prices.csv') },
  export: { stock: csv('stock/{partition}.csv', { contract: stock, plain: true }), price: csv('prices.csv', { contract: price, plain: true }) },
})`,
}

test('status sees what is missing of a delivery, by partition and shared, and a plain run mends it', async () => {
  const project = testProject(PROJECT)
  const store = project.path('.millrace/dev/export')
  const run = async () => {
    const { code, stdout, stderr } = await millrace(project, 'run', 'stock')
    expect(code, stderr).toBe(0)
    return stdout
  }
  const status = async () => (await millrace(project, 'status', 'stock')).stdout
  await run()
  expect(await status()).toMatch(/1 done; shared: done/)
  const removals = [
    (folder: string) => rmSync(`${folder}.csv`),
    (folder: string) => rmSync(join(folder, readdirSync(folder).find((name) => name.endsWith('.csv')) ?? '')),
    (folder: string) => rmSync(join(folder, readdirSync(folder).find((name) => name.startsWith('manifest-')) ?? '')),
  ]
  for (const remove of removals) {
    for (const folder of ['stock/krakow', 'prices']) remove(join(store, folder))
    expect(await status()).toMatch(/0 done; due: krakow; shared: due|0 done; 1 due.*; shared: due/)
    expect(await run()).toContain('done in')
    expect(await status()).toMatch(/1 done; shared: done/)
    expect(await run()).toContain('nothing to do')
  }
  writeFileSync(join(store, 'stock/krakow/latest.json'), '{')
  expect(await status()).toMatch(/0 done/)
  const broken = await millrace(project, 'run', 'stock')
  expect(broken.code).toBe(1)
  expect(broken.stderr + broken.stdout).toMatch(
    /latest\.json is not what millrace writes there: it is no JSON\n +hint: .*move it away, and run again/,
  )
})
