import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { CompareReport } from '../../lib/pipeline/compare/compare-report.ts'
import { killedAtLine } from '../kit/killed-at.ts'
import { millrace } from '../kit/millrace.ts'
import { CHECKOUT } from '../kit/project.ts'
import { changedProject, PIPELINE } from '../pipeline/backfill/changed.ts'
import { DAYS, madeBy } from '../pipeline/backfill/project.ts'

// The pipeline is changed, and what it would make now is held against what it has made. What a run with --force makes of the changed one is the measure of what was accepted.

const { backfill, changed, compare, original, project } = changedProject()

beforeAll(async () => {
  expect((await millrace(project, 'run', 'sales')).code).toBe(0)
  project.save('before')
  project.write({ [PIPELINE]: changed })
  expect((await millrace(project, 'run', 'sales', '--from', '2024')).code).toBe(0)
}, 120_000)
afterAll(() => project.remove())
beforeEach(() => project.restore('before'))

const candidates = () => readdirSync(project.path('.millrace/dev/candidates/sales')).sort()

test('compare of what is not there yet, and of what is the same, says so; the text is for people', { timeout: 120_000 }, async () => {
  rmSync(project.path('.millrace'), { recursive: true })
  const text = await backfill('--compare', '--from', DAYS[3], '--jobs', '1')
  expect(text.code).toBe(3)
  expect(text.stdout).toMatch(/^sales \(dev\): something differs in .*; partitions: 3 different\n/)
  expect(text.stdout).toContain('2024-01-05  daily                       0      2      2        0        0  nothing was there')
  expect(text.stdout).toContain('sale/{partition}.csv           2      0       0      6      6        0        0  -')
  expect(text.stdout).toContain('to let it through: millrace backfill sales --accept')
  expect(existsSync(project.path('.millrace/dev/warehouse.duckdb'))).toBe(false)
  expect((await backfill('--accept', '--partition', DAYS[4])).code).toBe(0)
  expect(candidates()).toEqual(['%', DAYS[3]])
  expect(await project.warehouse('SELECT DISTINCT _partition FROM daily')).toEqual([[DAYS[4]]])
  // The same again, under the same key.
  const again = await compare('--partition', DAYS[4], '--force')
  expect(again.code).toBe(3)
  expect(again.report.partitions).toMatchObject([
    { partition: '', outcome: 'different', targets: [{ target: 'shop', before: 0, added: 2, first: true }] },
    { outcome: 'equal', targets: [{}, {}, {}, {}] },
  ])
  expect((await backfill('--reject', '--partition', DAYS[3])).stdout).toMatch(/gave up 1 candidate /)
  expect((await millrace(project, 'prune', 'sales')).stdout).toContain('candidate')
  expect(candidates()).toEqual([])
})

test('accept refuses what is out of date, before anything is committed, and says why; with --keep-going it does the rest', {
  timeout: 120_000,
}, async () => {
  expect((await compare('--from', DAYS[2])).code).toBe(3)
  // One is made meanwhile by a run, of the same code: it is done. Of another the source has changed.
  expect((await millrace(project, 'run', 'sales', '--partition', DAYS[2])).code).toBe(0)
  const sales = readFileSync(project.path('data/sales.csv'), 'utf8')
  project.write({ 'data/sales.csv': sales.replace('30,2024-01-04 10:00:00,a,4.00', '30,2024-01-04 10:00:00,a,5.00') })
  expect((await millrace(project, 'run', 'sales', '--partition', DAYS[3], '--refresh')).code).toBe(0)
  const made = await madeBy(project)
  const refused = await backfill('--accept')
  expect(refused.code).toBe(2)
  expect(refused.error).toBe(
    `failed ${DAYS[3]}: sales load daily partition ${DAYS[3]}: the candidate of "daily" is out of date: its inputs, or the code, are others now\n` +
      `  hint: compare again: millrace backfill sales --partition ${DAYS[3]} --compare; or give it up: millrace backfill sales --partition ${DAYS[3]} --reject`,
  )
  expect(await madeBy(project)).toEqual(made)
  expect((await backfill('--accept', '--keep-going')).code).toBe(1)
  expect(await project.warehouse(`SELECT sum(amount) FROM daily WHERE _partition = '${DAYS[4]}'`)).toEqual([['17.30']])
  expect(candidates()).toContain(DAYS[3])
  // What somebody else has loaded in its place is not replaced unseen.
  project.restore('before')
  expect((await compare('--partition', DAYS[0])).code).toBe(3)
  project.write({ [PIPELINE]: original })
  expect((await millrace(project, 'run', 'sales', '--partition', DAYS[0], '--force')).code).toBe(0)
  expect((await backfill('--accept')).error).toContain('its inputs, or the code, are others now')
  project.write({ [PIPELINE]: changed })
})

test('accept takes no candidate whose files have other bytes than were compared, or are no candidate', { timeout: 120_000 }, async () => {
  expect((await compare('--from', DAYS[3])).code).toBe(3)
  const made = await madeBy(project)
  const folder = project.path('.millrace/dev/candidates/sales', DAYS[3])
  const file = readdirSync(folder).find((name) => /-1\.parquet$/.test(name)) ?? ''
  damage(`${folder}/${file}`)
  project.write({ [`.millrace/dev/candidates/sales/${DAYS[4]}/candidate.json`]: '{}' })
  const refused = await backfill('--accept')
  expect([refused.code, refused.error]).toEqual([2, expect.stringContaining(`out of date: its file ${file} is gone or damaged`)])
  expect(refused.error).toMatch(/candidate\.json is no candidate that this version of millrace knows\n {2}hint: .*--reject/)
  expect(await madeBy(project)).toEqual(made)
})

test('accept commits no rows of a partition whose files were pruned meanwhile', { timeout: 120_000 }, async () => {
  expect((await compare('--from', DAYS[3])).code).toBe(3)
  const made = await madeBy(project)
  expect((await millrace(project, 'deliver', 'prune', 'sales')).code).toBe(0)
  const refused = await backfill('--accept')
  expect([refused.code, refused.error]).toEqual([
    2,
    expect.stringMatching(
      /of "daily\/\{partition\}\.csv" is out of date: daily\/2024-01-04\/manifest-\S+ is gone.*\n {2}hint: compare again/,
    ),
  ])
  expect(await madeBy(project)).toEqual(made)
})

/** Changes a byte in the middle, in a file of its own: its bytes may have a second name. */
function damage(path: string): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
  rmSync(path)
  writeFileSync(path, bytes)
}

test('compare that is stopped says of each partition that it was not compared', { timeout: 120_000 }, async () => {
  const stopped = await new Promise<{ code: number | null; stdout: string }>((done, failed) => {
    const child = spawn(
      process.execPath,
      [join(CHECKOUT, 'bin/millrace.js'), 'backfill', 'sales', '--compare', '--from', DAYS[0], '--force', '--json'],
      {
        cwd: project.folder,
        env: { ...process.env, MILLRACE_LOG: 'json' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let [stdout, signals] = ['', 0]
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    // At the first line of the log, and again when that is answered: what partitions share is being made.
    child.stderr.setEncoding('utf8').on('data', () => signals++ < 2 && child.kill('SIGINT'))
    child.on('error', failed)
    child.on('close', (code) => done({ code, stdout }))
  })
  expect(stopped.code).toBe(130)
  const report: CompareReport = JSON.parse(stopped.stdout)
  expect(report.outcome).toBe('interrupted')
  expect(report.partitions.map(({ partition }) => partition)).toEqual([...DAYS])
  expect(existsSync(project.path('.millrace/dev/candidates/sales'))).toBe(false)
})

const acceptKilledAt = (line: number) => killedAtLine(project, ['backfill', 'sales', '--accept'], line)

test('accept that is killed at any instant is done by the next one, to the same end', { timeout: 900_000 }, async () => {
  project.write({ [PIPELINE]: changed })
  expect((await compare('--stale')).code).toBe(3)
  project.save('compared')
  expect((await backfill('--accept')).code).toBe(0)
  const whole = await madeBy(project)
  let kills = 0
  for (let line = 1; line <= 21; line += 4) {
    project.restore('compared')
    if (await acceptKilledAt(line)) kills++
    // Once more a little later, then to the end.
    if (await acceptKilledAt(line + 2)) kills++
    const { code, error } = await backfill('--accept')
    const over = error.includes('there are no candidates')
    expect(code, error).toBe(over ? 2 : 0)
    expect(await madeBy(project)).toEqual(whole)
    expect(candidates()).toEqual([])
    expect((await millrace(project, 'plan', 'sales', '--stale')).stdout).toContain('nothing changed since it was made')
  }
  expect(kills).toBeGreaterThan(5)
})

test('reject after an accept that was killed leaves each partition whole, old or new, and says which', { timeout: 900_000 }, async () => {
  project.write({ [PIPELINE]: changed })
  expect((await compare('--stale')).code).toBe(3)
  project.save('compared')
  const of = async (day: string) =>
    JSON.stringify([
      await project.warehouse(`SELECT * EXCLUDE (_load) FROM daily WHERE _partition = '${day}' ORDER BY ALL`),
      readFileSync(project.path(`.millrace/dev/export/daily/${day}.csv`), 'utf8'),
    ])
  const all = () => Promise.all(DAYS.map(of))
  const before = await all()
  expect((await backfill('--accept')).code).toBe(0)
  const after = await all()
  let finished = 0
  for (const line of [1, 5, 7, 9, 12]) {
    project.restore('compared')
    await acceptKilledAt(line)
    const { code, stdout, error } = await backfill('--reject')
    if (error.includes('there are no candidates')) continue
    expect(code, error).toBe(0)
    const now = await all()
    for (const [i, each] of now.entries()) expect([before[i], after[i]], stdout).toContain(each)
    const told = /had begun to commit (.*): that was finished/.exec(stdout)?.[1]?.split(', ') ?? []
    finished += told.length
    for (const day of told) expect(now[DAYS.indexOf(day as (typeof DAYS)[number])]).toBe(after[DAYS.indexOf(day as (typeof DAYS)[number])])
    if (stdout.includes('as they were')) expect(now).toEqual(before)
    expect(candidates()).toEqual([])
  }
  expect(finished).toBeGreaterThan(0)
})
