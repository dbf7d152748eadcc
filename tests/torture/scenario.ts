/** One run of the script: what the source holds, what time it is, and what is run. */
export interface Step {
  readonly name: string
  /** The profile's pinned clock. */
  readonly now: string
  /** Files of the source that are new or changed before the run, by path in the project; null: removed. */
  readonly files: Readonly<Record<string, string | null>>
  /** Arguments after `run sales`. */
  readonly args: readonly string[]
}

export interface Scale {
  readonly days: number
  readonly salesPerDay: number
  readonly customers: number
  readonly shops: number
}

/** Stages last tens of milliseconds, so that there is something to be killed in. */
export const LARGE: Scale = { days: 3, salesPerDay: 20_000, customers: 15_000, shops: 200 }
/** As few operations as the same pipeline can do. */
export const SMALL: Scale = { days: 1, salesPerDay: 40, customers: 30, shops: 4 }

/** For backfills: several partitions at once. */
export const MANY_DAYS: Scale = { days: 12, salesPerDay: 3_000, customers: 2_000, shops: 50 }
export const FEW_DAYS: Scale = { days: 4, salesPerDay: 40, customers: 30, shops: 4 }

/** A pipeline with every kind of dataset and target, SQL and frames, an export with a plain copy, and a named delivery of split, compressed files and of what partitions share. */
export const PIPELINE: Readonly<Record<string, string>> = {
  'millrace.config.ts': `import { config, duckdb, files, local } from '#millrace'
export default config({ profiles: { dev: {
  connections: { data: files('data') },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
  landing: local('.millrace/dev/landing'),
  store: local('.millrace/dev/export'),
  limits: { memory: '512MB', threads: 2 },
  now: process.env.TORTURE_NOW ?? '2024-01-02T06:00:00Z',
} } })
`,
  'pipelines/sales/pipeline.ts': `import { append, contract, csv, day, merge, notNull, pipeline, replace, replacePartition, source, sql, unique } from '#millrace'
import pl from 'nodejs-polars'
import { schema } from './schema.ts'

const perShop = contract({
  formulas: 'raw',
  columns: { day: 'date', shop: 'text', label: 'text', amount: 'decimal(38,2)', before: 'decimal(38,2)' },
  orderBy: ['day', 'shop'],
})
const perSale = contract({
  formulas: 'raw',
  columns: { id: 'int32', sold: 'timestamp', shop: 'text', name: 'text', amount: 'decimal(9,2)' },
  orderBy: ['id'],
  compression: 'gzip',
  split: { rows: 7000 },
})
const shopNames = contract({ formulas: 'raw', columns: { code: 'text', name: 'text' }, orderBy: ['code'] })

export default pipeline({
  name: 'sales',
  schema,
  partition: day({ from: '2024-01-01' }),
  extract: {
    sale: source('data').files('sales/*.csv', { window: 'sold', lookback: '1d' }),
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id', deletes: 'keys', compact: 2 }),
    shop: source('data').files('shops.csv'),
  },
  transform: {
    daily: sql.with({ window: 'day' })\`
      WITH days AS (SELECT CAST(sold AS DATE) AS day, shop, sum(amount) AS amount FROM sale GROUP BY ALL)
      SELECT d.day, s.name AS shop, CAST(d.amount AS DECIMAL(38,2)) AS amount, CAST(coalesce(b.amount, 0) AS DECIMAL(38,2)) AS before
      FROM days d LEFT JOIN days b ON b.shop = d.shop AND b.day = d.day - 1 LEFT JOIN shop s ON s.code = d.shop\`,
    labelled: { frame: ({ daily }) => daily.withColumns(pl.col('shop').str.toUpperCase().alias('label')), window: 'day' },
    detail: sql.with({ window: 'sold' })\`
      SELECT s.id, s.sold, s.shop, c.name, s.amount FROM sale s LEFT JOIN customer c ON c.id = s.customer\`,
    audit: sql\`SELECT id, name, changed FROM customer.changes\`,
    shops: sql\`SELECT code, upper(name) AS name FROM shop\`,
  },
  check: { labelled: [notNull('day', 'shop'), unique('day', 'shop')], detail: [notNull('id')] },
  load: {
    labelled: replacePartition('fct_daily'),
    sale: merge('sale', { key: 'id' }),
    customer: merge('dim_customer', { key: 'id' }),
    audit: append('customer_audit'),
    shops: replace('dim_shop'),
  },
  export: {
    labelled: csv('daily/{partition}.csv', { contract: perShop, plain: true }),
    detail: csv('detail/{partition}.csv', { contract: perSale, delivery: 'book' }),
    shops: csv('shops.csv', { contract: shopNames, delivery: 'book', plain: true }),
  },
})
`,
  'pipelines/sales/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', customer: 'int32', amount: 'decimal(9,2)' },
  customer: { id: 'int32', name: 'text', changed: 'timestamp' },
  shop: { code: 'text', name: 'text' },
} as const
`,
}

/** The runs of the script, in order: a first one, one a day later with news of every kind, and one that reads a past day again. */
export function script({ days, salesPerDay, customers, shops }: Scale): readonly Step[] {
  const sales = (day: number, correction = 0) => ({
    [`data/sales/${date(day)}.csv`]: salesOf(day, salesPerDay, customers, shops, correction),
  })
  const first = Array.from({ length: days }, (_, i) => sales(i + 1))
  return [
    {
      name: 'first run',
      now: `${date(days + 1)}T06:00:00Z`,
      files: Object.assign({ 'data/customers.csv': customersOf(customers, 1), 'data/shops.csv': shopsOf(shops, 1) }, ...first),
      args: [],
    },
    {
      name: 'a day later',
      now: `${date(days + 2)}T06:00:00Z`,
      files: { 'data/customers.csv': customersOf(customers, 2), 'data/shops.csv': shopsOf(shops, 2), ...sales(days + 1) },
      args: [],
    },
    {
      name: 'a past day corrected',
      now: `${date(days + 2)}T07:00:00Z`,
      files: { 'data/customers.csv': customersOf(customers, 3), ...sales(days, 1) },
      args: ['--from', date(days), '--to', date(days + 2), '--refresh'],
    },
  ]
}

/** UTC date of a day of January 2024. */
export function date(day: number): string {
  return `2024-01-${String(day).padStart(2, '0')}`
}

/** A correction changes the amounts of some sales, takes others away and adds late ones. */
function salesOf(day: number, rows: number, customers: number, shops: number, correction: number): string {
  const lines = ['id,sold,shop,customer,amount']
  for (let i = 0; i < rows; i++) {
    const n = scatter(day * 1_000_003 + i)
    if (correction > 0 && n % 50 === 7) continue
    const time = new Date(Date.parse(`${date(day)}T00:00:00Z`) + Math.floor((i / rows) * 86_400_000))
      .toISOString()
      .slice(0, 19)
      .replace('T', ' ')
    const cents = (n % 9_000) + (correction > 0 && n % 20 === 3 ? 10_000 : 0)
    lines.push(`${day * 1_000_000 + i},${time},s${n % shops},${n % customers},${(cents / 100).toFixed(2)}`)
  }
  for (let i = 0; i < correction * 5; i++) lines.push(`${day * 1_000_000 + rows + i},${date(day)} 23:59:59,s0,${i},1.00`)
  return `${lines.join('\n')}\n`
}

/** Version v: of every ten customers one has changed since v - 1, one of fifty is gone, a few are new. */
function customersOf(rows: number, version: number): string {
  const lines = ['id,name,changed']
  for (let id = 0; id < rows + (version - 1) * 5; id++) {
    const n = scatter(id)
    if (version > 1 && n % 50 < version - 1) continue
    const changed = id >= rows ? Math.floor((id - rows) / 5) + 2 : lastChange(n, version)
    const second = String(n % 60).padStart(2, '0')
    lines.push(`${id},name ${id} v${changed},2024-01-${String(changed).padStart(2, '0')} 00:00:${second}`)
  }
  return `${lines.join('\n')}\n`
}

function lastChange(n: number, version: number): number {
  for (let v = version; v > 1; v--) if (n % 10 === v) return v
  return 1
}

function shopsOf(rows: number, version: number): string {
  const lines = Array.from({ length: rows }, (_, i) => `s${i},Shop ${i}${version > 1 && i % 3 === 0 ? ` (moved)` : ''}`)
  return `code,name\n${lines.join('\n')}\n`
}

/** A fixed number of 31 bits for each n, so that the data are the same in every process. */
function scatter(n: number): number {
  let x = (n + 0x9e3779b9) | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 1
}
