import pl from 'nodejs-polars'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import type { Frame } from './binding.ts'

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: '/tmp/millrace-never-spills' })
})
afterAll(() => db.close())

const sale = { id: 'int32', item: 'text', amount: 'int64', note: 'text', at: 'timestamp', "it's odd": 'float64' }
const item = { item: 'text', price: 'int32', amount: 'int64', note: 'text' }

/** What a frame reads of `sale` and `item`; undefined: all. */
async function read(frame: (datasets: { sale: Frame; item: Frame }, window: { partition: string; parameters: object }) => unknown) {
  const extracted = { sale: { columns: sale, by: 'window' as const, window: 'at' }, item: { columns: item, by: 'whole' as const } }
  const steps = { x: { engine: 'polars' as const, frame: frame as never } }
  const bound = await bindSteps({ extracted, steps, parameters: { few: true }, partitioned: 'time', wanted: [] }, db)
  return bound.datasets.x?.columnsRead
}

type Called = Parameters<typeof read>[0]
const named: [what: string, frame: Called, columns: Record<string, string[]>][] = [
  ['select', ({ sale }) => sale.select('id', pl.col('amount').mul(pl.lit(2)).alias('twice')), { sale: ['id', 'amount'] }],
  ['a name with a quote', ({ sale }) => sale.select("it's odd"), { sale: ["it's odd"] }],
  ['filter', ({ sale }) => sale.filter(pl.col('note').isNotNull()).select('id'), { sale: ['id', 'note'] }],
  [
    'group, sort and a window',
    ({ sale }) =>
      sale.groupBy('item').agg(pl.col('amount').sum()).sort('item').withColumns(pl.col('amount').rank().over('item').alias('r')),
    { sale: ['item', 'amount'] },
  ],
  ['a join', ({ sale, item }) => sale.join(item, { on: 'item' }).select('id', 'price'), { sale: ['id', 'item'], item: ['item', 'price'] }],
  ['a join with all of another', ({ sale, item }) => sale.join(item.select('item', 'price'), { on: 'item' }), { item: ['item', 'price'] }],
  ['every column by name', ({ item }) => item.select('item', 'price', 'amount', 'note'), { item: ['item', 'price', 'amount', 'note'] }],
  ['a dataset twice', ({ sale }) => pl.concat([sale.select('id'), sale.select('id')]) as never, { sale: ['id'] }],
  ['what is renamed', ({ sale }) => sale.rename({ amount: 'sum' }).select('sum'), { sale: ['amount'] }],
  ['what is made and left again', ({ sale }) => sale.withColumns(pl.lit(1).alias('one')).select('id'), { sale: ['id'] }],
  ['all columns on the way', ({ sale }) => sale.fillNull(0).reverse().tail(2).select('amount'), { sale: ['amount'] }],
  ['no column', ({ sale }) => sale.select(pl.lit(1).alias('one')), { sale: [] }],
  ['a number of rows', ({ sale }) => sale.withRowIndex('n', 0).select('n'), { sale: [] }],
  ['cached', ({ sale }) => sale.cache().select('id'), { sale: ['id'] }],
  ['parameters', ({ sale }, { parameters }) => sale.select(Object.hasOwn(parameters, 'few') ? 'id' : 'note'), { sale: ['id'] }],
]
test.for(named)('columnsReadByFrame names what counts in %s', async ([, frame, columns]) => {
  expect(await read(frame)).toEqual(columns)
})

test('columnsReadByFrame looks at datasets whatever they are called', async () => {
  const odd = 'my "odd" \\ $& sale'
  const extracted = { [odd]: { columns: sale, by: 'whole' as const } }
  const steps = { x: { engine: 'polars' as const, frame: ((datasets: Record<string, Frame>) => datasets[odd]?.select('id')) as never } }
  const bound = await bindSteps({ extracted, steps, parameters: {}, partitioned: 'none', wanted: [] }, db)
  expect(bound.datasets.x?.columnsRead).toEqual({ [odd]: ['id'] })
})

const whole: [what: string, frame: Called][] = [
  ['a frame as it is', ({ sale }) => sale],
  ['withColumns', ({ sale }) => sale.withColumns(pl.lit(1).alias('one'))],
  ['drop', ({ sale }) => sale.drop('id')],
  ['drop, and unique behind it', ({ sale }) => sale.drop('note').unique().select('id')],
  ['pl.all()', ({ sale }) => sale.select(pl.all().count())],
  ['pl.col("*")', ({ sale }) => sale.select(pl.struct([pl.col('*')]).alias('s'))],
  ['a pattern', ({ sale }) => sale.select(pl.col('^a.*$'))],
  ['pl.exclude', ({ sale }) => sale.select(pl.exclude('id'))],
  ['the first column', ({ sale }) => sale.select(pl.first().alias('x'))],
  ['names that are looked at, in vain', ({ sale }) => (sale.columns.includes('id') ? sale.select('id') : sale.select('note'))],
  ['unique of whole rows', ({ sale }) => sale.unique().select('id')],
  ['rows without a null', ({ sale }) => sale.dropNulls().select('id')],
  ['rows of each group', ({ sale }) => sale.groupBy('item').head(1).select('item')],
  ['as many columns as there are', ({ sale }) => sale.select('id', pl.lit(sale.columns.length).alias('n'))],
  ['the last name', ({ sale }) => sale.select(pl.col(sale.columns.at(-1) ?? '').alias('last'))],
  ['names as values', ({ sale }) => sale.select('id', pl.lit(sale.columns.join()).alias('names'))],
  ['whether there are many', ({ sale }) => (sale.columns.length > 3 ? sale.select('id') : sale.select('note'))],
  [
    'whether there is one that is not read',
    ({ sale }) => sale.select(sale.columns.includes('note') ? pl.col('id') : pl.col('id').add(pl.lit(1))),
  ],
  ['its description', ({ sale }) => sale.select('id', pl.lit(sale.describePlan()).alias('plan'))],
  ['names of what is made of it', ({ sale }) => sale.select('id', pl.lit(String(sale.select(pl.all()).columns)).alias('names'))],
  ['the partition', ({ sale }, { partition }) => sale.select(partition === '2024' ? 'note' : 'id')],
]
test.for(whole)('columnsReadByFrame takes all for %s', async ([, frame]) => {
  expect(await read(frame)).toEqual({})
})
