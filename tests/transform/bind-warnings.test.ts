import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import { sql } from '../../lib/transform/steps.ts'
import { bind, type Frame, frame } from './binding.ts'

test('bindSteps names float aggregates, and not exact ones', async () => {
  const { datasets } = await bind({
    a: sql`WITH inner_ AS (SELECT customer_id, sum(tip) AS tips, max(tip) AS most FROM payment GROUP BY ALL)
      SELECT customer_id, tips / 2 AS half, most, tips::DECIMAL(10,2) AS exact FROM inner_`,
    b: sql`SELECT avg(payment_id) AS whole, avg(amount) AS exact, avg(tip) AS mean, round(sum(tip), 2) AS rounded, stddev(payment_id) AS deviation, sum(tip * 2) FILTER (payment_id > 1) AS some FROM payment`,
    c: sql`SELECT *, half + 1 AS more FROM a`,
    d: ({ payment, a }) =>
      (payment as never as Frame)
        .groupBy('customer_id')
        .agg(
          pl.col('tip').sum().alias('tips'),
          pl.col('tip').max().alias('most'),
          pl.col('payment_id').sum().alias('ids'),
          pl.col('tip').mean().round(2).alias('rounded'),
        )
        .join(a as never as Frame, { on: 'customer_id', suffix: '_a' })
        .withColumns(pl.col('tips').mul(2).alias('twice')) as never,
  })
  expect([datasets.a, datasets.b, datasets.c, datasets.d].map((each) => each?.floatAggregates)).toEqual([
    ['half'],
    ['mean', 'deviation', 'some'],
    ['half', 'more'],
    ['half', 'tips', 'twice'],
  ])
})

test('bindSteps warns of what changes silently, changes on a rerun or does not spill', async () => {
  const { warnings } = await bind({
    a: sql`SELECT list(email) AS emails, max(email ORDER BY store_id) AS m, now() AS at, current_date AS today FROM customer`,
    b: frame((p) =>
      p.select(
        pl.col('payment_id').add(1),
        pl.col('customer_id').add(pl.lit(1).cast(pl.Int32)),
        pl.col('payment_id').div(2).alias('half'),
        pl.col('tip').mul(2),
      ),
    ).step as never,
  })
  expect(warnings.map(({ dataset, column, message }) => [dataset, column, message.split(';')[0]])).toEqual([
    ['a', undefined, 'list() keeps its groups in memory and does not spill to disk'],
    ['a', undefined, 'max() keeps its groups in memory and does not spill to disk'],
    ['a', undefined, 'now() gives another value on a rerun, which must give the same rows'],
    ['a', undefined, 'current_date() gives another value on a rerun, which must give the same rows'],
    ['a', undefined, 'list() without ORDER BY joins rows as they come by'],
    ['b', 'payment_id', '"payment_id" turned from integer to float: a JavaScript number is a Float64 to Polars'],
  ])
})

test('bindSteps warns of sums of 32 bits, which Polars does not widen', async () => {
  const { warnings } = await bind({
    a: frame((p) =>
      p
        .groupBy('payment_id')
        .agg(
          pl.col('customer_id').sum().alias('narrow'),
          pl.col('customer_id').cast(pl.Int64).sum().alias('wide'),
          pl.col('customer_id').max().alias('most'),
        ),
    ).step as never,
    b: frame((p) => p.select(pl.col('customer_id').cumSum().alias('running'), pl.col('payment_id').mean())).step as never,
  })
  expect(warnings).toEqual(
    [
      ['a', 'narrow'],
      ['b', 'running'],
    ].map(([dataset, column]) => ({
      dataset,
      column,
      message: `"${column}" adds up int32, which wraps around beyond 32 bits in Polars without an error; write .cast(pl.Int64) before .sum()`,
    })),
  )
})
