import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import pl, { type LazyDataFrame } from 'nodejs-polars'
import { expect, onTestFinished, test } from 'vitest'
import type { RunContext } from '../../lib/core/context.ts'
import type { Columns, Dataset } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import type { BindInput, Bound, StepWindow } from '../../lib/transform/bound.ts'
import { loadStepTexts } from '../../lib/transform/load-steps.ts'
import { planWrites } from '../../lib/transform/plan-writes.ts'
import { transform } from '../../lib/transform/run.ts'
import { sql } from '../../lib/transform/steps.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'

type Steps = Parameters<typeof loadStepTexts>[0]
const payment = { id: 'int32', customer: 'int32', amount: 'decimal(5,2)', paid: 'timestamptz' } as const
const customer = { customer: 'int32', name: 'text' } as const

async function engine(): Promise<DuckDB> {
  const db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  return db
}

async function dataset(db: DuckDB, name: string, columns: Columns, select: string): Promise<Dataset> {
  const file = join(temporaryFolder(), 'data.parquet')
  const rows = await db.run(`COPY (${select}) TO '${file}' (FORMAT parquet)`)
  return { name, columns, files: [file], rows, hash: `hash of ${name}` }
}

const bind = async (steps: Steps, more: Partial<BindInput> = {}): Promise<Bound> =>
  bindSteps({
    extracted: { payment: { columns: payment, by: 'window', window: 'paid' }, customer: { columns: customer, by: 'cursor' } },
    parameters: { rate: 2 },
    partitioned: 'time',
    wanted: [],
    ...more,
    steps: await loadStepTexts(steps, import.meta.dirname),
  })

const day: StepWindow = { start: new Date('2018-02-02Z'), end: new Date('2018-02-03Z'), partition: '2018-02-02' }

async function run(bound: Bound, wanted: string[], inputs: Dataset[], more: { window?: StepWindow; ctx?: RunContext; zone?: string } = {}) {
  return transform(
    bound,
    {
      inputs: Object.fromEntries(inputs.map((each) => [each.name, each])),
      wanted,
      window: more.window ?? day,
      parameters: { rate: 2 },
      zone: more.zone ?? 'UTC',
    },
    more.ctx ?? testContext(),
  )
}

const rowsOf = (db: DuckDB, dataset: Dataset | undefined, order = 'ALL') =>
  db.meta(`SELECT * FROM read_parquet(['${dataset?.files.join("','")}']) ORDER BY ${order}`)

async function payments(db: DuckDB): Promise<Dataset[]> {
  return [
    await dataset(
      db,
      'payment',
      payment,
      `SELECT i::INTEGER AS id, (i % 3)::INTEGER AS customer, (i / 2)::DECIMAL(5,2) AS amount, TIMESTAMPTZ '2018-02-01 00:00:00Z' + INTERVAL (i * 6) HOUR AS paid FROM range(12) r(i)`,
    ),
    await dataset(db, 'customer', customer, `SELECT * FROM (VALUES (0, 'ann'), (1, 'bob'), (2, 'cem')) c(customer, name)`),
  ]
}

test('transform fuses SQL, crosses engines and back, and leaves only what is wanted', async () => {
  const db = await engine()
  const bound = await bind({
    today: sql`SELECT * FROM payment WHERE paid >= $start AND paid < $end; -- the day's`,
    named: sql`WITH payment AS (SELECT * FROM today) SELECT id, name, amount * ${3} AS amount FROM payment JOIN customer USING (customer)`,
    ranked: ({ named }) => named?.withColumns(pl.col('amount').rank('ordinal', true).alias('rank')) as never,
    top: ({ ranked }) => ranked?.filter(pl.col('rank').ltEq(pl.lit(2))) as never,
    result: sql`SELECT id, name, amount, rank * $rate AS rank, $partition AS day FROM top ORDER BY id`,
  })
  const ctx = testContext()
  const { result } = await run(bound, ['result'], await payments(db), { ctx })
  expect(result).toMatchObject({
    name: 'result',
    rows: 2,
    columns: { id: 'int32', name: 'text', amount: 'decimal(24,2)', rank: 'int64', day: 'text' },
  })
  expect(await rowsOf(db, result)).toEqual([
    { id: '6', name: 'ann', amount: '9.00', rank: '4', day: '2018-02-02' },
    { id: '7', name: 'bob', amount: '10.50', rank: '2', day: '2018-02-02' },
  ])
  expect(readdirSync(ctx.workspace, { recursive: true }).filter((file) => String(file).endsWith('.parquet'))).toHaveLength(1)
})

test('transform gives extracted datasets back as they are, and cuts what has a lookback', async () => {
  const db = await engine()
  const extracted: BindInput['extracted'] = {
    payment: { columns: payment, by: 'window', window: 'paid', lookback: true },
    customer: { columns: customer, by: 'cursor' },
  }
  const bound = await bind(
    {
      daily: sql.with({ window: 'day' })`SELECT paid::DATE AS day, count(*) AS n FROM payment GROUP BY ALL`,
      rolling: {
        frame: ({ daily }) => (daily as never as LazyDataFrame).sort('day').withColumns(pl.col('n').cumSum().alias('so_far')) as never,
        window: 'day',
      },
    },
    { extracted, wanted: ['daily', 'rolling', 'payment'] },
  )
  const inputs = await payments(db)
  const result = await run(bound, ['payment', 'rolling', 'customer', 'daily'], inputs)
  expect(Object.keys(result)).toEqual(['payment', 'rolling', 'customer', 'daily'])
  expect(result.customer).toBe(inputs[1])
  expect(result.payment).toMatchObject({ rows: 4, columns: payment })
  expect((await rowsOf(db, result.payment)).map(({ id }) => id)).toEqual(['4', '5', '6', '7'])
  expect(await rowsOf(db, result.daily)).toEqual([{ day: '2018-02-02', n: '4' }])
  // The frame saw the day before.
  expect(await rowsOf(db, result.rolling)).toEqual([{ day: '2018-02-02', n: '4', so_far: '8' }])
  const alone = await run(bound, ['rolling'], inputs)
  expect(await rowsOf(db, alone.rolling)).toEqual([{ day: '2018-02-02', n: '4', so_far: '8' }])
})

test('transform cuts by the zone of the partitions', async () => {
  const db = await engine()
  const extracted: BindInput['extracted'] = {
    payment: { columns: { ...payment, paid: 'timestamp' }, by: 'window', window: 'paid', lookback: true },
  }
  const bound = await bind(
    { daily: sql.with({ window: 'day' })`SELECT paid::DATE AS day, id FROM payment` },
    { extracted, wanted: ['daily'], zone: 'America/New_York' },
  )
  const local = await dataset(
    db,
    'payment',
    { ...payment, paid: 'timestamp' },
    `SELECT i::INTEGER AS id, 0::INTEGER AS customer, 1::DECIMAL(5,2) AS amount, TIMESTAMP '2018-03-10 12:00' + INTERVAL (i * 6) HOUR AS paid FROM range(12) r(i)`,
  )
  // 11 March 2018 has 23 hours in New York.
  const window = { start: new Date('2018-03-11T05:00:00Z'), end: new Date('2018-03-12T04:00:00Z'), partition: '2018-03-11' }
  const { daily, payment: cut } = await run(bound, ['daily', 'payment'], [local], { window, zone: 'America/New_York' })
  expect((await rowsOf(db, daily)).map(({ id }) => id)).toEqual(['2', '3', '4', '5'])
  expect((await rowsOf(db, cut)).map(({ id }) => id)).toEqual(['2', '3', '4', '5'])
})

test('planWrites writes what is wanted, crosses engines or has several readers, and nothing else', async () => {
  const frame = ({ c }: Readonly<Record<string, unknown>>) => c as never
  const bound = await bind({
    a: sql`SELECT * FROM payment`,
    b: sql`SELECT * FROM a`,
    c: sql`SELECT * FROM b JOIN customer.changes USING (customer)`,
    d: frame,
    e: ({ d }) => d as never,
    f: sql`SELECT * FROM e`,
    g: sql`SELECT id FROM b`,
    unread: sql`SELECT 1 AS x`,
  })
  const shape = (wanted: string[]) =>
    planWrites(bound, wanted).writes.map(({ name, fused, reads, keepsOrder }) => [name, fused, reads, keepsOrder])
  expect(shape(['c'])).toEqual([['c', ['a', 'b'], ['payment', 'customer.changes'], false]])
  expect(shape(['f'])).toEqual([
    ['c', ['a', 'b'], ['payment', 'customer.changes'], true],
    ['e', ['d'], ['c'], false],
    ['f', [], ['e'], false],
  ])
  expect(shape(['g', 'c'])).toEqual([
    ['b', ['a'], ['payment'], false],
    ['c', [], ['b', 'customer.changes'], false],
    ['g', [], ['b'], false],
  ])
  expect(planWrites(bound, ['f']).inputs).toEqual(['payment', 'customer.changes'])
  expect(() => planWrites(bound, ['nope'])).toThrow('unknown dataset "nope"')
})

test('transform gives the current state and the changes of a cursor dataset under their names', async () => {
  const db = await engine()
  const bound = await bind({
    both: sql`SELECT 'state' AS which, * FROM customer UNION ALL SELECT 'changes', * FROM customer.changes`,
    framed: ({ 'customer.changes': changes }) => changes as never,
  })
  const changes = await dataset(db, 'customer.changes', customer, `SELECT 1::INTEGER AS customer, 'bo' AS name`)
  const { both, framed } = await run(bound, ['both', 'framed'], [...(await payments(db)), changes])
  expect((await rowsOf(db, both)).map(({ which, name }) => `${which} ${name}`)).toEqual([
    'changes bo',
    'state ann',
    'state bob',
    'state cem',
  ])
  expect(await rowsOf(db, framed)).toEqual([{ customer: '1', name: 'bo' }])
})

test('transform reads several files, also in folders whose names are patterns', async () => {
  const db = await engine()
  const folder = join(temporaryFolder(), "it's [1]*? month=1")
  mkdirSync(folder)
  const files = [0, 1].map((i) => join(folder, `${i}.parquet`))
  for (const [i, file] of files.entries())
    await db.run(`COPY (SELECT ${i}::INTEGER AS customer, 'n${i}' AS name) TO '${file.replaceAll("'", "''")}' (FORMAT parquet)`)
  const bound = await bind({ framed: ({ customer }) => customer as never, queried: sql`SELECT * FROM customer` })
  const input: Dataset = { name: 'customer', columns: customer, files, rows: 2, hash: 'h' }
  const result = await run(bound, ['framed', 'queried'], [input])
  expect((await rowsOf(db, result.framed)).map(({ name }) => name)).toEqual(['n0', 'n1'])
  expect((await rowsOf(db, result.queried)).map(({ name }) => name)).toEqual(['n0', 'n1'])
})

test('transform gives zero rows as one file', async () => {
  const db = await engine()
  const bound = await bind({
    none: sql`SELECT id, amount FROM payment WHERE false`,
    framed: ({ none }) => none as never,
    last: sql`SELECT *, 1 AS one FROM framed`,
  })
  const { last } = await run(bound, ['last'], await payments(db))
  expect(last).toMatchObject({ rows: 0, columns: { id: 'int32', amount: 'decimal(5,2)', one: 'int32' } })
  expect(await rowsOf(db, last)).toEqual([])
})

test('transform keeps the order of a final ORDER BY, also for a frame', async () => {
  const db = await engine()
  const bound = await bind({
    sorted: sql`SELECT (i * 7919) % 300000 AS x FROM range(300000) r(i) ORDER BY x DESC`,
    numbered: ({ sorted }) => (sorted as never as LazyDataFrame).withRowIndex('n') as never,
  })
  const result = await run(bound, ['sorted', 'numbered'], [])
  expect(await db.meta(`SELECT count(*) AS wrong FROM read_parquet('${result.numbered?.files[0]}') WHERE x + n <> 299999`)).toEqual([
    { wrong: '0' },
  ])
  expect(
    await db.meta(
      `SELECT count(*) AS wrong FROM read_parquet('${result.sorted?.files[0]}', file_row_number = true) WHERE x + file_row_number <> 299999`,
    ),
  ).toEqual([{ wrong: '0' }])
})

test('transform says which column is not as it was bound', async () => {
  const db = await engine()
  let rows = 0
  const bound = await bind({
    moody: ({ payment }) =>
      (payment as never as LazyDataFrame).withColumns(
        rows === 0 ? pl.col('id').alias('x') : pl.col('id').cast(pl.Utf8).alias('x'),
      ) as never,
  })
  rows = 1
  const ctx = testContext()
  const error = await run(bound, ['moody'], await payments(db), { ctx }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ConfigError)
  expect(error).toMatchObject({
    message: 'column "x" is text, but plan found int32 on zero rows',
    place: { stage: 'transform', dataset: 'moody', column: 'x' },
  })
  expect(readdirSync(ctx.workspace)).toEqual([])
})

test('transform refuses a frame that reads something else on data', async () => {
  const db = await engine()
  let rows = 0
  const bound = await bind({ moody: (datasets) => (rows === 0 ? datasets.payment : datasets.customer) as never })
  rows = 1
  await expect(run(bound, ['moody'], await payments(db))).rejects.toThrow('it reads "customer" on data, but not on zero rows')
})

test('transform tells data faults by dataset, and leaves nothing', async () => {
  const db = await engine()
  const bound = await bind({
    cast: sql`SELECT name::INTEGER AS n FROM customer`,
    framed: ({ customer }) => (customer as never as LazyDataFrame).select(pl.col('name').cast(pl.Int32, true)) as never,
  })
  const ctx = testContext()
  const failure = async (name: string) => run(bound, [name], await payments(db), { ctx }).catch((thrown: unknown) => thrown)
  expect(await failure('cast')).toMatchObject({
    name: 'CheckError',
    message: expect.stringContaining("DuckDB cannot compute it: Could not convert string 'ann' to INT32"),
    place: { stage: 'transform', dataset: 'cast' },
  })
  expect(await failure('framed')).toMatchObject({
    name: 'CheckError',
    message: expect.stringContaining("Polars cannot compute it: conversion from `str` to `i32` failed in column 'name'"),
    place: { stage: 'transform', dataset: 'framed' },
  })
  expect(readdirSync(ctx.workspace)).toEqual([])
  expect(ctx.events.filter((event) => event.type === 'stage' && event.phase === 'end')).toMatchObject([
    { outcome: 'failed' },
    { outcome: 'failed' },
  ])
})

test('transform stops when its signal aborts, and leaves nothing', async () => {
  const bound = await bind({ endless: sql`SELECT count(*) AS n FROM range(100000000000) a(i) WHERE i % 7 = 3` })
  const stop = new AbortController()
  const ctx = testContext({ signal: stop.signal })
  const reason = new Error('stop')
  setTimeout(() => stop.abort(reason), 50)
  await expect(run(bound, ['endless'], [], { ctx })).rejects.toBe(reason)
  expect(readdirSync(ctx.workspace)).toEqual([])
})

test('transform reports each write', async () => {
  const db = await engine()
  const bound = await bind({ a: sql`SELECT * FROM payment`, b: ({ a }) => a as never })
  const ctx = testContext()
  await run(bound, ['b'], await payments(db), { ctx })
  expect(ctx.events).toMatchObject([
    { type: 'stage', phase: 'start', stage: 'transform', dataset: 'a' },
    { type: 'stage', phase: 'end', stage: 'transform', dataset: 'a', rows: 12, bytes: expect.any(Number), outcome: 'done' },
    { type: 'stage', phase: 'start', stage: 'transform', dataset: 'b' },
    { type: 'stage', phase: 'end', stage: 'transform', dataset: 'b', rows: 12, bytes: expect.any(Number), outcome: 'done' },
  ])
})

test('transform hashes inputs, code and parameters, not bytes', async () => {
  const db = await engine()
  const inputs = await payments(db)
  const hash = async (steps: Steps, window = day) => (await run(await bind(steps), ['b'], inputs, { window })).b?.hash
  const plain: Steps = { a: sql`SELECT * FROM payment`, b: sql`SELECT * FROM a` }
  const first = await hash(plain)
  const later = { ...day, partition: '2018-02-03' }
  expect(await hash(plain)).toBe(first)
  expect(await hash(plain, later)).toBe(first)
  expect(await hash({ ...plain, a: sql`SELECT * FROM payment WHERE id > 1` })).not.toBe(first)
  const dated: Steps = { ...plain, b: sql`SELECT *, $partition AS p FROM a` }
  expect(await hash(dated, later)).not.toBe(await hash(dated))
})
