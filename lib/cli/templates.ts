/** The files of a new pipeline, by path from the project's folder. They run as they are. `from` is what the project imports millrace as. */
export function pipelineTemplate(name: string, from: string): Readonly<Record<string, string>> {
  const table = name.replaceAll('-', '_')
  return {
    [`fixtures/${name}/sales.csv`]: SALES,
    [`pipelines/${name}/pipeline.ts`]: `/** Sales by day and shop: a first pipeline, to be changed into your own. */
import { between, csv, day, notNull, pipeline, replacePartition, source, sql, unique } from '${from}'
import { dailyContract } from './contract.ts'
import { schema } from './schema.ts'

export default pipeline({
  name: '${name}',
  schema,
  partition: day({ from: '2026-01-01', to: '2026-01-04' }),

  extract: {
    sale: source('fixtures').files('${name}/sales.csv', { window: 'sold_at' }),
  },
  transform: {
    daily: sql.file('${name}.sql'),
  },
  check: {
    sale: [notNull('sale_id', 'sold_at', 'shop'), unique('sale_id'), between('amount', 0, 10_000)],
    daily: [unique('day', 'shop'), sql\`revenue > 0\`],
  },
  load: {
    daily: replacePartition('${table}_daily'),
  },
  export: {
    daily: csv('${name}/{partition}.csv', { contract: dailyContract }),
  },
})
`,
    [`pipelines/${name}/${name}.sql`]: `-- Plain SQL of DuckDB. FROM sale is the partition at work; $start, $end and $partition can be asked for.
SELECT
  CAST(sold_at AS DATE) AS day,
  shop,
  count(*) AS sales,
  CAST(sum(CAST(amount AS DECIMAL(12, 2))) AS DECIMAL(12, 2)) AS revenue
FROM sale
GROUP BY ALL
`,
    [`pipelines/${name}/contract.ts`]: `import { contract } from '${from}'

/** What the readers of ${name}/{partition}.csv were promised. */
export const dailyContract = contract({
  formulas: 'reject',
  columns: { day: 'date', shop: 'text', sales: 'int64', revenue: 'decimal(12,2)' },
  orderBy: ['day', 'shop'],
})
`,
    // As `plan --discover` would write it.
    [`pipelines/${name}/schema.ts`]: `// written by \`millrace plan ${name}\`; commit it
export const schema = {
  sale: { sale_id: 'int64', sold_at: 'timestamp', shop: 'text', amount: 'float64' },
  daily: { day: 'date', shop: 'text', sales: 'int64', revenue: 'decimal(12,2)' },
} as const
`,
  }
}

/** A first millrace.config.ts: everything under \`.millrace/dev\`, nothing outside the project. */
export function configTemplate(from: string): string {
  return `import { config, duckdb, files, local } from '${from}'

export default config({
  profiles: {
    dev: () => ({
      connections: { fixtures: files('fixtures') },
      warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
      landing: local('.millrace/dev/landing'),
      store: local('.millrace/dev/export'),
    }),
  },
})
`
}

const SALES = `sale_id,sold_at,shop,amount
1,2026-01-01 09:12:00,Łódź,19.90
2,2026-01-01 11:40:00,Kraków,5.00
3,2026-01-01 17:03:00,Łódź,120.50
4,2026-01-02 08:55:00,Kraków,42.00
5,2026-01-02 13:21:00,Gdańsk,9.99
6,2026-01-03 10:00:00,Łódź,15.00
7,2026-01-03 10:30:00,Gdańsk,7.25
8,2026-01-03 19:45:00,Gdańsk,31.40
`
