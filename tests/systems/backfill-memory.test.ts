import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { RunReport } from '../../lib/pipeline/report.ts'
import { CHECKOUT, command } from '../kit/project.ts'
import { DAYS, madeBy, salesProject } from '../pipeline/backfill/project.ts'

// Workers that want more memory than there is: each partition whose process holds 800 MB for three seconds, two at once.

const project = salesProject()
let plain: Awaited<ReturnType<typeof madeBy>>
beforeAll(async () => {
  expect((await project.millrace('run', 'sales')).code).toBe(0)
  plain = await madeBy(project)
}, 120_000)
afterAll(() => project.remove())
beforeEach(() => project.clear())

/** A control group of this machine's memory controller, of version 2 or 1, in which a command runs; undefined where none may be made. */
function memoryGroup(limitBytes: number) {
  const name = `millrace-test-${process.pid}-${Date.now()}`
  for (const [folder, limit, peak] of [
    [join('/sys/fs/cgroup', name), 'memory.max', 'memory.peak'],
    [join('/sys/fs/cgroup/memory', name), 'memory.limit_in_bytes', 'memory.max_usage_in_bytes'],
  ] as const) {
    try {
      mkdirSync(folder)
    } catch {
      continue
    }
    onTestFinished(() => rmdirSync(folder))
    if (!existsSync(join(folder, limit))) continue
    writeFileSync(join(folder, limit), String(limitBytes))
    return { folder, peakBytes: () => Number(readFileSync(join(folder, peak), 'utf8')) }
  }
  return undefined
}

const HOGS = [DAYS[0], DAYS[1], DAYS[3]]
const launcher = join(CHECKOUT, 'bin/millrace.js')
const backfill = (...args: readonly string[]) => [launcher, 'backfill', 'sales', '--jobs', '2', '--json', ...args]

/** How often each partition was tried. */
async function attempts(): Promise<Record<string, number>> {
  const grid = JSON.parse((await project.millrace('status', 'sales', '--grid', '--json')).stdout)
  return Object.fromEntries(grid.partitions.map((each: { partition: string; attempts: number }) => [each.partition, each.attempts]))
}

test('workers that hold more than the budget are ended and tried again alone, and all are done', { timeout: 300_000 }, async () => {
  project.befall(Object.fromEntries(HOGS.map((day) => [day, 'hog' as const])))
  const { code, stdout, stderr } = await command(process.execPath, backfill('--memory', '512MB'), project.folder)
  expect(code, stderr.slice(-2000)).toBe(0)
  const { outcome } = JSON.parse(stdout) as RunReport
  expect(outcome).toBe('done')
  expect(stderr.includes('it is tried again alone')).toBe(true)
  const tried = await attempts()
  expect(Math.max(...HOGS.map((day) => tried[day] ?? 0))).toBe(2)
  project.befall({})
  expect(await madeBy(project)).toEqual(plain)

  // What was learned keeps them apart from the beginning.
  project.befall(Object.fromEntries(HOGS.map((day) => [day, 'hog' as const])))
  const again = await command(process.execPath, backfill('--memory', '512MB', '--from', '2024', '--force', '--refresh'), project.folder)
  expect(again.code, again.stderr.slice(-2000)).toBe(0)
  expect(again.stderr.includes('it is tried again alone')).toBe(false)
})

test('under a limit of the machine nothing but a worker is ended, and all are done', { timeout: 300_000 }, async ({ skip }) => {
  const limit = 1_700_000_000
  const group = memoryGroup(limit)
  if (!group) {
    console.warn('skipped: no control group of memory may be made here (be root, where one can be)')
    return skip('no control group of memory may be made here')
  }
  project.befall(Object.fromEntries(DAYS.map((day) => [day, 'hog' as const])))
  const line = [process.execPath, ...backfill('--memory', '8GB', '--attempts', '4')].map((word) => `'${word}'`).join(' ')
  const { code, stdout, stderr } = await command('sh', ['-c', `echo $$ > ${group.folder}/cgroup.procs && exec ${line}`], project.folder)
  expect(code, stderr.slice(-2000)).toBe(0)
  expect((JSON.parse(stdout) as RunReport).outcome).toBe('done')
  expect(stderr.includes('it is tried again alone')).toBe(true)
  expect(group.peakBytes()).toBeLessThanOrEqual(limit)
  project.befall({})
  expect(await madeBy(project)).toEqual(plain)
})
