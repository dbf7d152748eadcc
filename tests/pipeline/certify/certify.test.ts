import { afterEach, expect, it, test } from 'vitest'
import { spread } from '../../../lib/pipeline/certify/choose-units.ts'
import { settingsFor } from '../../../lib/pipeline/certify/settings.ts'
import { millrace } from '../../kit/millrace.ts'
import { CHECKOUT, testProject } from '../../kit/project.ts'
import { stockProject } from '../stock.ts'

afterEach(() => process.chdir(CHECKOUT))

test.each([
  [[1, 2, 3], 5, [1, 2, 3]],
  [[1, 2, 3, 4, 5, 6, 7, 8, 9], 3, [1, 5, 9]],
  [[1, 2, 3, 4], 2, [1, 4]],
  [[1, 2, 3, 4], 1, [4]],
  [[], 5, []],
])('spread %j over %i gives %j', (all, count, expected) => expect(spread<number>(all, count)).toEqual(expected))

test('settingsFor takes another zone than the one that is in force, and more threads than the profile has', () => {
  const names = (threads: number, zone?: string) => settingsFor(threads, zone === undefined ? {} : { TZ: zone }).map(({ name }) => name)
  expect(names(2)).toEqual(['again', 'threads 1', 'threads 4', 'zone Pacific/Kiritimati', 'locale tr_TR', 'clock', 'order'])
  expect(names(8, 'Pacific/Kiritimati')).toEqual(expect.arrayContaining(['threads 16', 'zone America/St_Johns']))
})

it('certify says what it cannot do', async () => {
  const stock = stockProject()
  const said = async (...argv: readonly string[]) => {
    const { code, stderr } = await millrace(stock, 'certify', ...argv)
    return [code, stderr.split('\n')[0]]
  }
  expect(await said('stock')).toEqual([2, 'error: stock: pipeline "stock" computes nothing: what it loads is what has landed'])
  for (const count of ['0', '2.5'])
    expect(await said('stock', '--sample', count)).toEqual([2, `error: --sample ${count} is no number of partitions; it is at least 1`])
  expect(await said('stock', '--sample', '2', '--partition', 'x')).toEqual([
    2,
    'error: --partition and --sample exclude each other: a partition is no sample',
  ])
  expect(await said('stock', '--memory', '1KB')).toEqual([2, expect.stringMatching(/--memory is too little memory/)])
  expect(await said('stick')).toEqual([2, expect.stringContaining('no pipeline "stick"')])
  expect(await said()).toEqual([2, 'error: certify is missing an argument'])
})

it('certify of what has not landed says how it lands', async () => {
  const shop = testProject({
    'data/a.csv': 'x\n1\n',
    'pipelines/shop/pipeline.ts': `import { keys, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'shop', schema, partition: keys(['a', 'b']),
  extract: { each: source('data').files('{partition}.csv') },
  transform: { twice: sql\`SELECT x * 2 AS x FROM each\` },
  load: { twice: replacePartition('twice') },
})`,
    'pipelines/shop/schema.ts': "export const schema = { each: { x: 'int64' }, twice: { x: 'int64' } } as const\n",
  })
  const nothing = await millrace(shop, 'certify', 'shop')
  expect([nothing.code, nothing.stderr]).toEqual([
    2,
    'error: shop: nothing has landed that could be computed again\n  hint: run it first: millrace run shop',
  ])
  expect((await millrace(shop, 'run', 'shop', '--partition', 'a', '--only', 'land')).code).toBe(0)
  expect((await millrace(shop, 'certify', 'shop', '--partition', 'b')).stderr).toBe(
    'error: shop: nothing of b has landed that could be computed again\n  hint: run it first: millrace run shop --partition b',
  )
  expect((await millrace(shop, 'certify', 'shop', '--partition', 'c')).stderr).toContain('partition "c" is not among the keys: a, b')
})
