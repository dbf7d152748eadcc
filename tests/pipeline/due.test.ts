import { chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import type { DueReport } from '../../lib/pipeline/report.ts'
import type { DueRuns } from '../../lib/pipeline/schedule/run-due.ts'
import { lock, scheduleLock } from '../../lib/state/lock.ts'
import { millrace } from '../kit/millrace.ts'
import { CHECKOUT, type TestProject, testProject } from '../kit/project.ts'

/** Pipelines that load one file each, with schedules as code. */
function scheduled(schedules: Readonly<Record<string, string>>): TestProject {
  return testProject(
    Object.fromEntries(
      Object.entries(schedules).flatMap(([name, schedule]) => [
        [
          `pipelines/${name}/pipeline.ts`,
          `/** Counts ${name}. */
import { between, pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: '${name}', schema, ${schedule && `schedule: ${schedule},`}
  extract: { each: source('data').files('${name}.csv') },
  check: { each: [between('x', 0, 9)] },
  load: { each: replace('${name}') },
})`,
        ],
        [`pipelines/${name}/schema.ts`, "export const schema = { each: { x: 'int64' } } as const\n"],
        [`data/${name}.csv`, 'x\n1\n'],
      ]),
    ),
  )
}

const at = (now: string) => vi.stubEnv('TEST_NOW', now)
afterEach(() => {
  vi.unstubAllEnvs()
  process.chdir(CHECKOUT)
})

async function json<T>(project: TestProject, ...argv: readonly string[]): Promise<T & { readonly code: number }> {
  const { code, stdout, stderr } = await millrace(project, ...argv, '--json')
  expect(stdout, stderr).not.toBe('')
  return { ...(JSON.parse(stdout) as T), code }
}

const dueOf = async (project: TestProject, ...argv: readonly string[]) => {
  const { pipelines } = await json<{ pipelines: readonly DueReport[] }>(project, 'due', ...argv)
  return pipelines.map(({ pipeline, schedule: { due, last } }) => `${pipeline} ${due ? 'due' : 'done'} ${last}`)
}

const runDue = async (project: TestProject, ...argv: readonly string[]) => {
  const { runs, waiting, code } = await json<DueRuns>(project, 'run', '--due', ...argv)
  return { code, runs: runs.map(({ pipeline, outcome }) => `${pipeline} ${outcome}`), waiting: waiting.map(({ pipeline }) => pipeline) }
}

it('due says what is due, run --due runs it, and one run makes up for all times that were missed', async () => {
  const project = scheduled({ often: "'0 * * * *'", nightly: "{ cron: '0 5 * * *', zone: 'Europe/Berlin' }", never: '' })
  at('2024-01-10T12:30:00Z')
  // That which has waited longest comes first.
  expect(await dueOf(project)).toEqual(['nightly due 2024-01-10T04:00:00.000Z', 'often due 2024-01-10T12:00:00.000Z'])
  expect(await runDue(project)).toEqual({ code: 0, runs: ['nightly ran', 'often ran'], waiting: [] })
  expect(await dueOf(project)).toEqual(['nightly done 2024-01-10T04:00:00.000Z', 'often done 2024-01-10T12:00:00.000Z'])
  const { stdout, code } = await millrace(project, 'run', '--due')
  expect([code, stdout]).toEqual([0, 'nothing is due; next: often at 2024-01-10 13:00 UTC'])

  at('2024-01-14T03:59:00Z')
  expect(await dueOf(project)).toEqual(['nightly due 2024-01-13T04:00:00.000Z', 'often due 2024-01-14T03:00:00.000Z'])
  expect((await runDue(project)).runs).toEqual(['nightly ran', 'often ran'])
  expect((await runDue(project)).runs).toEqual([])
  at('2024-01-14T04:00:00Z')
  expect((await runDue(project)).runs).toEqual(['nightly ran', 'often ran'])
})

it('a whole run stands for the time, one of a stage or of partitions does not, nor one that failed', async () => {
  const project = scheduled({ nightly: "'0 5 * * *'" })
  at('2024-01-10T12:00:00Z')
  expect((await millrace(project, 'run', 'nightly', '--only', 'land')).code).toBe(0)
  expect(await dueOf(project)).toEqual(['nightly due 2024-01-10T05:00:00.000Z'])
  project.write({ 'data/nightly.csv': 'x\n10\n' })
  expect((await millrace(project, 'run', 'nightly')).code).toBe(3)
  expect((await millrace(project, 'due')).stdout).toMatch(
    /^nightly {2}due {2}0 5 \* \* \* \(UTC\) {2}since 2024-01-10 05:00 UTC {2}next 2024-01-11 05:00 UTC {2}last run \S+ failed \(exit 3\)$/,
  )
  project.write({ 'data/nightly.csv': 'x\n9\n' })
  expect((await millrace(project, 'run', 'nightly')).code).toBe(0)
  expect(await dueOf(project)).toEqual(['nightly done 2024-01-10T05:00:00.000Z'])
  // The ledger is an index only.
  rmSync(project.path('.millrace/dev/ledger.sqlite'))
  expect(await dueOf(project)).toEqual(['nightly done 2024-01-10T05:00:00.000Z'])
  // What was run while the clock went ahead says nothing of today.
  at('2024-01-09T12:00:00Z')
  expect(await dueOf(project)).toEqual(['nightly due 2024-01-09T05:00:00.000Z'])
})

it('run --due goes on after a pipeline that fails, and ends with its exit code', async () => {
  const project = scheduled({ bad: "'0 5 * * *'", good: "'0 6 * * *'" })
  at('2024-01-10T12:00:00Z')
  project.write({ 'data/bad.csv': 'x\n10\n' })
  expect(await runDue(project)).toEqual({ code: 3, runs: ['bad ran', 'good ran'], waiting: [] })
  const again = await millrace(project, 'run', '--due')
  expect(again.code).toBe(3)
  expect(again.error).toContain('bad check each: between(x, 0, 9) failed')
  expect((await json<DueRuns>(project, 'run', 'bad', '--due')).runs).toHaveLength(1)
  expect((await json<DueRuns>(project, 'run', 'good', '--due')).runs).toEqual([])
})

it('run --due leaves to another scheduler what that one is at work on', async () => {
  const project = scheduled({ one: "'0 5 * * *'", two: "'0 5 * * *'" })
  at('2024-01-10T12:00:00Z')
  const { path, what } = scheduleLock(project.path('.millrace/dev/locks'), 'one')
  const held = await lock(path, { what })
  expect(await runDue(project)).toEqual({ code: 0, runs: ['one running', 'two ran'], waiting: [] })
  expect((await millrace(project, 'run', '--due')).stdout).toBe('one: another scheduler is at work on it; left to that one')
  held.release()
  expect(await runDue(project)).toEqual({ code: 0, runs: ['one ran'], waiting: ['two'] })
})

it('two schedulers at once run what is due once', async () => {
  const project = scheduled({ one: "'0 5 * * *'", two: "'0 5 * * *'", three: "'0 5 * * *'" })
  const both = await Promise.all([0, 1].map(() => project.millrace('run', '--due', '--json')))
  const ran = both.flatMap(({ code, stdout, stderr }) => {
    expect(code, stderr).toBe(0)
    return (JSON.parse(stdout) as DueRuns).runs.flatMap(({ pipeline, outcome }) => (outcome === 'ran' ? [pipeline] : []))
  })
  expect(ran.sort()).toEqual(['one', 'three', 'two'])
  expect(await dueOf(project)).toEqual(expect.arrayContaining(['one done 2024-01-09T05:00:00.000Z']))
})

it('list, plan and status show the schedule', async () => {
  const project = scheduled({ nightly: "'0 5 * * *'", other: '' })
  at('2024-01-10T12:00:00Z')
  const line = 'schedule 0 5 * * * (UTC): due since 2024-01-10 05:00 UTC; next 2024-01-11 05:00 UTC; not run since'
  expect((await millrace(project, 'plan', 'nightly')).stdout).toContain(line)
  expect((await millrace(project, 'status')).stdout).toContain(line)
  expect((await millrace(project, 'list')).stdout).toBe('nightly  0 5 * * * (UTC)  Counts nightly\nother                     Counts other')
  expect((await json<{ pipelines: unknown }>(project, 'list')).pipelines).toEqual([
    { name: 'nightly', summary: 'Counts nightly', schedule: { cron: '0 5 * * *', zone: 'UTC' } },
    { name: 'other', summary: 'Counts other' },
  ])
})

it('prune keeps the record of the last run that the schedule counts, however many others came after it', async () => {
  const project = scheduled({ yearly: "'@yearly'" })
  at('2024-01-10T12:00:00Z')
  expect((await runDue(project)).runs).toEqual(['yearly ran'])
  const runs = project.path('.millrace/dev/runs')
  const { scheduled: _, ...record } = JSON.parse(readFileSync(join(runs, readdirSync(runs)[0] ?? '', 'run.json'), 'utf8'))
  for (let i = 10; i < 65; i++) {
    const run = `99990101T0000${i}000-abcdef`
    project.write({ [`.millrace/dev/runs/${run}/run.json`]: JSON.stringify({ ...record, run }) })
  }
  expect((await millrace(project, 'prune')).code).toBe(0)
  expect(readdirSync(runs)).toHaveLength(51)
  expect(await dueOf(project)).toEqual(['yearly done 2024-01-01T00:00:00.000Z'])
})

it('a wrong schedule is refused by plan, run and due, and does not hide the others', async () => {
  const project = scheduled({ fine: "'0 5 * * *'", wrong: "'0 25 * * *'" })
  at('2024-01-10T12:00:00Z')
  for (const argv of [
    ['plan', 'wrong'],
    ['run', 'wrong'],
    ['due', 'wrong'],
    ['run', 'wrong', '--due'],
  ]) {
    const { code, stderr } = await millrace(project, ...argv)
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('wrong: schedule "0 25 * * *" cannot be read: Invalid value for hour: 25\n  hint: '),
    ])
  }
  const found = await millrace(project, 'due')
  expect([found.code, found.stdout]).toEqual([2, expect.stringMatching(/^fine +due [\s\S]*wrong: cannot be read\n/)])
  const { code, runs } = await runDue(project)
  expect([code, runs]).toEqual([2, ['fine ran']])
  rmSync(project.path('pipelines/fine'), { recursive: true })
  for (const argv of [['due'], ['run', '--due']])
    expect((await millrace(project, ...argv)).stdout).toMatch(/^wrong: cannot be read\n {2}error: wrong: schedule "0 25 \* \* \*" cannot/)
})

it.each([
  [['run'], 'run is missing an argument'],
  [['run', '--due', '--partition', '2024'], '--due and --partition exclude each other'],
  [['run', 'other', '--due', '--force'], '--due and --force exclude each other'],
  [['run', 'other', '--due'], 'pipeline "other" has no schedule'],
  [['due', 'other'], 'pipeline "other" has no schedule'],
  [['due', 'nihgtly'], 'did you mean "nightly"?'],
])('millrace %j says what is wrong', async (argv, message) => {
  const { code, stderr } = await millrace(scheduled({ nightly: "'0 5 * * *'", other: '' }), ...argv)
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
})

it('due of a project without schedules says how to make one, and needs no right to write', async () => {
  const project = scheduled({ other: '' })
  chmodSync(project.folder, 0o555)
  const { code, stdout } = await millrace(project, 'due')
  expect([code, stdout]).toEqual([0, "no pipeline has a schedule; give one, as schedule: '0 5 * * *'"])
  expect((await millrace(project, 'run', '--due')).code).toBe(0)
  chmodSync(project.folder, 0o755)
})
