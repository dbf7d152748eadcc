import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSakila } from '../../fixtures/rentals/server.ts'
import { filesUnder } from '../kit/files-under.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { makeProject, type TestProject } from '../kit/project.ts'

const ROOT = join(import.meta.dirname, '../..')

const configOf = ({ host, port, user, password }: TestPostgres) => `import { config, duckdb, local, postgres } from '#millrace'
export default config({ profiles: { dev: {
  connections: { sakila: postgres({ host: '${host}', port: ${port}, database: 'sakila', user: '${user}', password: '${password}' }) },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
  landing: local('.millrace/dev/landing'),
  store: local('.millrace/dev/export'),
  limits: { memory: '512MB', threads: 2 },
  now: '2006-02-20T00:00:00Z',
} } })
`

let server: TestPostgres
let project: TestProject
beforeAll(async () => {
  server = await testPostgres()
  await createSakila(server)
  await apply('1-before.sql')
  project = makeProject({ 'millrace.config.ts': configOf(server) })
  cpSync(join(ROOT, 'pipelines/rentals'), project.path('pipelines/rentals'), { recursive: true })
})
afterAll(async () => {
  project?.remove()
  await server?.stop('immediate')
})

/** Runs a script of the case in the source. */
async function apply(script: string): Promise<void> {
  await server.query('sakila', readFileSync(join(ROOT, 'fixtures/rentals/three-loads', script), 'utf8'))
}

async function run(...args: readonly string[]): Promise<string> {
  const { code, stdout, error } = await millrace(project, 'run', 'rentals', ...args)
  expect(code, error).toBe(0)
  return stdout
}

/** What the source itself says, by its own SELECT: PostgreSQL is the second engine here. */
const OF_SOURCE = {
  dim_customer: `SELECT customer_id, store_id, first_name, last_name, email, address_id, activebool::text, create_date, last_update, active
    FROM customer ORDER BY customer_id`,
  dim_film: `SELECT film_id, title, description, release_year, rental_duration, rental_rate, length, replacement_cost, rating, last_update
    FROM film ORDER BY film_id`,
  fct_revenue: `SELECT *, rank() OVER (PARTITION BY store_id, date_trunc('month', day) ORDER BY amount DESC) AS rank FROM (
      SELECT store_id, payment_date::date AS day, count(*) AS payments, count(DISTINCT customer_id) AS customers, sum(amount) AS amount
      FROM payment JOIN customer USING (customer_id) GROUP BY store_id, payment_date::date) AS daily
    ORDER BY store_id, day`,
} as const

/** The same of the warehouse. */
const OF_WAREHOUSE = {
  dim_customer: `SELECT customer_id, store_id, first_name, last_name, email, address_id, activebool, create_date, last_update, active
    FROM dim_customer ORDER BY customer_id`,
  dim_film: `SELECT film_id, title, description, release_year, rental_duration, rental_rate, length, replacement_cost, rating, last_update
    FROM dim_film ORDER BY film_id`,
  fct_revenue: 'SELECT store_id, day, payments, customers, amount, rank FROM fct_revenue ORDER BY store_id, day',
} as const

async function expectSourceIn(...tables: readonly (keyof typeof OF_SOURCE)[]): Promise<void> {
  for (const table of tables) {
    const there = await server.query('sakila', OF_SOURCE[table])
    expect(there.length).toBeGreaterThan(0)
    expect(await project.warehouse(OF_WAREHOUSE[table]), table).toEqual(there)
  }
}

/** The join with customers has lost no payment. */
async function expectEveryPayment(): Promise<void> {
  const [there] = await server.query('sakila', 'SELECT count(*), sum(amount) FROM payment')
  expect(await project.warehouse('SELECT sum(payments), sum(amount) FROM fct_revenue')).toEqual([there])
}

/** The delivered rows of a month, without the header. */
function delivered(month: string): readonly string[] {
  return readFileSync(project.path(`.millrace/dev/export/rentals/revenue/${month}.csv`), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
}

describe('rentals, in three loads, equals what its source says', () => {
  it('first: everything, with an open month and months without payments', async () => {
    await run()
    await run('--partition', '2006-02')
    await expectSourceIn('dim_customer', 'dim_film', 'fct_revenue')
    await expectEveryPayment()
    expect(filesUnder(project, '.millrace/dev/export/rentals/revenue').filter((file) => /^[\d-]+\.csv$/.test(file))).toHaveLength(10)
    for (const empty of ['2005-09', '2005-10', '2005-11', '2005-12', '2006-01']) expect(delivered(empty)).toEqual([])
    const july = await server.query('sakila', OF_SOURCE.fct_revenue)
    expect(delivered('2005-07')).toEqual(july.filter(([, day]) => day?.startsWith('2005-07')).map((row) => row.join(',')))
  })

  it('second: updates (two of one timestamp), inserts and deletes; what is stale is restated when it is named', async () => {
    await apply('2-changes.sql')
    await run()
    await expectSourceIn('dim_customer', 'dim_film')
    await run('--from', '2005-05', '--to', '2006-03')
    await expectSourceIn('dim_customer', 'dim_film', 'fct_revenue')
    await expectEveryPayment()
    expect(await project.warehouse('SELECT count(*) FROM dim_customer WHERE customer_id = 600')).toEqual([['0']])
  })

  it('third: a late correction of an old payment comes when its month is refreshed', async () => {
    await apply('3-correction.sql')
    await run()
    await expect(expectEveryPayment()).rejects.toThrow()
    await run('--partition', '2005-07', '--refresh')
    await expectSourceIn('dim_customer', 'dim_film', 'fct_revenue')
    await expectEveryPayment()
  })
})
