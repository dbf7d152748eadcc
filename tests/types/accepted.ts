// Each of these must compile.
import pl, { type LazyDataFrame } from 'nodejs-polars'
import {
  accepted,
  append,
  arrow,
  between,
  config,
  contract,
  csv,
  day,
  duckdb,
  excel,
  freshness,
  keys,
  local,
  matches,
  merge,
  ndjson,
  notNull,
  parquet,
  pipeline,
  references,
  replace,
  replacePartition,
  rowCount,
  secret,
  source,
  sql,
  tableContract,
  udf,
  unique,
  warn,
  webhook,
} from '../../lib/index.ts'
import { schema } from './schema.ts'

const files = source('files')
const ranks = contract({
  formulas: 'raw',
  columns: { store_id: 'int32', day: 'date', amount: 'decimal(38,2)', rank: 'uint32' },
  orderBy: ['store_id', '-day'],
})
const narrow = contract({
  formulas: 'raw',
  columns: { day: 'date', amount: 'decimal(38,2)' },
  orderBy: ['-day', 'amount'],
  zeroRows: 'noFile',
  gate: { key: ['day'], added: 0.5, removed: 0.1, changed: 0.2, columns: { amount: 0.02 } },
})

const table = tableContract({ columns: { day: 'date', amount: 'decimal(38,2)' }, orderBy: ['day', '-amount'], zeroRows: 'emptyFile' })

/** A frame of its own, as a file beside the pipeline would export it. */
function twice(frame: Pick<LazyDataFrame, 'join' | 'select'>): LazyDataFrame {
  return frame.join(frame.select('day'), { on: 'day' })
}

/** A checked frame is a plain one to functions that know nothing of its columns. */
function plain(frame: LazyDataFrame): LazyDataFrame {
  return frame.filter(pl.col('x').gt(pl.lit(1)))
}

export const whole = pipeline({
  name: 'rentals',
  schema,
  partition: day({ from: '2005-05-24', zone: 'Europe/Berlin' }),
  schedule: { cron: '0 5 * * *', zone: 'Asia/Tokyo' },
  parameters: { rate: 2.5, since: new Date(0), name: 'x', none: null },
  extract: {
    payment: files.files('payment/{partition}.csv', { window: 'payment_date', lookback: '3d', nulls: ['NA'] }),
    place: files.files('place.csv', { nulls: ['NA'], columns: { x: 'y' } }),
    thing: files.get('thing'),
    customer: files.get('customer', { cursor: 'last_update', key: ['customer_id', 'store_id'], overlap: '1h', deletes: 'keys' }),
  },
  transform: {
    revenue: sql.file('revenue.sql', { window: 'day', udf: { head: udf(['text'], 'text', (texts) => texts) } }),
    ranked: {
      frame: ({ revenue }) => revenue.withColumns(pl.col('amount').rank('ordinal', true).alias('rank')),
      window: 'day',
      keep: true,
    },
    fresh: ({ 'customer.changes': delta, customer }, { start, partition, parameters }) =>
      delta
        .select('customer_id', 'email')
        .join(customer.select('customer_id', 'score'), { on: 'customer_id', how: 'left' })
        .filter(pl.col('score').gt(pl.lit(Number(parameters.rate))))
        .sort('score', true)
        .withColumns(pl.lit(start.toISOString()).alias('start'), pl.lit(partition).alias('partition')),
    doubled: ({ revenue }) => twice(revenue),
    through: ({ revenue }) => plain(revenue),
    summed: ({ payment, ranked }) =>
      payment
        .groupBy(['customer_id', pl.col('rental_id')])
        .agg(pl.col('amount').sum())
        .join(ranked.sort(['rank', pl.col('day')]).drop('payments'), { leftOn: 'customer_id', rightOn: 'store_id' }),
    placed: sql.file('placed.sql'),
    kept: sql.file('kept.sql', { keep: true }),
    counted: sql`SELECT count(*) AS n FROM payment WHERE amount > ${2.5} AND payment_date < ${new Date(0)}`,
    recent: sql.with({ keep: true })`SELECT * FROM fresh`,
  },
  check: {
    payment: [
      notNull('payment_id', 'amount'),
      unique('payment_id'),
      between('amount', 0, 10),
      references('customer_id', 'customer', 'customer_id'),
      sql`amount > ${0}`,
    ],
    customer: [
      matches('email', /@/i),
      freshness('last_update', '36h'),
      accepted('store_id', [1, 2]),
      warn(between('score', 0, 1)),
      rowCount({ min: 1 }),
    ],
    revenue: [freshness('day', '2d'), warn(notNull('day'))],
    // A step that schema.ts does not name yet.
    fresh: [notNull('whatever'), between('any', 0, 1), freshness('any', '1d')],
  },
  load: {
    customer: [merge('dim_customer', { key: 'customer_id' }), replace('customer_copy')],
    ranked: replacePartition('fct_revenue'),
    fresh: append('log'),
  },
  export: {
    ranked: [
      csv('ranks/{partition}.csv', { contract: ranks, notify: 'downstream' }),
      csv('narrow/{partition}.csv', { contract: narrow, plain: true }),
    ],
    revenue: [
      csv('revenue/{partition}.csv', { contract: narrow }),
      ndjson('revenue/{partition}.ndjson', { contract: table, bigNumbers: 'text', split: { bytes: 10 }, notify: ['downstream', 'audit'] }),
      excel('revenue/{partition}.xlsx', { contract: table, sheet: 'Revenue', bigNumbers: 'text', zone: 'Europe/Berlin' }),
      arrow('revenue/{partition}.arrow', { contract: table, plain: true }),
      parquet('revenue/{partition}.parquet', { contract: table, compression: 'snappy', delivery: 'finance' }),
    ],
  },
})

/** Without a schema names of datasets hold, and columns are any text. */
export const unplanned = pipeline({
  name: 'x',
  partition: keys(['a', 'b']),
  extract: { payment: files.files('p.csv', { window: 'anything' }), customer: files.files('c.csv') },
  transform: {
    revenue: sql.file('r.sql', { window: 'any' }),
    ranked: ({ revenue, payment }) => revenue.join(payment, { on: 'any' }).select('x'),
  },
  check: { revenue: [notNull('anything'), between('any', 0, 1), matches('any', /x/), unique('a', 'b')] },
  load: { ranked: merge('t', { key: ['a', 'b'] }) },
  export: { ranked: csv('x.csv', { contract: ranks }) },
})

/** An empty schema.ts, as it is before the first plan. */
export const fresh = pipeline({
  name: 'x',
  schema: {} as const,
  extract: { payment: files.files('p.csv') },
  transform: { a: ({ payment }) => payment.select('x'), b: ({ a }) => a },
  load: { b: merge('t', { key: 'x' }) },
})

export const extractOnly = pipeline({ name: 'x', extract: { payment: files.post('p', { body: { a: 1 } }) } })

export const notifying = config({
  profiles: {
    dev: {
      connections: {},
      warehouse: duckdb('w.duckdb'),
      landing: local('landing'),
      store: local('export'),
      notify: {
        downstream: webhook({ url: secret('env:HOOK_URL'), secret: [secret('env:NEW'), secret('env:OLD')], format: 'pubsub' }),
        audit: webhook({
          url: 'https://audit.example.com',
          secret: secret('env:AUDIT'),
          headers: { 'x-team': 'a' },
          timeoutMs: 5_000,
          tls: { ca: 'a.pem' },
        }),
      },
    },
  },
})
