import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import type { BoundPipeline, Target } from '../../lib/pipeline/define/bind.ts'
import { inputKey, isKeyOf, type KeyInputs, madeFrom } from '../../lib/pipeline/define/input-key.ts'
import { contentOfLoad } from '../../lib/pipeline/define/read-columns.ts'
import type { LoadManifest } from '../../lib/state/manifest.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const pipeline = (rates: string) => `import { contract, csv, keys, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow']),
  extract: { stock: source('data').files('{partition}.csv'), rate: source('data').files('${rates}') },
  transform: { worth: sql\`SELECT item, "left" * rate AS worth FROM stock JOIN rate USING (item)\` },
  export: { worth: csv('worth/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { item: 'text', worth: 'int64' }, orderBy: ['item'] }) }) },
})`

test('inputKey enters the names of delivered objects whole, also what ends it', async () => {
  const project = testProject({
    'data/krakow.csv': 'item,left\nlamp,3\n',
    'data/krakow-rate.csv': 'item,rate\nlamp,5\n',
    'pipelines/stock/pipeline.ts': pipeline('{partition}-rate.csv'),
    'pipelines/stock/schema.ts':
      "export const schema = { stock: { item: 'text', left: 'int64' }, rate: { item: 'text', rate: 'int64' }, worth: { item: 'text', worth: 'int64' } } as const\n",
  })
  const first = await millrace(project, 'run', 'stock')
  expect(first, first.stdout + first.stderr).toMatchObject({ code: 0 })
  // The same file, read once for all partitions from now on: same code, same contents, same bytes; only the end of the key says so.
  project.write({ 'pipelines/stock/pipeline.ts': pipeline('krakow-rate.csv') })
  const second = await millrace(project, 'run', 'stock', '--partition', 'krakow')
  expect(second, second.stdout + second.stderr).toMatchObject({ code: 0 })
})

test('inputKey is the same under another gate: nothing is made anew', async () => {
  const gated = (gate: string) => pipeline('krakow-rate.csv').replace("orderBy: ['item']", `orderBy: ['item'], gate: ${gate}`)
  const project = testProject({
    'data/krakow.csv': 'item,left\nlamp,3\n',
    'data/krakow-rate.csv': 'item,rate\nlamp,5\n',
    'pipelines/stock/pipeline.ts': pipeline('krakow-rate.csv'),
    'pipelines/stock/schema.ts':
      "export const schema = { stock: { item: 'text', left: 'int64' }, rate: { item: 'text', rate: 'int64' }, worth: { item: 'text', worth: 'int64' } } as const\n",
  })
  expect((await millrace(project, 'run', 'stock')).code).toBe(0)
  project.write({ 'pipelines/stock/pipeline.ts': gated('{ removed: 0.5 }') })
  expect((await millrace(project, 'run', 'stock', '--partition', 'krakow')).stdout).toContain('nothing to do')
})

test('inputKey takes the parameters that a frame asks for, and all of them where it looks at the partition', async () => {
  const files = (parameters: string) => ({
    'pipelines/stock/pipeline.ts': `import { contract, csv, keys, pipeline, source } from '#millrace'
import pl from 'nodejs-polars'
import { schema } from './schema.ts'
const one = contract({ formulas: 'raw', columns: { item: 'text' }, orderBy: ['item'] })
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow']), parameters: { ${parameters} },
  extract: { stock: source('data').files('{partition}.csv') },
  transform: {
    asked: ({ stock }, { parameters }) => stock.filter(pl.col('item').neq(pl.lit(String(parameters.but)))),
    looking: ({ stock }, { partition, parameters }) =>
      partition === 'krakow' ? stock.filter(pl.col('item').neq(pl.lit(String(parameters.rare)))) : stock,
  },
  export: { asked: csv('asked/{partition}.csv', { contract: one }), looking: csv('looking/{partition}.csv', { contract: one }) },
})`,
  })
  const project = testProject({
    'data/krakow.csv': 'item\nlamp\ndesk\n',
    'pipelines/stock/schema.ts':
      "export const schema = { stock: { item: 'text' }, asked: { item: 'text' }, looking: { item: 'text' } } as const\n",
    ...files("but: 'lamp', rare: 'desk'"),
  })
  const delivered = async () => {
    // In a process of its own each time: a frame's text is hashed, and here it went through vitest.
    const { code, stdout, stderr } = await project.millrace('run', 'stock', '--partition', 'krakow', '--json')
    expect(code, stderr).toBe(0)
    const { partitions } = JSON.parse(stdout) as { partitions: { steps: { stage: string; dataset: string; outcome: string }[] }[] }
    return partitions.flatMap(({ steps }) => steps.filter((s) => s.stage === 'export' && s.outcome !== 'unchanged').map((s) => s.dataset))
  }
  expect((await delivered()).sort()).toEqual(['asked', 'looking'])
  project.write(files("but: 'lamp', rare: 'lamp'"))
  expect(await delivered()).toEqual(['looking'])
  project.write(files("but: 'desk', rare: 'lamp'"))
  expect((await delivered()).sort()).toEqual(['asked', 'looking'])
})

test('isKeyOf and madeFrom know keys of before there were columns of frames', async () => {
  const columns = { item: 'text', price: 'int32' }
  const step = { engine: 'polars' as const, frame: (({ sale, item }: never) => pl.concat([sale, item]).select('item')) as never }
  const extracted = { sale: { columns, by: 'window' as const, window: 'sold' }, item: { columns, by: 'whole' as const } }
  const bound = await bindSteps({ extracted, steps: { x: step }, parameters: {}, partitioned: 'keys', wanted: [] })
  const load = { mode: 'replacePartition' } as const
  const target: Target = { dataset: 'x', partitioned: true, appliesLoadsOf: [], stage: 'load', load: { table: 'x', disposition: load } }
  const pipeline = { bound, targets: [target], definition: {}, zone: 'UTC' } as unknown as BoundPipeline
  const landed = (item: string, price: string) =>
    contentOfLoad({ rows: 1, columns, columnHashes: { item, price }, contentHash: item + price } as unknown as LoadManifest)
  const inputs = (item: string, price: string): KeyInputs => ({
    steps: { x: { hash: 'x', parts: {} } },
    contents: () => [landed(item, price)],
    partition: { name: 'a' },
  })
  const before = {
    ...pipeline,
    bound: { ...bound, datasets: { ...bound.datasets, x: { ...bound.datasets.x, columnsRead: {} } } },
  } as BoundPipeline
  expect(bound.datasets.x?.columnsRead).toEqual({ sale: ['item'], item: ['item'] })
  const old = inputKey(before, target, inputs('a', 'b'))
  const own = (item: string, price: string) => ({ partition: { name: 'a' }, contentOf: () => landed(item, price) })
  expect(old).not.toBe(inputKey(pipeline, target, inputs('a', 'b')))
  expect([isKeyOf(old, pipeline, target, inputs('a', 'b')), madeFrom(old, pipeline, target, own('a', 'b'))]).toEqual([true, true])
  expect([isKeyOf(old, pipeline, target, inputs('a', 'c')), madeFrom(old, pipeline, target, own('a', 'c'))]).toEqual([false, false])
  // As both were before the loads as wholes stood in them.
  const [first = '', end = ''] = inputKey(pipeline, target, inputs('a', 'b')).split('-')
  expect([end.length, madeFrom(`${first}-${end.slice(0, 24)}${end.slice(32)}`, pipeline, target, own('a', 'c'))]).toEqual([48, true])
  expect(madeFrom(inputKey(pipeline, target, inputs('a', 'b')), before, target, own('a', 'b'))).toBe(true)
  expect(madeFrom(inputKey(pipeline, target, inputs('a', 'b')), before, target, own('a', 'c'))).toBe(false)
  const now = inputKey(pipeline, target, inputs('a', 'b'))
  expect([isKeyOf(now, pipeline, target, inputs('a', 'c')), madeFrom(now, pipeline, target, own('a', 'c'))]).toEqual([true, true])
  expect([isKeyOf(now, pipeline, target, inputs('c', 'b')), madeFrom(now, pipeline, target, own('c', 'b'))]).toEqual([false, false])
})
