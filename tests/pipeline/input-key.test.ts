import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const pipeline = (rates: string) => `import { contract, csv, keys, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow']),
  extract: { stock: source('data').files('{partition}.csv'), rate: source('data').files('${rates}') },
  transform: { worth: sql\`SELECT item, "left" * rate AS worth FROM stock JOIN rate USING (item)\` },
  export: { worth: csv('worth/{partition}.csv', { contract: contract({ columns: { item: 'text', worth: 'int64' }, orderBy: ['item'] }) }) },
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
