import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import type { BindInput, Bound } from '../../lib/transform/bound.ts'
import { loadStepTexts } from '../../lib/transform/load-steps.ts'
import { type Step, type StepOptions, sql, udf } from '../../lib/transform/steps.ts'

type Steps = Readonly<Record<string, Step<string, Readonly<Record<string, Columns>>>>>

const payment = { payment_id: 'int32', customer_id: 'int32', amount: 'decimal(5,2)', tip: 'float64', payment_date: 'timestamp' }
const customer = { customer_id: 'int32', store_id: 'int32', email: 'text', last_update: 'timestamp' }

async function bind(steps: Steps, more: Partial<Omit<BindInput, 'steps'>> = {}): Promise<Bound> {
  return bindSteps({
    extracted: { payment: { columns: payment, by: 'window', window: 'payment_date' }, customer: { columns: customer, by: 'cursor' } },
    parameters: { rate: 2 },
    partitioned: 'time',
    wanted: [],
    ...more,
    steps: await loadStepTexts(steps, import.meta.dirname),
  })
}

async function refusal(steps: Steps, more: Partial<Omit<BindInput, 'steps'>> = {}): Promise<ConfigError> {
  const error = await bind(steps, more).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return error as ConfigError
}

const revenue = sql`SELECT store_id, payment_date::DATE AS day, count(*) AS payments, sum(amount) AS amount
  FROM payment JOIN customer USING (customer_id) WHERE payment_date >= $start AND payment_date < $end GROUP BY ALL`
const ranked: Steps[string] = ({ revenue }) => revenue?.withColumns(pl.col('amount').rank('ordinal', true).alias('rank')) as never

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
