/**
 * Rentals of the Sakila video stores: what each store took in, day by day, from its PostgreSQL database.
 *
 * Payments come by month; customers and films by their last update, with those that are gone. A payment that was corrected late is read with
 * `millrace run rentals --partition 2005-07 --refresh`.
 */

import pl from 'nodejs-polars'
import { between, csv, matches, merge, month, notNull, pipeline, references, replacePartition, source, sql, unique } from '#millrace'
import { revenueContract } from './contract.ts'
import { schema } from './schema.ts'

export default pipeline({
  name: 'rentals',
  schema,
  partition: month({ from: '2005-05', to: '2006-03' }),

  extract: {
    payment: source('sakila').table('payment', { window: 'payment_date' }),
    customer: source('sakila').table('customer', { cursor: 'last_update', key: 'customer_id', deletes: 'keys' }),
    film: source('sakila').table('film', { cursor: 'last_update', key: 'film_id', deletes: 'keys' }),
  },
  transform: {
    revenue: sql.file('revenue.sql'),
    ranked: ({ revenue }) => revenue.withColumns(pl.col('amount').rank('min', true).over('store_id').alias('rank')),
  },
  check: {
    payment: [unique('payment_id'), references('customer_id', 'customer', 'customer_id'), between('amount', 0, 100)],
    customer: [notNull('store_id'), matches('email', /@/)],
    revenue: [notNull('store_id', 'day'), unique('store_id', 'day'), between('amount', 0, 10_000)],
  },
  load: {
    customer: merge('dim_customer', { key: 'customer_id' }),
    film: merge('dim_film', { key: 'film_id' }),
    ranked: replacePartition('fct_revenue'),
  },
  export: {
    ranked: csv('rentals/revenue/{partition}.csv', { contract: revenueContract, plain: true }),
  },
})
