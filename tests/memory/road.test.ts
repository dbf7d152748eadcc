import { mkdirSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { LINEITEM, lineitemSql } from '../../bench/lineitem.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { temporaryFolder } from '../kit/context.ts'
import { type TestProject, testProject } from '../kit/project.ts'
import { watchedRun } from './watched.ts'

const ROWS = 1_000_000
/** Of these, so many are there twice: something for DISTINCT to do. */
const TWICE = 40_000
const ABOVE_IDLE_BYTES = 512e6
/** `limits.memory` and what docs promise on top. */
const PROMISED_BYTES = 256e6 + 512e6

const ROAD = {
  'millrace.config.ts': `import { config, duckdb, files, local } from '#millrace'
export default config({ profiles: { dev: {
  connections: { data: files('data') },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
  landing: local('.millrace/dev/landing'),
  store: local('.millrace/dev/export'),
  limits: { memory: '256MB', threads: 2 },
} } })
`,
  'pipelines/road/pipeline.ts': `import pl from 'nodejs-polars'
import { accepted, between, contract, csv, notNull, pipeline, replace, source, sql, unique } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'road', schema,
  extract: { lineitem: source('data').files('lineitem.csv') },
  transform: {
    sorted: sql\`
      WITH item AS (SELECT DISTINCT * FROM lineitem),
      orders AS (SELECT l_orderkey, CAST(sum(l_quantity) AS DECIMAL(15,2)) AS quantity FROM item GROUP BY l_orderkey)
      SELECT item.* REPLACE (quantity AS l_quantity) FROM item JOIN orders USING (l_orderkey)
      ORDER BY l_comment, l_orderkey, l_linenumber\`,
    labelled: ({ sorted }) => sorted.withColumns(pl.col('l_comment').str.toUpperCase(), pl.col('l_shipmode').str.toLowerCase()),
  },
  check: {
    sorted: [
      notNull('l_orderkey', 'l_linenumber'), unique('l_orderkey', 'l_linenumber'),
      between('l_discount', 0, 0.1), accepted('l_returnflag', ['A', 'N', 'R']),
    ],
  },
  load: { sorted: replace('lineitem') },
  export: { labelled: csv('lineitem.csv', { contract: contract({ formulas: 'raw', columns: schema.labelled, orderBy: ['l_orderkey', 'l_linenumber'] }) }) },
})
`,
  'pipelines/road/schema.ts': `export const schema = ${JSON.stringify({ lineitem: LINEITEM, sorted: LINEITEM, labelled: LINEITEM })} as const\n`,
}

test('run of 1 M rows × 16 columns at 256 MB spills, and all its processes stay below idle + 512 MB', async () => {
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  const [small, big] = [testProject(ROAD), testProject(ROAD)]
  await writeItems(db, small, lineitemSql(1))
  await writeItems(db, big, `${lineitemSql(ROWS - TWICE)} UNION ALL ${lineitemSql(TWICE)}`)

  // Everything is opened and bound, and next to nothing moves.
  const idle = await watchedRun(small, 'road')
  expect(idle.code, idle.stderr).toBe(0)
  const run = await watchedRun(big, 'road')
  expect(run.code, run.stderr).toBe(0)
  expect([...idle.spilled]).toEqual([])
  expect([...run.spilled]).toContain('transform')
  expect(run.peakBytes - idle.peakBytes).toBeLessThanOrEqual(ABOVE_IDLE_BYTES)
  expect(run.peakBytes).toBeLessThanOrEqual(PROMISED_BYTES)

  const file = run.report.partitions.flatMap(({ steps }) => steps.flatMap(({ files = [] }) => files)).find((name) => name.endsWith('.csv'))
  const exported = csvSql(big.path('.millrace/dev/export', file ?? 'none'))
  await db.run(`ATTACH '${big.path('.millrace/dev/warehouse.duckdb')}' AS warehouse (READ_ONLY)`)
  const item = `SELECT DISTINCT * REPLACE (CAST(sum(l_quantity) OVER (PARTITION BY l_orderkey) AS DECIMAL(15,2)) AS l_quantity)
    FROM (SELECT DISTINCT * FROM ${csvSql(big.path('data/lineitem.csv'))})`
  await db.run(`CREATE TABLE expected AS ${item}`)
  const expected = await contentOf(db, 'expected')
  expect(expected.rows).toBe(String(ROWS - TWICE))
  expect(await contentOf(db, 'warehouse.lineitem')).toEqual(expected)
  const labelled = '(SELECT * REPLACE (upper(l_comment) AS l_comment, lower(l_shipmode) AS l_shipmode) FROM expected)'
  expect(await contentOf(db, exported)).toEqual(await contentOf(db, labelled))
  // By windows without an order of their own, which see the rows as the file has them.
  const beside = `SELECT (l_orderkey, l_linenumber) AS key, lag(key) OVER () AS before FROM ${exported}`
  expect(await db.meta(`SELECT count(*) AS n FROM (${beside}) WHERE before >= key`)).toEqual([{ n: '0' }])
}, 180_000)

async function writeItems(db: DuckDB, project: TestProject, select: string): Promise<void> {
  mkdirSync(project.path('data'))
  await db.run(`COPY (${select}) TO '${project.path('data/lineitem.csv')}' (FORMAT csv, HEADER)`)
}

const TYPES = Object.entries(LINEITEM).map(
  ([name, type]) => `${name}: '${{ int64: 'BIGINT', int32: 'INTEGER', text: 'VARCHAR' }[type as string] ?? type}'`,
)

function csvSql(file: string): string {
  return `read_csv('${file}', header = true, auto_detect = false, columns = {${TYPES.join(', ')}})`
}

/** Count, sums, and a sum over the hashes of whole rows: the same for the same rows in any order. */
async function contentOf(db: DuckDB, relation: string): Promise<Readonly<Record<string, string | null>>> {
  const columns = Object.keys(LINEITEM).join(', ')
  const [row] = await db.meta(
    `SELECT count(*) AS rows, sum(l_extendedprice) AS price, sum(l_quantity) AS quantity, sum(hash(${columns})) AS hashes FROM ${relation}`,
  )
  return row ?? {}
}
