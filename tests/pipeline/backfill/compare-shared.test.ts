import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { millrace } from '../../kit/millrace.ts'
import { DAYS } from './project.ts'
import { sharedProject } from './shared-changed.ts'

const { backfill, compare, project, candidates, made, prepare } = sharedProject()
const WAS = [
  ['Ann', '1'],
  ['Bob', '1'],
]

beforeAll(prepare, 60_000)
afterAll(() => project.remove())
beforeEach(() => project.restore('before'))

test('what partitions share is compared and accepted with them, or alone where nothing of them is due', { timeout: 120_000 }, async () => {
  const before = await made()
  expect(before.owners).toEqual(WAS)
  const { code, report } = await compare()
  expect(code).toBe(3)
  expect(report.partitions.map(({ partition, outcome }) => [partition, outcome])).toEqual([['', 'different']])
  const [replaced, merged, delivered] = report.partitions[0]?.targets ?? []
  expect(replaced).toMatchObject({ target: 'owners', key: ['owner'], before: 2, after: 1, added: 0, removed: 1, changed: 1, staying: 0 })
  expect(merged).toMatchObject({ target: 'owner', key: ['owner'], before: 2, after: 1, removed: 0, changed: 1, staying: 1 })
  expect(delivered).toMatchObject({ target: 'owners.csv', before: 2, after: 1, removed: 1, changed: 1 })
  expect(report.notCompared).toEqual([])
  expect(await made()).toEqual(before)
  // Those of a range alone are none.
  expect((await backfill('--accept', '--from', DAYS[1])).error).toContain('there are no candidates of "sales" among these partitions')
  const accepted = await backfill('--accept')
  expect(accepted.code, accepted.error).toBe(0)
  expect(await made()).toEqual({
    ...before,
    owners: [['Ann', '2']],
    owner: [
      ['Ann', '2', ''],
      ['Bob', '1', ''],
    ],
    file: 'owner,shops\nAnn,2\n',
  })
  expect(candidates()).toEqual([])
  expect((await compare()).report).toMatchObject({ outcome: 'equal', partitions: [] })
  expect((await millrace(project, 'run', 'sales')).stdout).toContain('nothing to do')
})

test('it is refused where what partitions share has changed meanwhile, shown by name, and given up', { timeout: 120_000 }, async () => {
  const text = await backfill('--compare', '--partition', DAYS[0], '--force')
  expect(text.code).toBe(3)
  expect(text.stdout).toMatch(/^shared +owners /m)
  expect(candidates()).toEqual(['%', DAYS[0]])
  project.write({ 'data/shops.csv': 'shop,owner,changed\na,Ann,2024-01-01\nb,Bob,2024-01-01\nc,Cid,2024-01-02\n' })
  expect((await millrace(project, 'run', 'sales', '--only', 'extract')).code).toBe(0)
  const refused = await backfill('--accept')
  expect(refused.code).toBe(2)
  expect(refused.error).toContain(
    'failed shared datasets: sales load owners: the candidate of "owners" is out of date: its inputs, or the code, are others now\n  hint: compare again: millrace backfill sales --compare',
  )
  expect((await made()).owners).toEqual(WAS)
  expect((await backfill('--reject', '--partition', DAYS[0])).stdout).toContain('gave up 1 candidate ')
  expect(candidates()).toEqual(['%'])
  expect((await backfill('--reject')).stdout).toContain('gave up 1 candidate ')
  expect(candidates()).toEqual([])
})
