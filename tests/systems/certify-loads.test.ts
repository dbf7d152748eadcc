import { expect, test } from 'vitest'
import type { Certificate } from '../../lib/pipeline/certify/certificate.ts'
import { testProject } from '../kit/project.ts'

const ITEMS = (rows: string) => `item,price,changed\n${rows}`
const LOADS = [
  'bed,9,2024-01-01 00:00:00\n',
  'bed,9,2024-01-01 00:00:00\nlamp,3,2024-01-02 00:00:00\n',
  'bed,9,2024-01-01 00:00:00\nlamp,3,2024-01-02 00:00:00\nmug,1,2024-01-03 00:00:00\n',
]

/** Three loads of items, each applied by itself; what is computed from lamps is another each time. */
async function shopOfThreeLoads() {
  const shop = testProject({
    'pipelines/shop/pipeline.ts': `import { append, merge, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'shop', schema,
  extract: {
    item: source('data').files('item.csv', { cursor: 'changed', key: 'item' }),
    shelf: source('data').files('shelf.csv', { cursor: 'changed', key: 'shelf' }),
  },
  transform: {
    moved: sql\`SELECT item, CASE WHEN item = 'lamp' THEN random() ELSE 0 END AS lot FROM item.changes\`,
    seen: sql\`SELECT (SELECT count(*) FROM item.changes) AS items, (SELECT count(*) FROM shelf.changes) AS shelves\`,
  },
  load: { item: merge('item', { key: 'item' }), moved: append('moved'), seen: append('seen') },
})`,
    'pipelines/shop/schema.ts': `export const schema = {
  item: { item: 'text', price: 'int64', changed: 'timestamp' }, shelf: { shelf: 'text', changed: 'timestamp' },
} as const\n`,
    'data/shelf.csv': 'shelf,changed\na,2024-01-01 00:00:00\n',
    'data/item.csv': ITEMS(LOADS[0] ?? ''),
  })
  expect((await shop.millrace('plan', 'shop')).code).toBe(0)
  for (const rows of LOADS) {
    shop.write({ 'data/item.csv': ITEMS(rows) })
    const { code, stdout, stderr } = await shop.millrace('run', 'shop')
    expect(code, stdout + stderr).toBe(0)
  }
  return shop
}

test('certify computes what reads changes of each load by itself, as a run has, and not of the newest alone', {
  timeout: 300_000,
}, async () => {
  const shop = await shopOfThreeLoads()
  const { code, stdout, stderr } = await shop.millrace('certify', 'shop', '--json')
  const { units, datasets, differences } = JSON.parse(stdout) as Certificate
  expect(code, stderr).toBe(3)
  expect(units.map(({ partition, load }) => [partition, load?.dataset, load?.id])).toEqual([
    [null, 'item', 1],
    [null, 'item', 2],
    [null, 'item', 3],
    [null, 'shelf', 1],
  ])
  expect([...datasets].sort()).toEqual(['moved', 'seen'])
  expect(differences.map(({ dataset, load, loads, partitions, settings }) => [dataset, load, loads, partitions, settings[0]])).toEqual([
    ['moved', { dataset: 'item', id: 2 }, 1, 1, 'again'],
  ])

  // The first and the last of the loads: neither has the lamp.
  const sampled = await shop.millrace('certify', 'shop', '--sample', '2')
  expect(sampled.code, sampled.stdout).toBe(0)
  expect(sampled.stdout).toContain('\nchanges    item: loads 1, 3\nchanges    shelf: load 1\ncompared   moved, seen\n')
})
