// Each of these must not compile: `tsc` reports a directive that nothing needs.
import pl from 'nodejs-polars'
import {
  accepted,
  append,
  arrow,
  between,
  contract,
  csv,
  excel,
  freshness,
  matches,
  merge,
  ndjson,
  notNull,
  parquet,
  pipeline,
  references,
  replacePartition,
  type StoreConnection,
  secret,
  source,
  sql,
  tableContract,
  unique,
  warn,
  webhook,
} from '../../lib/index.ts'
import { schema } from './schema.ts'

const files = source('files')
const extract = {
  payment: files.files('payment.csv'),
  customer: files.files('customer.csv', { cursor: 'last_update', key: 'customer_id' }),
}
const revenue = sql.file('revenue.sql')
const ranks = contract({
  formulas: 'raw',
  columns: { store_id: 'int32', day: 'date', amount: 'decimal(38,2)', rank: 'uint32' },
  orderBy: ['store_id', '-day'],
})

// extract

// @ts-expect-error window: no such column in payment
pipeline({ name: 'x', schema, extract: { payment: files.files('p.csv', { window: 'payment_dat' }) } })
// @ts-expect-error cursor: no such column in customer
pipeline({ name: 'x', schema, extract: { customer: files.get('c', { cursor: 'last_updat', key: 'customer_id' }) } })
// @ts-expect-error key: no such column in customer
pipeline({ name: 'x', schema, extract: { customer: files.files('c.csv', { cursor: 'last_update', key: 'customer_i' }) } })
// @ts-expect-error one of two key columns is not there
pipeline({ name: 'x', schema, extract: { customer: files.files('c.csv', { cursor: 'last_update', key: ['customer_id', 'stor_id'] }) } })
// @ts-expect-error one name for two datasets
pipeline({ name: 'x', schema, extract, transform: { payment: sql.file('p.sql'), ranked: ({ payment }) => payment } })

// transform: names of datasets

// @ts-expect-error a frame destructures a dataset that does not exist
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ revenu }) => revenu } })
// @ts-expect-error without a schema, too
pipeline({ name: 'x', extract, transform: { revenue, ranked: ({ revenu }) => revenu } })
// @ts-expect-error in an object with options, too
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: { frame: ({ revenu }) => revenu, keep: true } } })
// @ts-expect-error where all transforms are frames
pipeline({ name: 'x', extract, transform: { ranked: ({ payment }) => payment, top: ({ rankd }) => rankd } })
// @ts-expect-error a frame reads itself
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ ranked }) => ranked } })
// @ts-expect-error changes of a dataset that does not exist
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ 'custome.changes': delta }) => delta } })
// @ts-expect-error changes of a step
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ 'revenue.changes': delta }) => delta } })
// @ts-expect-error a dataset taken by index
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: (datasets) => datasets.revenu } })

// transform: columns and results

// @ts-expect-error no such column in select
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ revenue }) => revenue.select('amont') } })
// @ts-expect-error no such column after a select
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ revenue }) => revenue.select('day').sort('amount') } })
// @ts-expect-error no such column in changes
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ 'customer.changes': delta }) => delta.select('emai') } })
// @ts-expect-error a join on a column that one side has not
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ revenue, customer }) => revenue.join(customer, { on: 'day' }) } })
// @ts-expect-error a collected frame is not lazy
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ revenue }) => revenue.collectSync() } })
// @ts-expect-error nor a promise of one
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: async ({ revenue }) => revenue } })
// @ts-expect-error a frame has no sink
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ revenue }) => revenue.sinkParquet('x.parquet') } })
// @ts-expect-error a frame gives back a frame
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: ({ revenue }) => pl.col(revenue.columns[0] ?? '') } })
// @ts-expect-error an option that does not exist
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: { frame: ({ revenue }) => revenue, kep: true } } })
// @ts-expect-error a window that the frame's dataset does not have
pipeline({ name: 'x', schema, extract, transform: { revenue, ranked: { frame: ({ revenue }) => revenue, window: 'dya' } } })
// @ts-expect-error a window that the SQL's dataset does not have
pipeline({ name: 'x', schema, extract, transform: { revenue: sql.file('revenue.sql', { window: 'dya' }) } })
// @ts-expect-error nor that of a template
pipeline({ name: 'x', schema, extract, transform: { revenue: sql.with({ window: 'dya' })`SELECT 1` } })
// @ts-expect-error a value that SQL cannot bind
pipeline({ name: 'x', schema, extract, transform: { revenue: sql`SELECT ${{ a: 1 }}` } })

// check

// @ts-expect-error check of a dataset that does not exist
pipeline({ name: 'x', schema, extract, check: { paymen: [notNull('amount')] } })
// @ts-expect-error without a schema, too
pipeline({ name: 'x', extract, transform: { revenue }, check: { revenu: [sql`true`] } })
// @ts-expect-error notNull of a column that does not exist
pipeline({ name: 'x', schema, extract, check: { payment: [notNull('amont')] } })
// @ts-expect-error unique of a column that does not exist
pipeline({ name: 'x', schema, extract, check: { payment: [unique('payment_id', 'amont')] } })
// @ts-expect-error accepted of a column that does not exist
pipeline({ name: 'x', schema, extract, check: { payment: [accepted('amont', [1])] } })
// @ts-expect-error between of a timestamp
pipeline({ name: 'x', schema, extract, check: { payment: [between('payment_date', 0, 1)] } })
// @ts-expect-error between of a text
pipeline({ name: 'x', schema, extract, check: { customer: [between('email', 0, 1)] } })
// @ts-expect-error matches of a number
pipeline({ name: 'x', schema, extract, check: { payment: [matches('amount', /./)] } })
// @ts-expect-error freshness of a text
pipeline({ name: 'x', schema, extract, check: { customer: [freshness('email', '1d')] } })
// @ts-expect-error freshness of a column that does not exist
pipeline({ name: 'x', schema, extract, check: { customer: [freshness('last_updat', '1d')] } })
// @ts-expect-error references by a column that does not exist
pipeline({ name: 'x', schema, extract, check: { payment: [references('customer', 'customer', 'customer_id')] } })
// @ts-expect-error references to a dataset that does not exist
pipeline({ name: 'x', schema, extract, check: { payment: [references('customer_id', 'custome', 'customer_id')] } })
// @ts-expect-error a warning is checked as the rule is
pipeline({ name: 'x', schema, extract, check: { payment: [warn(notNull('amont'))] } })
// @ts-expect-error one bad rule among good ones
pipeline({ name: 'x', schema, extract, check: { payment: [notNull('amount'), sql`amount > 0`, between('amont', 0, 1)] } })

// load

// @ts-expect-error load of a dataset that does not exist
pipeline({ name: 'x', schema, extract, load: { custome: merge('dim_customer', { key: 'customer_id' }) } })
// @ts-expect-error names hold without a schema
pipeline({ name: 'x', extract, transform: { revenue, ranked: ({ revenue }) => revenue }, load: { rankd: replacePartition('t') } })
// @ts-expect-error merge by a column that does not exist
pipeline({ name: 'x', schema, extract, load: { customer: merge('dim_customer', { key: 'customer_i' }) } })
// @ts-expect-error one of two key columns does not exist
pipeline({ name: 'x', schema, extract, load: { customer: merge('dim_customer', { key: ['customer_id', 'stor'] }) } })
// @ts-expect-error in a list, too
pipeline({ name: 'x', schema, extract, load: { customer: [append('log'), merge('dim_customer', { key: 'customer_i' })] } })
// @ts-expect-error an export is no load
pipeline({ name: 'x', schema, extract, transform: { revenue }, load: { ranked: csv('x.csv', { contract: ranks }) } })

// export

// @ts-expect-error export of a dataset that does not exist
pipeline({ name: 'x', schema, extract, transform: { revenue }, export: { revenu: csv('x.csv', { contract: ranks }) } })
// @ts-expect-error the contract asks for a column that is not there
pipeline({ name: 'x', schema, extract, transform: { revenue }, export: { revenue: csv('x.csv', { contract: ranks }) } })
// @ts-expect-error in a list, too
pipeline({ name: 'x', schema, extract, transform: { revenue }, export: { revenue: [csv('x.csv', { contract: ranks })] } })
// @ts-expect-error Parquet takes the contract of a table, not of CSV
pipeline({ name: 'x', schema, extract, transform: { revenue }, export: { revenue: parquet('x.parquet', { contract: ranks }) } })
const table = tableContract({ columns: { day: 'date' }, orderBy: ['day'] })
// @ts-expect-error and CSV not that of a table
pipeline({ name: 'x', schema, extract, transform: { revenue }, export: { revenue: csv('x.csv', { contract: table }) } })
// @ts-expect-error how CSV is written is nothing to a table
tableContract({ columns: { day: 'date' }, orderBy: ['day'], delimiter: ';' })
// @ts-expect-error nor to Parquet
parquet('x.parquet', { contract: table, byteOrderMark: true })
// @ts-expect-error a workbook is one file
excel('x.xlsx', { contract: table, split: { rows: 1 } })
// @ts-expect-error one of two answers
ndjson('x.ndjson', { contract: table, bigNumbers: 'string' })
// @ts-expect-error Arrow is not compressed
arrow('x.arrow', { contract: table, compression: 'zstd' })
// @ts-expect-error Excel takes no contract of CSV
excel('x.xlsx', { contract: ranks })
const gone = tableContract({ columns: { dya: 'date' }, orderBy: ['dya'] })
// @ts-expect-error a table's column that is not there
pipeline({ name: 'x', schema, extract, transform: { revenue }, export: { revenue: parquet('x.parquet', { contract: gone }) } })
const asFloat = contract({ formulas: 'raw', columns: { amount: 'float64' }, orderBy: ['amount'] })
// @ts-expect-error the contract asks for another type
pipeline({ name: 'x', schema, extract, transform: { revenue }, export: { revenue: csv('x.csv', { contract: asFloat }) } })
// @ts-expect-error who is told is named, and made in the configuration
csv('x.csv', { contract: ranks, notify: webhook({ url: 'https://a.example', secret: secret('env:X') }) })
// @ts-expect-error a receiver of notices is no store
void (webhook({ url: 'https://a.example', secret: 'x' }) satisfies StoreConnection)
// @ts-expect-error a notice is always signed
webhook({ url: 'https://a.example' })
// @ts-expect-error orderBy of a column that the contract has not
contract({ formulas: 'raw', columns: { store_id: 'int32' }, orderBy: ['stor_id'] })
// @ts-expect-error nor descending
contract({ formulas: 'raw', columns: { store_id: 'int32' }, orderBy: ['-stor_id'] })
// @ts-expect-error round of a column that the contract has not
contract({ formulas: 'raw', columns: { score: 'float64' }, orderBy: ['score'], round: { scor: 2 } })
// @ts-expect-error a contract needs an order
contract({ formulas: 'raw', columns: { store_id: 'int32' } })
// @ts-expect-error gate: no such column in the key
contract({ formulas: 'raw', columns: { store_id: 'int32' }, orderBy: ['store_id'], gate: { key: ['stor_id'] } })
// @ts-expect-error gate: no such column among the limits
contract({ formulas: 'raw', columns: { store_id: 'int32' }, orderBy: ['store_id'], gate: { columns: { stor_id: 0.1 } } })

// the definition itself

// @ts-expect-error a key that is none
pipeline({ name: 'x', schema, extract, transfrom: { revenue } })
// @ts-expect-error a pipeline needs a name
pipeline({ schema, extract })
