import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import pl from 'nodejs-polars'
import { expect, onTestFinished, test } from 'vitest'
import type { RunContext } from '../../lib/core/context.ts'
import type { Columns, Dataset } from '../../lib/core/dataset.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import type { BindInput, Bound, StepWindow } from '../../lib/transform/bound.ts'
import { loadStepTexts } from '../../lib/transform/load-steps.ts'
import { transform } from '../../lib/transform/run.ts'
import { sql } from '../../lib/transform/steps.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'

type Steps = Parameters<typeof loadStepTexts>[0]
const payment = { id: 'int32', customer: 'int32', amount: 'decimal(5,2)', paid: 'timestamptz' } as const
const customer = { customer: 'int32', name: 'text' } as const

async function engine(): Promise<DuckDB> {
  const db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  return db
}

async function dataset(db: DuckDB, name: string, columns: Columns, select: string): Promise<Dataset> {
  const file = join(temporaryFolder(), 'data.parquet')
  const rows = await db.run(`COPY (${select}) TO '${file}' (FORMAT parquet)`)
  return { name, columns, files: [file], rows, hash: `hash of ${name}` }
}

const bind = async (steps: Steps, more: Partial<BindInput> = {}): Promise<Bound> =>
  bindSteps({
    extracted: { payment: { columns: payment, by: 'window', window: 'paid' }, customer: { columns: customer, by: 'cursor' } },
    parameters: { rate: 2 },
    partitioned: 'time',
    wanted: [],
    ...more,
    steps: await loadStepTexts(steps, import.meta.dirname),
  })

const day: StepWindow = { start: new Date('2018-02-02Z'), end: new Date('2018-02-03Z'), partition: '2018-02-02' }

async function run(bound: Bound, wanted: string[], inputs: Dataset[], more: { window?: StepWindow; ctx?: RunContext; zone?: string } = {}) {
  return transform(
    bound,
    {
      inputs: Object.fromEntries(inputs.map((each) => [each.name, each])),
      wanted,
      window: more.window ?? day,
      parameters: { rate: 2 },
      zone: more.zone ?? 'UTC',
    },
    more.ctx ?? testContext(),
  )
}

const rowsOf = (db: DuckDB, dataset: Dataset | undefined, order = 'ALL') =>
  db.meta(`SELECT * FROM read_parquet(['${dataset?.files.join("','")}']) ORDER BY ${order}`)

async function payments(db: DuckDB): Promise<Dataset[]> {
  return [
    await dataset(
      db,
      'payment',
      payment,
      `SELECT i::INTEGER AS id, (i % 3)::INTEGER AS customer, (i / 2)::DECIMAL(5,2) AS amount, TIMESTAMPTZ '2018-02-01 00:00:00Z' + INTERVAL (i * 6) HOUR AS paid FROM range(12) r(i)`,
    ),
    await dataset(db, 'customer', customer, `SELECT * FROM (VALUES (0, 'ann'), (1, 'bob'), (2, 'cem')) c(customer, name)`),
  ]
}

test('transform fuses SQL, crosses engines and back, and leaves only what is wanted', async () => {
  const db = await engine()
  const bound = await bind({
    today: sql`SELECT * FROM payment WHERE paid >= $start AND paid < $end; -- the day's`,
    named: sql`WITH payment AS (SELECT * FROM today) SELECT id, name, amount * ${3} AS amount FROM payment JOIN customer USING (customer)`,
    ranked: ({ named }) => named?.withColumns(pl.col('amount').rank('ordinal', true).alias('rank')) as never,
    top: ({ ranked }) => ranked?.filter(pl.col('rank').ltEq(pl.lit(2))) as never,
    result: sql`SELECT id, name, amount, rank * $rate AS rank, $partition AS day FROM top ORDER BY id`,
  })
  const ctx = testContext()
  const { result } = await run(bound, ['result'], await payments(db), { ctx })
  expect(result).toMatchObject({
    name: 'result',
    rows: 2,
    columns: { id: 'int32', name: 'text', amount: 'decimal(24,2)', rank: 'int64', day: 'text' },
  })
  expect(await rowsOf(db, result)).toEqual([
    { id: '6', name: 'ann', amount: '9.00', rank: '4', day: '2018-02-02' },
    { id: '7', name: 'bob', amount: '10.50', rank: '2', day: '2018-02-02' },
  ])
  expect(readdirSync(ctx.workspace, { recursive: true }).filter((file) => String(file).endsWith('.parquet'))).toHaveLength(1)
})
