/** Many small tables of PostgreSQL into the landing zone. */
import { pipeline, source } from '#millrace'

const tables = Array.from({ length: Number(process.env.BENCH_TABLES ?? 200) }, (_, i) => `t${i}`)

export default pipeline({
  name: 'many',
  schema: Object.fromEntries(
    tables.map((table) => [table, { id: 'int64', name: 'text', amount: 'decimal(12,2)', at: 'timestamp' }] as const),
  ),
  extract: Object.fromEntries(tables.map((table) => [table, source('shop').table(table)])),
})
