import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { heldBytes } from '../../lib/observe/proc.ts'
import type { RunReport } from '../../lib/pipeline/report.ts'
import { CHECKOUT, command, testProject } from '../kit/project.ts'
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
  const { code, stdout, stderr } = await command(process.execPath, backfill('--memory', '1.2GB'), project.folder)
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
  const again = await command(process.execPath, backfill('--memory', '1.2GB', '--from', '2024', '--force', '--refresh'), project.folder)
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

const LARGE = {
  'pipelines/large/pipeline.ts': `import { contract, csv, day, merge, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'large', schema, partition: day({ from: '2024-01-01', to: '2024-01-05' }),
  extract: { sale: source('data').files('sales.csv', { window: 'sold' }), shop: source('data').files('shops.csv') },
  transform: { joined: sql\`SELECT id, sold, shop, owner, amount, note FROM sale JOIN shop USING (shop)\` },
  load: { joined: [replacePartition('joined'), merge('sale', { key: 'id' })], shop: merge('shop', { key: 'shop' }) },
  export: { joined: csv('joined/{partition}.csv', { contract: contract({ formulas: 'raw', columns: schema.joined, orderBy: ['note', 'id'] }) }) },
})
`,
  'pipelines/large/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'int32', amount: 'decimal(9,2)', note: 'text' },
  shop: { shop: 'int32', owner: 'text' },
  joined: { id: 'int32', sold: 'timestamp', shop: 'int32', owner: 'text', amount: 'decimal(9,2)', note: 'text' },
} as const
`,
}

/** A million sales, 75 MB of CSV, whose days do not lie side by side. */
const ROWS = 1_000_000

test('the least memory that a backfill takes is kept: scan, join, sort, merge and delivery of a million rows', {
  timeout: 300_000,
}, async () => {
  const large = testProject(LARGE)
  mkdirSync(large.path('data'))
  const db = await openDuckDB({ memoryBytes: 2 ** 29, threads: 2, temp: large.path('generated') })
  const [sales, shops] = [large.path('data/sales.csv'), large.path('data/shops.csv')]
  const second = "timestamp '2024-01-01' + to_seconds((i * 7919) % 345600)"
  const sale = `SELECT i AS id, ${second} AS sold, (i * 31) % 200000 AS shop, (i % 100000) / 100 AS amount, md5(CAST(i % 500000 AS TEXT)) AS note FROM range(${ROWS}) t(i)`
  await db.run(`COPY (${sale}) TO '${sales}' (HEADER)`)
  await db.run(`COPY (SELECT i AS shop, 'owner ' || md5(CAST(i AS TEXT)) AS owner FROM range(200000) t(i)) TO '${shops}' (HEADER)`)
  db.close()

  // Of a machine nine tenths are used: a group of a ninth more has just the budget, and the kernel would end what goes beyond.
  const group = memoryGroup(1_333_333_334)
  const enter = group ? `echo $$ > ${group.folder}/cgroup.procs && ` : ''
  const line = `exec '${process.execPath}' '${launcher}' backfill large --jobs 2 --memory 1.2GB --threads 2`
  const child = spawn('sh', ['-c', enter + line], { cwd: large.folder, stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [stderr, peak] = ['', 0]
  const watch = setInterval(() => {
    peak = Math.max(peak, heldBytes(child.pid ?? 0))
  }, 20)
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<number | null>((done) => child.on('close', done))
  clearInterval(watch)
  expect(code, stderr.slice(-2000)).toBe(0)
  expect(stderr.includes('tried again')).toBe(false)
  expect(await large.warehouse('SELECT count(*), count(DISTINCT _partition), sum(id) FROM sale')).toEqual([
    [String(ROWS), '4', String((ROWS * (ROWS - 1)) / 2)],
  ])
  expect(peak).toBeGreaterThan(300e6)
  expect(peak).toBeLessThanOrEqual(1.2e9)
})
