import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unique } from '../../../lib/check/rules.ts'
import { duckdb } from '../../../lib/connectors/duckdb/index.ts'
import type { Columns } from '../../../lib/core/dataset.ts'
import { openDuckDB } from '../../../lib/engines/duckdb.ts'
import { merge, replacePartition } from '../../../lib/load/targets.ts'
import { compareLoad } from '../../../lib/pipeline/compare/compare-load.ts'
import type { TargetComparison } from '../../../lib/pipeline/compare/compare-report.ts'
import { temporaryFolder, testContext } from '../../kit/context.ts'
import { datasetOf } from '../../kit/dataset.ts'

// What is there is loaded into a real file; the candidate is a dataset.

interface Rows {
  readonly columns: Columns
  readonly select: string
  readonly partition?: string
}

/** Loads what is there, then compares a candidate for partition `b` with it. */
async function compared(
  there: readonly Rows[],
  candidate: Rows,
  by: { readonly merged?: string; readonly unique?: string } = {},
): Promise<TargetComparison> {
  const folder = temporaryFolder()
  const ctx = { ...testContext(), workspace: folder }
  const warehouse = duckdb(join(folder, 'warehouse.duckdb')).openWarehouse({ extensions: { file: () => undefined, folder } as never })
  const load = by.merged === undefined ? replacePartition('t') : merge('t', { key: by.merged })
  for (const { columns, select, partition = 'b' } of there) {
    const dataset = await datasetOf(folder, 'd', columns, select)
    const token = { pipeline: 'p', table: 't', partition, inputKey: select, loads: {} }
    await warehouse.load({ dataset, table: 't', disposition: load.disposition, expected: undefined, token, load: '1' }, ctx)
  }
  const target = { stage: 'load' as const, dataset: 'd', partitioned: true, appliesLoadsOf: [], load }
  const pipeline = { checks: by.unique === undefined ? {} : { d: [unique(by.unique)] }, targets: [target], zone: 'UTC' } as never
  const session = { pipeline, warehouse: () => warehouse, openEngine: openDuckDB }
  const dataset = await datasetOf(folder, 'd', candidate.columns, candidate.select)
  return compareLoad({ session, target, dataset, partition: 'b', sample: join(folder, 'sample.parquet') }, ctx)
}

const counts = ({ before, after, added, removed, kept, changed }: TargetComparison) => ({ before, after, added, removed, kept, changed })

test('values of every kind are compared as they are: NULL, NaN, decimals, instants, nested ones', async () => {
  const columns = {
    ...{ id: 'int32', i: 'int64', f: 'float64', d: 'decimal(18,2)', s: 'text', b: 'bytes', t: 'timestamptz', day: 'date', v: 'interval' },
    ...{ l: 'list(struct(a int32, b text))', u: 'uuid' },
  }
  const row = (id: number, change = '') =>
    `SELECT * REPLACE (${id} AS id ${change}) FROM (SELECT 0 AS id, 9007199254740993 AS i, 'nan'::DOUBLE AS f, 1.10 AS d, NULL AS s, '\\x00\\xFF'::BLOB AS b, TIMESTAMPTZ '2024-03-31 01:30:00.000001+00' AS t, DATE '2024-01-01' AS day, INTERVAL '1 month 2 microseconds' AS v, [{'a': 1, 'b': NULL}] AS l, '00000000-0000-4000-8000-000000000001'::UUID AS u)`
  const changes = [
    '',
    ', 9007199254740994 AS i',
    ', NULL AS f',
    ', 1.11 AS d',
    `, '' AS s`,
    `, 'x'::BLOB AS b`,
    `, t + INTERVAL '1 microsecond' AS t`,
    `, v + INTERVAL '1 microsecond' AS v`,
    `, [{'a': 1, 'b': 'x'}] AS l`,
  ]
  const before = { columns, select: changes.map((_, id) => row(id)).join(' UNION ALL ') }
  const found = await compared(
    [before],
    { columns, select: changes.map((change, id) => row(id, change)).join(' UNION ALL ') },
    { unique: 'id' },
  )
  expect(counts(found)).toEqual({ before: 9, after: 9, added: 0, removed: 0, kept: 9, changed: 8 })
  expect(found.columns).toEqual(['i', 'f', 'd', 's', 'b', 't', 'v', 'l'].map((name) => ({ name, changed: 1 })))
  expect(found.examples[0]).toEqual({ kind: 'changed', key: expect.anything(), columns: [expect.anything()] })
  const same = await compared([before], before, { unique: 'id' })
  expect(counts(same)).toEqual({ before: 9, after: 9, added: 0, removed: 0, kept: 9, changed: 0 })
  expect(same).toMatchObject({ first: false, examples: [] })
  expect(same.sample).toBeUndefined()
})

test('a column of one side, or of another type, is told as such and changes no value', async () => {
  const found = await compared(
    [{ columns: { id: 'int32', a: 'int32', gone: 'text' }, select: `SELECT 1 AS id, 2 AS a, 'x' AS gone` }],
    { columns: { id: 'int32', a: 'text', fresh: 'date' }, select: `SELECT 1 AS id, '2' AS a, DATE '2024-01-01' AS fresh` },
    { unique: 'id' },
  )
  expect(counts(found)).toEqual({ before: 1, after: 1, added: 0, removed: 0, kept: 1, changed: 0 })
  expect(found).toMatchObject({ newColumns: ['fresh'], goneColumns: ['gone'], retyped: [{ name: 'a', before: 'int32', after: 'text' }] })
})

test('without a key, or with one that names several rows, rows are compared as wholes, and counted', async () => {
  const columns = { a: 'int32', b: 'text' }
  const before = { columns, select: `FROM (VALUES (1, 'x'), (1, 'x'), (1, 'x'), (2, NULL), (3, 'z')) AS v(a, b)` }
  const after = { columns, select: `FROM (VALUES (1, 'x'), (2, NULL), (2, NULL), (3, 'y')) AS v(a, b)` }
  for (const by of [{}, { unique: 'a' }]) {
    const found = await compared([before], after, by)
    expect(found).toMatchObject({ key: [], before: 5, after: 4, added: 2, removed: 3, changed: 0 })
    expect(found.examples).toContainEqual({ kind: 'added', key: { a: '3', b: 'y' }, columns: [] })
  }
})

test('nothing is there, nothing would be, and another partition is not looked at', async () => {
  const columns = { id: 'int32' }
  const one = { columns, select: 'SELECT 1 AS id' }
  const none = { columns, select: 'SELECT 1 AS id WHERE false' }
  expect(await compared([], one)).toMatchObject({ first: true, before: 0, after: 1, added: 1 })
  expect(await compared([], none)).toMatchObject({ before: 0, after: 0, added: 0 })
  expect(await compared([{ ...one, partition: 'a' }], one)).toMatchObject({ before: 0, after: 1, added: 1 })
  const other = { columns: { id: 'int32', gone: 'text' }, select: "SELECT 1 AS id, 'x' AS gone", partition: 'a' }
  expect(await compared([other], one)).toMatchObject({ first: true, before: 0, added: 1, goneColumns: ['gone'] })
  expect(await compared([one], none)).toMatchObject({ first: false, before: 1, after: 0, removed: 1, added: 0 })
})

test('a merge is compared by its key with rows of any partition; what a later one has is not taken, what nothing makes any more stays', async () => {
  const columns = { id: 'int32', v: 'text' }
  const found = await compared(
    [
      { columns, select: `FROM (VALUES (1, 'one'), (2, 'two')) AS t(id, v)`, partition: 'a' },
      { columns, select: `FROM (VALUES (3, 'three'), (4, 'four')) AS t(id, v)` },
      { columns, select: `FROM (VALUES (5, 'five')) AS t(id, v)`, partition: 'c' },
    ],
    { columns, select: `FROM (VALUES (1, 'one'), (2, 'zwei'), (3, 'three'), (5, 'fünf'), (6, 'six')) AS t(id, v)` },
    { merged: 'id' },
  )
  expect(found).toMatchObject({ key: ['id'], before: 4, after: 4, added: 1, removed: 0, kept: 3, changed: 1, staying: 1, superseded: 1 })
  expect(found.examples.map(({ kind, key }) => [kind, key.id])).toContainEqual(['changed', '2'])
})
