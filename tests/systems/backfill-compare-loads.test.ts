import { existsSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { CompareReport } from '../../lib/pipeline/compare/compare-report.ts'
import { killedAtLine } from '../kit/killed-at.ts'
import { millrace } from '../kit/millrace.ts'
import { makeProject } from '../kit/project.ts'

// Tables that take a cursor dataset's loads one by one: as they have landed, and computed from each load's changes, merged and appended.

const PIPELINE = (city: string) => `import { append, day, merge, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-08', to: '2024-01-09' }),
  extract: {
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id', overlap: '10d', deletes: 'keys' }),
  },
  transform: {
    place: sql\`SELECT id, ${city} AS city FROM customer.changes\`,
    log: sql\`SELECT id, ${city} AS city FROM customer.changes\`,
  },
  load: { customer: merge('customer', { key: 'id' }), place: merge('place', { key: 'id' }), log: append('log') },
})
`
const customers = (...rows: readonly string[]) => ({ 'data/customers.csv': `id,city,changed\n${rows.join('\n')}\n` })

const project = makeProject({
  'pipelines/p/pipeline.ts': PIPELINE('city'),
  'pipelines/p/schema.ts': `export const schema = {
  customer: { id: 'int32', city: 'text', changed: 'date' }, place: { id: 'int32', city: 'text' }, log: { id: 'int32', city: 'text' },
} as const
`,
  ...customers('1,Paris,2024-01-01', '2,Rome,2024-01-02', '3,Oslo,2024-01-03', '5,Bern,2024-01-03'),
})
const backfill = (...args: readonly string[]) => millrace(project, 'backfill', 'p', ...args)
const compare = async (...args: readonly string[]) => {
  const { code, stdout, error } = await backfill('--compare', '--json', '--jobs', '1', ...args)
  expect(error).toBe('')
  return { code, report: JSON.parse(stdout) as CompareReport }
}
const tables = async () => Promise.all(['customer', 'place', 'log'].map((table) => project.warehouse(`FROM ${table} ORDER BY ALL`)))
const candidates = () =>
  existsSync(project.path('.millrace/dev/candidates/p')) ? readdirSync(project.path('.millrace/dev/candidates/p')) : []
const land = async (...rows: readonly string[]) => {
  project.write(customers(...rows))
  expect((await millrace(project, 'run', 'p', '--only', 'land')).code).toBe(0)
}

beforeAll(async () => {
  const first = await millrace(project, 'run', 'p')
  expect(first.code, first.error).toBe(0)
  project.save('loaded')
  // Two loads: Bern goes for good, Oslo goes and comes back, Wien comes and becomes Graz.
  await land('1,Paris,2024-01-01', '2,Roma,2024-01-05', '4,Wien,2024-01-05')
  await land('1,Paris,2024-01-01', '2,Roma,2024-01-05', '3,Oslo,2024-01-06', '4,Graz,2024-01-06')
  project.write({ 'pipelines/p/pipeline.ts': PIPELINE('upper(city)') })
  project.save('landed')
}, 120_000)
afterAll(() => project.remove())
beforeEach(() => project.restore('landed'))

test('what loads would come to is compared by key, and accepted as a run applies them', { timeout: 240_000 }, async () => {
  const before = await tables()
  const { code, report } = await compare()
  expect([code, report.notCompared, report.partitions.map(({ partition }) => partition)]).toEqual([3, [], ['']])
  const [customer, place, log] = report.partitions[0]?.targets ?? []
  expect(customer).toMatchObject({
    ...{ target: 'customer', key: ['id'], before: 3, after: 3, added: 1, removed: 1, kept: 2, changed: 2, first: false },
    columns: [
      { name: 'city', changed: 1 },
      { name: 'changed', changed: 2 },
    ],
  })
  // Keys that are gone do not reach what is computed from changes.
  expect(place).toMatchObject({ target: 'place', key: ['id'], before: 2, after: 3, added: 1, removed: 0, changed: 2, superseded: 0 })
  expect(log).toMatchObject({ target: 'log', key: [], before: 0, after: 4, added: 4, removed: 0, changed: 0, first: false })
  expect(customer?.examples).toContainEqual({ kind: 'removed', key: { id: '5' }, columns: [] })
  expect(await tables()).toEqual(before)
  project.save('compared')

  project.restore('landed')
  expect((await millrace(project, 'run', 'p')).code).toBe(0)
  const ran = await tables()
  project.restore('compared')
  const accepted = await backfill('--accept')
  expect(accepted.code, accepted.error).toBe(0)
  expect(await tables()).toEqual(ran)
  expect(ran[0]?.map((row) => row.slice(0, 2))).toEqual([
    ['1', 'Paris'],
    ['2', 'Roma'],
    ['3', 'Oslo'],
    ['4', 'Graz'],
  ])
  expect(candidates()).toEqual([])
  expect((await compare()).report).toMatchObject({ outcome: 'equal', partitions: [] })
  expect((await millrace(project, 'run', 'p')).stdout).toContain('nothing to do')

  // All loads again, by today's code: a merge bears it, an append would double.
  const again = await compare('--force')
  expect(again.report.warnings).toEqual([expect.stringContaining('append to "log" is not computed again')])
  expect(again.report.partitions[0]?.targets.map(({ target, added, removed, changed }) => [target, added, removed, changed])).toEqual([
    ['customer', 0, 0, 0],
    ['place', 0, 0, 2],
  ])
  expect((await backfill('--accept')).code).toBe(0)
  expect((await project.warehouse('SELECT city FROM place ORDER BY id')).flat()).toEqual(['PARIS', 'ROMA', 'OSLO', 'GRAZ', 'BERN'])
})

test('candidates of loads are refused once a run has applied them, others once the code is another', { timeout: 120_000 }, async () => {
  expect((await compare()).code).toBe(3)
  project.save('compared')
  project.write({ 'pipelines/p/pipeline.ts': PIPELINE('lower(city)') })
  const other = await backfill('--accept')
  expect([other.code, other.error]).toEqual([
    2,
    expect.stringContaining('the candidate of "place" is out of date: its inputs, or the code, are others now'),
  ])
  project.restore('compared')
  // A run has applied them, and another load: of the candidate nothing is left that could be committed.
  await land('1,Paris,2024-01-01', '2,Roma,2024-01-05', '3,Oslo,2024-01-06', '4,Graz,2024-01-06', '6,Rom,2024-01-07')
  expect((await millrace(project, 'run', 'p')).code).toBe(0)
  const overtaken = await backfill('--accept')
  expect([overtaken.code, overtaken.error]).toEqual([
    2,
    expect.stringContaining('the candidate of "customer" is out of date: its rows were loaded again'),
  ])
  expect((await backfill('--reject')).code).toBe(0)
})

test('accept of loads, killed at any line of its log, is done by the next one; reject finishes what was begun', {
  timeout: 600_000,
}, async () => {
  expect((await compare()).code).toBe(3)
  project.save('compared')
  const before = await tables()
  expect((await backfill('--accept')).code).toBe(0)
  const after = await tables()
  let kills = 0
  for (let line = 1; line <= 14; line++) {
    const next = line % 3 === 0 ? '--reject' : '--accept'
    project.restore('compared')
    if (await killedAtLine(project, ['backfill', 'p', '--accept'], line)) kills++
    const { code, stdout, error } = await backfill(next)
    expect(code, error).toBe(error.includes('there are no candidates') ? 2 : 0)
    expect(await tables(), stdout).toEqual(stdout.includes('as they were') ? before : after)
    expect(candidates()).toEqual([])
  }
  expect(kills).toBeGreaterThan(6)
})
