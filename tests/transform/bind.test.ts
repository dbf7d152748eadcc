import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import type { BindInput } from '../../lib/transform/bound.ts'
import { sql } from '../../lib/transform/steps.ts'
import { bind, type Frame, frame, payment, ranked, refusal, revenue, type Steps } from './binding.ts'

test('bindSteps gives columns, engines, reads, parameters and an order', async () => {
  const bound = await bind({ top: sql`SELECT * FROM ranked WHERE rank <= $rate`, ranked, revenue })
  expect(bound.order).toEqual(['revenue', 'ranked', 'top'])
  expect(bound.warnings).toEqual([])
  expect(bound.datasets.revenue).toEqual({
    name: 'revenue',
    engine: 'duckdb',
    columns: { store_id: 'int32', day: 'date', payments: 'int64', amount: 'decimal(38,2)' },
    reads: ['payment', 'customer'],
    inputs: ['customer', 'payment'],
    columnsRead: { customer: ['customer_id', 'store_id'], payment: ['customer_id', 'amount', 'payment_date'] },
    parameters: ['start', 'end'],
    partitioned: true,
    lookback: false,
    fromChanges: false,
    floatAggregates: [],
    keep: false,
  })
  expect(bound.datasets.ranked).toMatchObject({ engine: 'polars', reads: ['revenue'], inputs: ['customer', 'payment'], partitioned: true })
  expect(Object.entries(bound.datasets.ranked?.columns ?? {}).at(-1)).toEqual(['rank', 'uint32'])
  expect(bound.datasets.top).toMatchObject({ reads: ['ranked'], parameters: ['rate'] })
})

test('bindSteps finds the datasets that SQL reads, not its own CTEs', async () => {
  const bound = await bind({
    shadow: sql`WITH payment AS (SELECT * FROM payment), other AS (FROM payment) SELECT * FROM other`,
    hidden: sql`WITH customer AS (SELECT 1 AS x) SELECT * FROM customer WHERE x IN (SELECT payment_id FROM PAYMENT)`,
    nested: sql`SELECT (SELECT max(rank) FROM (WITH s AS (FROM deep) SELECT count(*) AS rank FROM s)) AS top, EXISTS (FROM customer.changes) AS fresh`,
    deep: sql`WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n, customer WHERE i < 3) FROM n UNION ALL SELECT payment_id FROM payment`,
    none: sql`SELECT * FROM range(3) r(i), unnest([1, 2]) u(j)`,
  })
  const reads = (name: string) => bound.datasets[name]?.reads
  expect([reads('shadow'), reads('hidden'), reads('nested'), reads('deep'), reads('none')]).toEqual([
    ['payment'],
    ['payment'],
    ['deep', 'customer.changes'],
    ['customer', 'payment'],
    [],
  ])
  expect(bound.order.indexOf('deep')).toBeLessThan(bound.order.indexOf('nested'))
  expect(bound.datasets.nested).toMatchObject({ inputs: ['customer', 'customer.changes', 'payment'], fromChanges: true, partitioned: true })
  expect(bound.datasets.none).toMatchObject({ partitioned: false, fromChanges: false, inputs: [] })
})

test('bindSteps finds what a frame reads and asks for, also in another order than it is bound', async () => {
  const bound = await bind({
    last: (datasets, { partition, parameters }) =>
      (datasets.first as never as Frame)
        .join((datasets['customer.changes'] as never as Frame).select('customer_id'), { on: 'customer_id' })
        .withColumns(pl.lit(partition).alias('p'), pl.lit(Number(parameters.rate)).alias('r')) as never,
    first: { frame: ({ payment }) => payment as never, keep: true },
  })
  expect(bound.order).toEqual(['first', 'last'])
  expect(bound.datasets.last).toMatchObject({
    reads: ['first', 'customer.changes'],
    parameters: ['partition', 'rate'],
    fromChanges: true,
    columns: { ...payment, p: 'text', r: 'float64' },
  })
  expect(bound.datasets.first?.keep).toBe(true)
})

test('bindSteps collects small frames that a frame makes itself', async () => {
  const bound = await bind(
    frame((payment) =>
      payment.join(
        pl
          .DataFrame({ customer_id: [1] })
          .withColumns(pl.col('customer_id').cast(pl.Int32))
          .lazy(),
        { on: 'customer_id' },
      ),
    ),
  )
  expect(Object.keys(bound.datasets.step?.columns ?? {})).toEqual(Object.keys(payment))
})

test('bindSteps lets frames read uuid and json as text, and no interval', async () => {
  const extracted: BindInput['extracted'] = {
    odd: { columns: { id: 'uuid', doc: 'json', ids: 'list(uuid)', s: 'struct(j json)', raw: 'bytes' }, by: 'whole' },
    span: { columns: { span: 'interval' }, by: 'whole' },
  }
  const bound = await bind(
    { a: ({ odd }) => odd as never, b: sql`SELECT id::UUID AS id, raw FROM a`, c: sql`SELECT span FROM span` },
    { extracted },
  )
  expect(bound.datasets.a?.columns).toEqual({ id: 'text', doc: 'text', ids: 'list(text)', s: 'struct(j text)', raw: 'bytes' })
  expect(bound.datasets.b?.columns).toEqual({ id: 'uuid', raw: 'bytes' })
  expect(bound.datasets.c?.columns).toEqual({ span: 'interval' })
  const error = await refusal({ a: ({ span }) => span as never }, { extracted })
  expect(error.message).toBe(
    'a frame cannot read an interval ("span" of span); give it months, days and microseconds as integers, or text, in a SQL step',
  )
  expect(error.place).toMatchObject({ dataset: 'a', column: 'span' })
})

test('bindSteps takes names that need quotes', async () => {
  const odd = 'a "b" – ü select'
  const bound = await bind(
    {
      [`${odd} 2`]: {
        ...sql``,
        text: `SELECT "x ""y""", 'it''s' AS "t's" FROM "a ""b"" – ü select" JOIN "a ""b"" – ü select".changes USING ("x ""y""")`,
      },
    },
    { extracted: { [odd]: { columns: { 'x "y"': 'int32' }, by: 'cursor' } } },
  )
  expect(bound.datasets[`${odd} 2`]).toMatchObject({ reads: [odd, `${odd}.changes`], columns: { 'x "y"': 'int32', "t's": 'text' } })
})

test('bindSteps binds SQL and frames that read one another in turn', async () => {
  const steps: Steps = {
    revenue,
    ranked,
    third: sql`FROM ranked WHERE rank <= 3`,
    fourth: ({ third }) => third as never,
    fifth: ({ fourth, revenue }) =>
      (fourth as never as Frame).join((revenue as never as Frame).select('store_id', 'day'), { on: ['store_id', 'day'] }) as never,
    sixth: sql`SELECT store_id, sum(amount) AS amount FROM fifth GROUP BY ALL`,
  }
  const { datasets } = await bind(steps)
  expect(Object.keys(datasets)).toEqual(expect.arrayContaining(Object.keys(steps)))
  expect(datasets.fifth?.reads).toEqual(['fourth', 'revenue'])
  expect(Object.keys(datasets.fifth?.columns ?? {})).toEqual(Object.keys(datasets.third?.columns ?? {}))
  expect(Object.keys(datasets.sixth?.columns ?? {})).toEqual(['store_id', 'amount'])
})
