import pl from 'nodejs-polars'
import { expect } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import type { BindInput, Bound } from '../../lib/transform/bound.ts'
import { loadStepTexts } from '../../lib/transform/load-steps.ts'
import { type Step, sql } from '../../lib/transform/steps.ts'

export type Steps = Readonly<Record<string, Step<string, Readonly<Record<string, Columns>>>>>

export const payment = { payment_id: 'int32', customer_id: 'int32', amount: 'decimal(5,2)', tip: 'float64', payment_date: 'timestamp' }
export const customer = { customer_id: 'int32', store_id: 'int32', email: 'text', last_update: 'timestamp' }

/** The steps bound over `payment` and `customer`. */
export async function bind(steps: Steps, more: Partial<Omit<BindInput, 'steps'>> = {}): Promise<Bound> {
  return bindSteps({
    extracted: { payment: { columns: payment, by: 'window', window: 'payment_date' }, customer: { columns: customer, by: 'cursor' } },
    parameters: { rate: 2 },
    partitioned: 'time',
    wanted: [],
    ...more,
    steps: await loadStepTexts(steps, import.meta.dirname),
  })
}

/** The ConfigError with which they are refused. */
export async function refusal(steps: Steps, more: Partial<Omit<BindInput, 'steps'>> = {}): Promise<ConfigError> {
  const error = await bind(steps, more).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return error as ConfigError
}

export const revenue = sql`SELECT store_id, payment_date::DATE AS day, count(*) AS payments, sum(amount) AS amount
  FROM payment JOIN customer USING (customer_id) WHERE payment_date >= $start AND payment_date < $end GROUP BY ALL`
export const ranked: Steps[string] = ({ revenue }) => revenue?.withColumns(pl.col('amount').rank('ordinal', true).alias('rank')) as never

export type Frame = import('nodejs-polars').LazyDataFrame
/** One step `step`, a frame over `payment`. */
export const frame = (work: (payment: Frame) => unknown): Steps => ({ step: ({ payment }) => work(payment as never) as never })
