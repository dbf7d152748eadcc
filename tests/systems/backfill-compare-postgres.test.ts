import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TargetComparison } from '../../lib/pipeline/compare/compare-report.ts'
import { killedAtLine } from '../kit/killed-at.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestPostgres, testPostgres } from '../kit/postgres.ts'
import { changedProject, PIPELINE } from '../pipeline/backfill/changed.ts'
import { DAYS } from '../pipeline/backfill/project.ts'

// As with a file as the warehouse; each test begins with copies of the same database and the same state.

const { backfill, changed, compare, project } = changedProject()
let server: TestPostgres

const TABLES = { daily: 'day, shop', shop: 'shop', sale: 'id' } as const
const query = (sql: string) => server.query('work', sql)
const madeBy = async () => {
  const each = Object.entries(TABLES).map(([table, order]) =>
    query(`SELECT (to_jsonb(t) - '_load')::text FROM ${table} AS t ORDER BY ${order}`),
  )
  const files = DAYS.map((day) => readFileSync(project.path(`.millrace/dev/export/daily/${day}.csv`), 'utf8'))
  return { tables: await Promise.all(each), files }
}
const candidates = () => readdirSync(project.path('.millrace/dev/candidates/sales')).sort()

async function save(name: string): Promise<void> {
  project.save(name)
  await server.query('postgres', `DROP DATABASE IF EXISTS ${name}; `)
  await server.query('postgres', `CREATE DATABASE ${name} TEMPLATE work`)
}

async function restore(name: string): Promise<void> {
  project.restore(name)
  await server.query('postgres', 'DROP DATABASE IF EXISTS work WITH (FORCE)')
  await server.query('postgres', `CREATE DATABASE work TEMPLATE ${name}`)
}

beforeAll(async () => {
  server = await testPostgres()
  await server.createDatabase('work')
  const { host, port, user, password } = server
  const config = readFileSync(project.path('millrace.config.ts'), 'utf8')
  project.write({
    password,
    'millrace.config.ts': config
      .replace('config, duckdb, files, local', 'config, files, local, postgres, secret')
      .replace(
        /duckdb\('[^']*'\)/,
        `postgres({ host: '${host}', port: ${port}, database: 'work', user: '${user}', password: secret('file:password') })`,
      ),
  })
  const first = await millrace(project, 'run', 'sales')
  expect(first.code, first.error).toBe(0)
  await save('before')
  project.write({ [PIPELINE]: changed })
}, 120_000)
afterAll(async () => {
  project.remove()
  await server.stop()
})

const shown = ({ stage, target, key, before, after, added, removed, changed, columns }: TargetComparison) => [
  ...[stage, target, key.join(' '), before, after, added, removed, changed],
  columns.map(({ name, changed }) => `${name} ${changed}`).join(' '),
]

test('compare says what differs from the tables of a PostgreSQL; accept commits just that', { timeout: 180_000 }, async () => {
  const before = await madeBy()
  expect((await millrace(project, 'run', 'sales', '--from', DAYS[1], '--to', DAYS[3])).code).toBe(0)
  const after = await madeBy()
  expect(after).not.toEqual(before)
  await restore('before')
  const { code, report } = await compare('--stale', '--from', DAYS[1], '--to', DAYS[3])
  expect(code, JSON.stringify(report)).toBe(3)
  expect(report.partitions.map(({ partition, outcome }) => [partition, outcome])).toEqual([
    [DAYS[1], 'different'],
    [DAYS[2], 'different'],
  ])
  const [second] = report.partitions
  expect(second?.targets.map(shown)).toEqual([
    ['load', 'daily', 'day shop', 2, 1, 0, 1, 1, 'amount 1'],
    ['export', 'daily/{partition}.csv', 'day shop', 2, 1, 0, 1, 1, 'amount 1'],
    ['export', 'sale/{partition}.csv', 'id', 3, 3, 0, 0, 0, ''],
  ])
  expect(second?.targets[0]?.examples).toContainEqual({
    ...{ kind: 'changed', key: { day: DAYS[1], shop: 'a' } },
    columns: [{ name: 'amount', before: '4.20', after: '6.20' }],
  })
  expect(await madeBy()).toEqual(before)
  const accepted = await backfill('--accept')
  expect(accepted.code, accepted.error).toBe(0)
  expect(await madeBy()).toEqual(after)
  expect(candidates()).toEqual([])
  // A merge, by its key: of all days, again, under the same keys.
  const again = await compare('--from', DAYS[1], '--to', DAYS[3], '--force')
  expect(again.code).toBe(0)
  expect(again.report.partitions.slice(0, 2).map(({ targets }) => targets.map(shown))).toEqual([
    [['load', 'shop', 'shop', 2, 2, 0, 0, 0, '']],
    expect.arrayContaining([['load', 'sale', 'id', 3, 3, 0, 0, 0, '']]),
  ])
})

test('a table that is gone, a column of another type, rows that another hand has changed', { timeout: 180_000 }, async () => {
  await restore('before')
  await query("UPDATE sale SET shop = 'z' WHERE id = 12; UPDATE sale SET _partition = '2024-09-09' WHERE id = 10")
  await query('ALTER TABLE daily ALTER COLUMN amount TYPE text; ALTER TABLE daily RENAME COLUMN owner TO boss')
  const odd = await compare('--partition', DAYS[1], '--force')
  const [daily, sale] = odd.report.partitions.find(({ partition }) => partition === DAYS[1])?.targets ?? []
  expect(daily).toMatchObject({ newColumns: ['owner'], goneColumns: ['boss'], retyped: [{ name: 'amount', before: 'text' }] })
  expect(sale).toMatchObject({
    key: ['id'],
    before: 2,
    after: 2,
    added: 0,
    changed: 1,
    superseded: 1,
    columns: [{ name: 'shop', changed: 1 }],
  })
  const refused = await backfill('--accept')
  expect(refused.code).toBe(2)
  expect(refused.error).toMatch(/"(amount|boss)"/)
  expect(refused.error).not.toContain('    at ')
  expect(candidates()).toEqual([DAYS[1]])

  await restore('before')
  expect((await compare('--partition', DAYS[2])).code).toBe(3)
  await query('DROP TABLE daily')
  const gone = await backfill('--accept')
  expect(gone.code).toBe(2)
  expect(gone.error).toContain('the candidate of "daily" is out of date: what it was compared with is gone: its table was dropped')
  const first = await compare('--partition', DAYS[2])
  expect(first.report.partitions[0]?.targets[0]).toMatchObject({ target: 'daily', first: true, before: 0, added: 2 })
  expect((await backfill('--accept')).code).toBe(0)

  await query('DROP TABLE sale; CREATE TABLE sale (id int)')
  const strange = await backfill('--compare', '--partition', DAYS[2], '--force', '--attempts', '1')
  expect(strange.code).toBe(2)
  expect(strange.error).toContain('table "sale" is in the warehouse but was not made by millrace')
  await server.query('postgres', 'DROP DATABASE work WITH (FORCE)')
  const away = await backfill('--compare', '--partition', DAYS[2])
  expect(away.code).toBe(2)
  expect(away.error).toContain('database "work" does not exist')
})

const acceptKilledAt = (line: number) => killedAtLine(project, ['backfill', 'sales', '--accept'], line)

test('accept that is killed at any instant is done by the next one, to the same end', { timeout: 600_000 }, async () => {
  await restore('before')
  expect((await compare('--stale')).code).toBe(3)
  await save('compared')
  expect((await backfill('--accept')).code).toBe(0)
  const whole = await madeBy()
  let kills = 0
  for (let line = 1; line <= 17; line += 4) {
    await restore('compared')
    if (await acceptKilledAt(line)) kills++
    const { code, error } = await backfill('--accept')
    expect(code, error).toBe(error.includes('there are no candidates') ? 2 : 0)
    expect(await madeBy()).toEqual(whole)
    expect(candidates()).toEqual([])
  }
  expect(kills).toBeGreaterThan(3)
})
