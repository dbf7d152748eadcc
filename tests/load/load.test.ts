import { join } from 'node:path'
import { expect, it } from 'vitest'
import { duckdb } from '../../lib/connectors/duckdb/index.ts'
import { CheckError, TransientError } from '../../lib/core/errors.ts'
import { NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { type LoadTask, load } from '../../lib/load/load.ts'
import { append, merge, replacePartition } from '../../lib/load/targets.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf, queryFile } from '../kit/dataset.ts'

async function setup(select: string, task: Partial<LoadTask> = {}) {
  const folder = temporaryFolder()
  const file = join(folder, 'warehouse.duckdb')
  const dataset = await datasetOf(folder, 'revenue', { id: 'int64', seen: 'date' }, select)
  const whole: LoadTask = {
    pipeline: 'rentals',
    dataset,
    target: replacePartition('fct_revenue'),
    partition: '2005-05',
    inputKey: 'k1',
    loads: {},
    load: 'k1',
    expected: undefined,
    ...task,
  }
  return { folder, file, task: whole, warehouse: duckdb(file).openWarehouse({ extensions: NO_EXTENSIONS }), ctx: testContext() }
}

it('load writes rows and token, and tells its start and end', async () => {
  const { file, task, warehouse, ctx } = await setup("SELECT range AS id, DATE '2005-05-24' AS seen FROM range(3)", {
    loads: { customer: 2 },
  })
  expect(await load(task, warehouse, ctx)).toEqual({ rows: 3, superseded: 0, removed: 0, added: [] })
  expect(await queryFile(file, 'SELECT DISTINCT _partition, _load FROM fct_revenue')).toEqual([{ _partition: '2005-05', _load: 'k1' }])
  expect(await warehouse.tokens('rentals', ctx)).toEqual([
    { pipeline: 'rentals', table: 'fct_revenue', partition: '2005-05', inputKey: 'k1', loads: { customer: 2 } },
  ])
  expect(ctx.events).toEqual([
    { type: 'stage', phase: 'start', stage: 'load', dataset: 'revenue', target: 'fct_revenue' },
    {
      type: 'stage',
      phase: 'end',
      stage: 'load',
      dataset: 'revenue',
      target: 'fct_revenue',
      rows: 3,
      inputRows: 3,
      inputBytes: expect.any(Number),
      inputKey: 'k1',
      counts: { dataset: 3, superseded: 0, removed: 0 },
      ms: expect.any(Number),
      outcome: 'done',
    },
  ])
})

it('load without partitions has the partition "" in token and rows', async () => {
  const { file, task, warehouse, ctx } = await setup('SELECT 1 AS id, NULL AS seen', { target: append('log'), partition: undefined })
  await load(task, warehouse, ctx)
  expect(await queryFile(file, 'SELECT _partition FROM log')).toEqual([{ _partition: '' }])
  expect(await warehouse.tokens('rentals', ctx)).toMatchObject([{ partition: '' }])
})

it('load gives a merge its order and its tombstones', async () => {
  const { folder, file, task, warehouse, ctx } = await setup("SELECT unnest([1, 2]) AS id, DATE '2005-05-24' AS seen", {
    target: merge('dim', { key: 'id' }),
    partition: undefined,
    order: 'seen',
  })
  await load(task, warehouse, ctx)
  const older = await datasetOf(folder, 'revenue', { id: 'int64', seen: 'date' }, "SELECT 1 AS id, DATE '2005-05-01' AS seen")
  const gone = await datasetOf(folder, 'gone', { id: 'int64' }, 'SELECT 2 AS id')
  const [expected] = await warehouse.tokens('rentals', ctx)
  const receipt = await load({ ...task, dataset: older, expected, tombstones: gone.files, inputKey: 'k2' }, warehouse, ctx)
  expect(receipt).toEqual({ rows: 0, superseded: 1, removed: 1, added: [] })
  expect(await queryFile(file, 'SELECT id, seen FROM dim')).toEqual([{ id: '1', seen: '2005-05-24' }])
})

it('load places what the warehouse throws, and tells that it failed', async () => {
  const { task, warehouse, ctx } = await setup('SELECT unnest([1, 1]) AS id, NULL AS seen', { target: merge('dim', { key: 'id' }) })
  const place = { stage: 'load', pipeline: 'rentals', partition: '2005-05', dataset: 'revenue', table: 'dim' }
  const twice = await load(task, warehouse, ctx).catch((error: unknown) => error)
  expect(twice).toBeInstanceOf(CheckError)
  expect(twice).toMatchObject({ place: { ...place, column: 'id', value: 'id=1' } })
  expect(ctx.events.at(-1)).toMatchObject({ phase: 'end', outcome: 'failed' })
  const stale = { pipeline: 'rentals', table: 'dim', partition: '2005-05', inputKey: 'k0', loads: {} }
  const another = await load({ ...task, expected: stale }, warehouse, ctx).catch((error: unknown) => error)
  expect(another).toBeInstanceOf(TransientError)
  expect(another).toMatchObject({ message: 'another run has loaded "dim" for 2005-05 in the meantime', place })
})
