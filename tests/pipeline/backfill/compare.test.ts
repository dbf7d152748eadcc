import { existsSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { TargetComparison } from '../../../lib/pipeline/compare/compare-report.ts'
import { connectToTestEngine } from '../../kit/engine.ts'
import { millrace } from '../../kit/millrace.ts'
import { changedProject, PIPELINE } from './changed.ts'
import { DAYS, madeBy } from './project.ts'

// The pipeline is changed, and what it would make now is held against what it has made. What a run with --force makes of the changed one is the measure of what was accepted.

const SOME = [DAYS[1], DAYS[2]]
const { backfill, changed, compare, project } = changedProject()

let before: Awaited<ReturnType<typeof madeBy>>
let after: Awaited<ReturnType<typeof madeBy>>
beforeAll(async () => {
  expect((await millrace(project, 'run', 'sales')).code).toBe(0)
  before = await madeBy(project)
  project.save('before')
  project.write({ [PIPELINE]: changed })
  expect((await millrace(project, 'run', 'sales', '--from', DAYS[1], '--to', DAYS[3])).code).toBe(0)
  after = await madeBy(project)
}, 120_000)
afterAll(() => project.remove())
beforeEach(() => project.restore('before'))

const shown = ({ stage, target, key, before, after, added, removed, changed, columns }: TargetComparison) => [
  ...[stage, target, key.join(' '), before, after, added, removed, changed],
  columns.map(({ name, changed }) => `${name} ${changed}`).join(' '),
]
const candidates = () => readdirSync(project.path('.millrace/dev/candidates/sales')).sort()

test('compare changes nothing and says what differs, by key and column; accept commits just that, and leaves nothing', {
  timeout: 120_000,
}, async () => {
  const { code, report } = await compare('--stale', '--from', DAYS[1], '--to', DAYS[3])
  expect(code).toBe(3)
  expect(report.outcome).toBe('different')
  expect(report.partitions.map(({ partition, outcome }) => [partition, outcome])).toEqual(SOME.map((day) => [day, 'different']))
  const second = report.partitions[0]
  expect(second?.targets.map(shown)).toEqual([
    ['load', 'daily', 'day shop', 2, 1, 0, 1, 1, 'amount 1'],
    ['export', 'daily/{partition}.csv', 'day shop', 2, 1, 0, 1, 1, 'amount 1'],
    ['export', 'sale/{partition}.csv', 'id', 3, 3, 0, 0, 0, ''],
  ])
  expect(second?.targets[0]?.examples).toEqual([
    { kind: 'removed', key: { day: DAYS[1], shop: 'b' }, columns: [] },
    { kind: 'changed', key: { day: DAYS[1], shop: 'a' }, columns: [{ name: 'amount', before: '4.20', after: '6.20' }] },
  ])
  expect(second?.targets[2]).toMatchObject({ newColumns: ['sold'], goneColumns: [], retyped: [] })
  const db = await connectToTestEngine()
  const sample = `SELECT kind, before.amount AS b, after.amount AS a FROM '${second?.targets[0]?.sample?.replace('<project>', project.folder)}' ORDER BY kind`
  expect(await db.meta(sample).finally(() => db.close())).toEqual([
    { kind: 'changed', b: '4.20', a: '6.20' },
    { kind: 'removed', b: '2.10', a: null },
  ])
  expect(await madeBy(project)).toEqual(before)
  expect(existsSync(project.path('.millrace/dev/runs', report.run))).toBe(false)
  expect(candidates()).toEqual(SOME)

  const accepted = await backfill('--accept', '--stale')
  expect(accepted.code, accepted.error).toBe(0)
  expect(await madeBy(project)).toEqual(after)
  expect(candidates()).toEqual([])
  expect((await millrace(project, 'plan', 'sales', '--stale')).stdout).toContain('3 of 5 partitions that are done are stale')
  expect((await backfill('--accept')).error).toContain('there are no candidates of "sales"')
})

test('compare refuses what cannot be', { timeout: 60_000 }, async () => {
  expect(await backfill('--compare', '--accept')).toMatchObject({
    code: 2,
    error: expect.stringContaining('--compare and --accept exclude each other'),
  })
  expect(await backfill('--compare', '--refresh')).toMatchObject({ code: 2, error: expect.stringContaining('leave out --refresh') })
  expect(await backfill('--accept', '--force')).toMatchObject({ code: 2, error: expect.stringContaining('--accept computes nothing') })
  expect(await backfill('--reject')).toMatchObject({ code: 2, error: expect.stringContaining('there are no candidates') })
})
