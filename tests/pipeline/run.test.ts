import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { millrace, type Seen } from '../kit/millrace.ts'
import { makeProject, type TestProject } from '../kit/project.ts'

/** Sales by day (window, look-back of a day), customers by cursor, shops whole: every kind of dataset and target. */
const SALES = {
  'pipelines/sales/pipeline.ts': `import { append, contract, csv, day, merge, notNull, pipeline, replace, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
const perDay = contract({ formulas: 'raw', columns: { day: 'date', shop: 'text', amount: 'decimal(38,2)', before: 'decimal(38,2)' }, orderBy: ['day', 'shop'] })
export default pipeline({
  name: 'sales', schema, partition: day({ from: '2024-01-01' }),
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold', lookback: '1d' }),
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id', deletes: 'keys' }),
    shop: source('data').files('shops.csv'),
  },
  transform: {
    daily: sql.with({ window: 'day' })\`
      WITH days AS (SELECT CAST(sold AS DATE) AS day, shop, sum(amount) AS amount FROM sale GROUP BY ALL)
      SELECT d.day, s.name AS shop, CAST(d.amount AS DECIMAL(38,2)) AS amount, CAST(coalesce(b.amount, 0) AS DECIMAL(38,2)) AS before
      FROM days d LEFT JOIN days b ON b.shop = d.shop AND b.day = d.day - 1 LEFT JOIN shop s ON s.code = d.shop\`,
    audit: sql\`SELECT id, name, changed FROM customer.changes\`,
    shops: sql\`SELECT code, upper(name) AS name FROM shop\`,
  },
  check: { daily: [notNull('day', 'shop')] },
  load: {
    daily: replacePartition('fct_daily'), sale: merge('sale', { key: 'id' }), customer: merge('dim_customer', { key: 'id' }),
    audit: append('customer_audit'), shops: replace('dim_shop'),
  },
  export: { daily: csv('daily/{partition}.csv', { contract: perDay, plain: true }) },
})
`,
  'pipelines/sales/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)' },
  customer: { id: 'int32', name: 'text', changed: 'timestamp' },
  shop: { code: 'text', name: 'text' },
} as const
`,
  'data/sales.csv': `id,sold,shop,amount
1,2024-01-01 10:00:00,a,1.50
2,2024-01-02 00:00:00,a,2.50
3,2024-01-02 23:59:59.999999,b,3.25
4,2024-01-03 12:00:00,a,4.00
`,
  'data/customers.csv': 'id,name,changed\n1,Ann,2024-01-01 00:00:00\n2,Bob,2024-01-02 00:00:00\n',
  'data/shops.csv': 'code,name\na,Alpha\nb,Beta\n',
}

const NOW = '2024-01-04T06:00:00Z'

let project: TestProject
let first: Seen
beforeAll(async () => {
  process.env.TEST_NOW = NOW
  project = makeProject(SALES)
  const planned = await project.millrace('plan', 'sales')
  expect(planned, planned.stderr).toMatchObject({ code: 0, stderr: '' })
  rmSync(project.path('.millrace'), { recursive: true })
  project.save('planned')
  first = await run('--json')
  project.save('done')
})
afterAll(() => project.remove())
beforeEach(() => {
  process.env.TEST_NOW = NOW
})

const run = (...args: readonly string[]) => millrace(project, 'run', 'sales', ...args)
const report = (stdout: string) =>
  JSON.parse(stdout) as { outcome: string; partitions: { partition: string; outcome: string; error?: { message: string } }[] }
const outcomes = (stdout: string) => report(stdout).partitions.map(({ partition, outcome }) => `${partition || 'shared'} ${outcome}`)

describe('run', () => {
  it('brings what is due up to date, then does nothing and says so', async () => {
    project.restore('done')
    expect(first.code, first.stderr + first.stdout).toBe(0)
    expect(outcomes(first.stdout)).toEqual(['shared done', '2024-01-01 done', '2024-01-02 done', '2024-01-03 done'])
    expect(await project.warehouse('SELECT day, shop, amount, before, _partition FROM fct_daily ORDER BY day, shop')).toEqual([
      ['2024-01-01', 'Alpha', '1.50', '0.00', '2024-01-01'],
      ['2024-01-02', 'Alpha', '2.50', '1.50', '2024-01-02'],
      ['2024-01-02', 'Beta', '3.25', '0.00', '2024-01-02'],
      ['2024-01-03', 'Alpha', '4.00', '2.50', '2024-01-03'],
    ])
    expect(await project.warehouse('SELECT id, _partition FROM sale ORDER BY id')).toEqual([
      ['1', '2024-01-01'],
      ['2', '2024-01-02'],
      ['3', '2024-01-02'],
      ['4', '2024-01-03'],
    ])
    expect(await project.warehouse('SELECT id, name, _load FROM dim_customer ORDER BY id')).toEqual([
      ['1', 'Ann', '1'],
      ['2', 'Bob', '1'],
    ])
    expect(await project.warehouse('SELECT code, name FROM dim_shop ORDER BY code')).toEqual([
      ['a', 'ALPHA'],
      ['b', 'BETA'],
    ])
    expect(readFileSync(project.path('.millrace/dev/export/daily/2024-01-02.csv'), 'utf8')).toBe(
      'day,shop,amount,before\n2024-01-02,Alpha,2.50,1.50\n2024-01-02,Beta,3.25,0.00\n',
    )
    const again = await run('--json')
    expect(again.code).toBe(0)
    expect(report(again.stdout).outcome).toBe('unchanged')
  })

  it('applies each load of a cursor dataset once, drops unchanged rows, deletes keys that are gone', async () => {
    project.restore('done')
    project.write({ 'data/customers.csv': 'id,name,changed\n2,Bob,2024-01-02 00:00:00\n3,Cyd,2024-01-02 00:00:00\n' })
    expect((await run()).code).toBe(0)
    expect(await project.warehouse('SELECT id, name, _load FROM dim_customer ORDER BY id')).toEqual([
      ['2', 'Bob', '1'],
      ['3', 'Cyd', '2'],
    ])
    expect(await project.warehouse('SELECT id FROM customer_audit ORDER BY id')).toEqual([['1'], ['2'], ['3']])
    await run()
    await run('--force')
    expect(await project.warehouse('SELECT count(*) FROM customer_audit')).toEqual([['3']])
    expect(await project.warehouse('SELECT id, name FROM dim_customer ORDER BY id')).toEqual([
      ['2', 'Bob'],
      ['3', 'Cyd'],
    ])
  })

  it('leaves a stale partition until it is named, and reads a source again only when told', async () => {
    project.restore('done')
    project.write({ 'data/sales.csv': SALES['data/sales.csv'].replace('2.50', '9.99') })
    expect(report((await run('--json')).stdout).outcome).toBe('unchanged')
    await run('--partition', '2024-01-02')
    expect(await project.warehouse("SELECT amount FROM fct_daily WHERE day = '2024-01-02' AND shop = 'Alpha'")).toEqual([['2.50']])
    expect((await run('--partition', '2024-01-02', '--refresh')).code).toBe(0)
    expect(await project.warehouse("SELECT amount FROM fct_daily WHERE day = '2024-01-02' AND shop = 'Alpha'")).toEqual([['9.99']])
    // The day after looks back on it: stale, and made anew when it is named.
    expect(outcomes((await run('--from', '2024-01-03', '--json')).stdout)).toContain('2024-01-03 done')
    expect(await project.warehouse("SELECT before FROM fct_daily WHERE day = '2024-01-03'")).toEqual([['9.99']])
  })

  it('reads an open window again until it has ended', async () => {
    project.restore('planned')
    process.env.TEST_NOW = '2024-01-03T13:00:00Z'
    const first = await run('--json')
    expect(outcomes(first.stdout)).toEqual(['shared done', '2024-01-01 done', '2024-01-02 done'])
    const open = await run('--partition', '2024-01-03', '--json')
    expect(outcomes(open.stdout)).toContain('2024-01-03 open')
    project.write({ 'data/sales.csv': `${SALES['data/sales.csv']}5,2024-01-03 20:00:00,a,1.00\n` })
    process.env.TEST_NOW = NOW
    expect(outcomes((await run('--json')).stdout)).toContain('2024-01-03 done')
    expect(await project.warehouse("SELECT amount FROM fct_daily WHERE day = '2024-01-03'")).toEqual([['5.00']])
    expect(report((await run('--json')).stdout).outcome).toBe('unchanged')
  })

  it('goes on with other partitions under --keep-going and exits 1', async () => {
    project.restore('planned')
    project.write({ 'data/sales.csv': SALES['data/sales.csv'].replace('23:59:59.999999,b,3.25', '23:59:59.999999,zz,3.25') })
    const kept = await run('--keep-going', '--json')
    expect(kept.code).toBe(1)
    expect(outcomes(kept.stdout)).toEqual(['shared done', '2024-01-01 done', '2024-01-02 failed', '2024-01-03 done'])
    expect(report(kept.stdout).partitions[2]?.error?.message).toContain('notNull(day, shop) failed for 1 of 2 rows')
    const stopped = await run('--json')
    expect(stopped.code).toBe(3)
    project.write({ 'data/sales.csv': SALES['data/sales.csv'] })
    expect((await run('--refresh', '--partition', '2024-01-02')).code).toBe(0)
    expect(await project.warehouse('SELECT count(*) FROM fct_daily')).toEqual([['4']])
  })

  it('does one stage alone from existing inputs, else says what is missing', async () => {
    project.restore('planned')
    const early = await run('--partition', '2024-01-01', '--only', 'load')
    expect(early.code).toBe(2)
    expect(early.stderr + early.stdout).toMatch(/has(n't| not)? (been )?landed/)
    expect((await millrace(project, 'show', 'sales', 'shops')).stderr).toBe(
      'error: sales land shop: "shop" has not landed\n  hint: land it first: millrace run sales',
    )
    expect((await run('--only', 'land')).code).toBe(0)
    expect((await run('--only', 'load')).code).toBe(0)
    expect(await project.warehouse('SELECT count(*) FROM fct_daily')).toEqual([['4']])
    expect(readdirSync(project.path('.millrace/dev')).includes('export')).toBe(false)
    const planned = async () => (await millrace(project, 'plan', 'sales')).stdout
    expect(await planned()).toContain('0 done; 3 due')
    expect((await run('--only', 'export')).code).toBe(0)
    expect(await planned()).toContain('3 done')
    expect(report((await run('--json')).stdout).outcome).toBe('unchanged')
  })

  it('loses nothing when the ledger is deleted, and rebuilds it', async () => {
    project.restore('done')
    rmSync(project.path('.millrace/dev/ledger.sqlite'), { force: true })
    expect(report((await run('--json')).stdout).outcome).toBe('unchanged')
    rmSync(project.path('.millrace/dev/ledger.sqlite'), { force: true })
    const rebuilt = await millrace(project, 'ledger', 'rebuild')
    expect(rebuilt.stdout).toContain('ledger rebuilt: 2 runs')
    const status = JSON.parse((await millrace(project, 'status', 'sales', '--json')).stdout) as {
      pipelines: { partitions: { state: string }[] }[]
    }
    expect(status.pipelines[0]?.partitions.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'open'])
  })
})
