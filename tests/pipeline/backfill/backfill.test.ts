import { existsSync, readdirSync, rmSync } from 'node:fs'
import { totalmem } from 'node:os'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { whileBackfilling } from '../../../lib/pipeline/backfill/backfill.ts'
import { openProject } from '../../../lib/pipeline/project.ts'
import type { RunReport } from '../../../lib/pipeline/report.ts'
import { millrace } from '../../kit/millrace.ts'
import { DAYS, madeBy, salesProject } from './project.ts'

// Workers are processes of their own, as for users. What an uninterrupted `run` makes is the measure.

let plain: Awaited<ReturnType<typeof madeBy>>
const project = salesProject()
beforeAll(async () => {
  const { code, error } = await millrace(project, 'run', 'sales')
  expect(code, error).toBe(0)
  plain = await madeBy(project)
}, 60_000)
afterAll(() => project.remove())
beforeEach(() => {
  project.clear()
})

async function backfill(...args: readonly string[]): Promise<{ readonly code: number; readonly report: RunReport }> {
  const { code, stdout } = await millrace(project, 'backfill', 'sales', '--jobs', '2', '--json', ...args)
  return { code, report: JSON.parse(stdout) }
}
const outcomes = ({ partitions }: RunReport) =>
  Object.fromEntries(partitions.map(({ partition, outcome }) => [partition || 'shared', outcome]))
const all = (outcome: string) => Object.fromEntries(DAYS.map((day) => [day, outcome]))

test('backfill makes what run makes, under one run id, and leaves nothing to do', { timeout: 60_000 }, async () => {
  const { code, report } = await backfill()
  expect(code).toBe(0)
  expect(outcomes(report)).toEqual({ shared: 'done', ...all('done') })
  expect(report.deliveries).toMatchObject([{ delivery: 'book', outcome: 'delivered' }])
  expect(report.manifests.length).toBe(DAYS.length + 1)
  expect(await madeBy(project)).toEqual(plain)
  expect(readdirSync(project.path('.millrace/dev/workspace')).filter((name) => !name.startsWith('_'))).toEqual([])
  const again = await backfill()
  expect(outcomes(again.report)).toEqual({ shared: 'unchanged' })
  expect((await millrace(project, 'run', 'sales', '--from', '2024')).stdout).toContain('up to date')
})

test('a worker that is killed costs its partition an attempt; one that never lives through it is told of, and the others are done', {
  timeout: 60_000,
}, async () => {
  project.befall({ [DAYS[1]]: 'kill once', [DAYS[2]]: 'kill' })
  const { code, report } = await backfill('--keep-going', '--attempts', '2')
  expect(code).toBe(1)
  expect(outcomes(report)).toEqual({ shared: 'done', ...all('done'), [DAYS[2]]: 'failed' })
  const { error } = report.partitions.find(({ partition }) => partition === DAYS[2]) ?? {}
  expect(error).toMatchObject({ kind: 'PermanentError', message: 'the worker at work on it died twice (SIGKILL)', partition: DAYS[2] })
  expect(report.deliveries).toMatchObject([{ delivery: 'book', outcome: 'notSwitched' }])
  project.befall({})
  // Of the others the delivery of all days is still to be switched.
  expect(outcomes((await backfill('--failed', '--from', DAYS[0])).report)).toEqual({ shared: 'unchanged', [DAYS[2]]: 'done' })
  expect((await backfill()).code).toBe(0)
  expect(await madeBy(project)).toEqual(plain)
  // What is done, and failed when it was read again, has failed at its last attempt too.
  project.befall({ [DAYS[3]]: 'fail' })
  expect((await backfill('--refresh', '--from', DAYS[3])).code).toBe(1)
  project.befall({})
  expect(outcomes((await backfill('--failed', '--refresh')).report)).toMatchObject({ [DAYS[3]]: 'unchanged' })
  expect((await millrace(project, 'backfill', 'sales', '--failed')).stdout).toContain('nothing to do')
})

test('what may pass is tried again, what will not is not; the first failure lets no other partition begin', {
  timeout: 60_000,
}, async () => {
  project.befall({ [DAYS[0]]: 'busy once' })
  const { code, report } = await backfill('--from', DAYS[0], '--to', DAYS[2])
  expect(code).toBe(0)
  expect(outcomes(report)).toEqual({ shared: 'done', [DAYS[0]]: 'done', [DAYS[1]]: 'done' })
  project.befall({ [DAYS[4]]: 'fail once', [DAYS[3]]: 'slow' })
  const failed = await backfill('--newest-first')
  expect(failed.code).toBe(1)
  expect(outcomes(failed.report)).toEqual({ shared: 'unchanged', [DAYS[4]]: 'failed', [DAYS[3]]: 'done', [DAYS[2]]: 'notRun' })
  expect((await backfill('--missing')).code).toBe(0)
  expect(await madeBy(project)).toEqual(plain)
})

test('a dry run says what would be run, in which order and why, and does nothing', { timeout: 60_000 }, async () => {
  // No more than there is.
  const { memoryBytes } = JSON.parse((await millrace(project, 'backfill', 'sales', '--dry-run', '--memory', '999TB', '--json')).stdout)
  expect(memoryBytes).toBeLessThan(totalmem())
  project.befall({ [DAYS[1]]: 'fail' })
  await backfill('--partition', DAYS[1])
  const { stdout } = await millrace(project, 'backfill', 'sales', '--dry-run', '--json', '--newest-first')
  expect(JSON.parse(stdout).partitions).toEqual([
    ...[4, 3, 2].map((i) => ({ partition: DAYS[i], why: 'due' })),
    { partition: DAYS[1], why: 'failed: the shop is closed' },
    { partition: DAYS[0], why: 'due' },
  ])
  expect(existsSync(project.path(`.millrace/dev/export/daily/${DAYS[4]}.csv`))).toBe(false)
})

test('a backfill is forecast from those before, and says how wrong the last forecast was', { timeout: 240_000 }, async () => {
  const planned = async () => JSON.parse((await millrace(project, 'backfill', 'sales', '--from', '2024', '--dry-run', '--json')).stdout)
  expect((await millrace(project, 'backfill', 'sales', '--dry-run')).stdout).toContain(
    'none yet: it is learned from partitions that were made',
  )
  const first = await backfill()
  expect(first.report.forecast).toBeUndefined()
  const { forecast, lastForecast, partitions } = await planned()
  expect(forecast).toMatchObject({ partitions: 5, from: '5 partitions' })
  expect(forecast.peakBytes).toBeGreaterThan(100e6)
  expect(forecast.bytesWritten).toBeGreaterThan(0)
  expect(partitions[0].forecast.seconds).toBeGreaterThan(0)
  expect(lastForecast).toBeUndefined()

  const { report } = await backfill('--from', '2024', '--force')
  expect(report.forecast).toMatchObject({ partitions: 5, from: '5 partitions', took: { peakBytes: report.peakRssBytes } })
  expect((await planned()).lastForecast).toEqual(report.forecast)
  const { stdout } = await millrace(project, 'backfill', 'sales', '--from', '2024', '--dry-run')
  expect(stdout).toMatch(/\nforecast .* of memory at most, .* written; learned from 5 partitions\nlast time .*: took .* \([+-]?\d+ %\)/)

  rmSync(project.path('.millrace/dev/landing'), { recursive: true })
  expect((await millrace(project, 'ledger', 'rebuild')).code).toBe(0)
  const plan = await millrace(project, 'plan', 'sales')
  expect(plan.stdout).toMatch(/\nforecast of a run: .*; learned from 5 partitions\nforecast of the last backfill: .*: took /)
})

test('backfill refuses what cannot be, before anything is run', { timeout: 60_000 }, async () => {
  const error = async (...args: readonly string[]) => {
    const { code, stderr } = await millrace(project, 'backfill', 'sales', ...args)
    expect(code).toBe(2)
    return stderr
  }
  expect(await error('--from', '2024-01-09')).toContain('no partition of "sales" lies in [2024-01-09, …)')
  expect(await error('--from', '2025')).toContain('hint: there are 2024-01-01 to 2024-01-05')
  expect(await error('--partition', '2024-01-01', '--from', '2024')).toContain('exclude each other')
  expect(await error('--partition', '2024-02-01')).toContain('no partition "2024-02-01"')
  expect(await error('--jobs', '0')).toContain('--jobs 0')
  expect(await error('--keep-going', '--max-failures', '3')).toContain('exclude each other')
  expect(await error('--memory', 'much')).toContain('--memory is not an amount of memory')
  expect(await error('--memory', '100MB', '--jobs', '4')).toContain('they need at least 2.0 GB')
  expect(await error('--stop-at', 'six')).toContain('expected the form 06:00')
  // A dry run is asked before a long night, and refuses what the night would.
  expect(await error('--stop-at', '24:00', '--dry-run')).toContain('expected the form 06:00')
  expect(existsSync(project.path('.millrace/dev/landing'))).toBe(false)
})

test('what is done before there are workers has the memory and the threads that were asked for', async () => {
  const asked = { memoryBytes: 1e9, threads: 1 }
  const limits = await whileBackfilling(
    await openProject(project.folder),
    'sales',
    asked,
    async ({ running }) => running.context(undefined, '').limits,
  )
  expect(limits).toMatchObject({ memoryBytes: 5e8, threads: 1 })
})
