import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { RunReport } from '../../lib/observe/report.ts'
import { millrace } from '../kit/millrace.ts'
import type { TestProject } from '../kit/project.ts'
import { type Receiver, startReceiver } from '../kit/receiver.ts'
import { notifiedProject, pipelineOf, sell } from './notified.ts'

const FIRST = 'sales/2024-01-01/latest.json'
const again = ['run', 'p', '--partition', '2024-01-01', '--refresh'] as const

/** What a receiver has taken, as `sales/2024-01-01/latest.json 2`, in order. */
const told = ({ taken }: Receiver) => taken.map(({ latest, switch: n }) => `${latest} ${n}`)
const reportOf = async (project: TestProject, ...args: readonly string[]) =>
  JSON.parse((await millrace(project, ...args, '--json')).stdout) as RunReport
const markers = (project: TestProject) => {
  const folder = project.path('.millrace/dev/export/_notices/p')
  return existsSync(folder) ? readdirSync(folder) : []
}

it('a receiver is told of each switch, of what it led to, and of nothing where nothing is due', async () => {
  const downstream = await startReceiver()
  const p = notifiedProject({ downstream, audit: undefined })
  const first = await reportOf(p, 'run', 'p')
  expect([first.exitCode, first.notices]).toEqual([0, [{ receiver: 'downstream', sent: 2, pending: 0 }]])
  expect(told(downstream)).toEqual([`${FIRST} 1`, 'sales/2024-01-02/latest.json 1'])
  expect(markers(p)).toEqual([])

  const latest = JSON.parse(readFileSync(p.path('.millrace/dev/export', FIRST), 'utf8'))
  const manifest = JSON.parse(readFileSync(p.path('.millrace/dev/export', latest.manifest), 'utf8'))
  const { type, timestamp, id, data } = JSON.parse(downstream.received[0]?.body ?? '')
  expect([type, timestamp, id]).toEqual(['delivery.switched', latest.run.at, downstream.received[0]?.headers['webhook-id']])
  expect(data).toEqual({
    ...{ pipeline: 'p', path: 'sales/{partition}.csv', dataset: 'sale', partition: '2024-01-01', switch: 1 },
    ...{ store: '.millrace/dev/export', latest: FIRST, manifest: latest.manifest, manifestSha256: latest.run.manifestSha256 },
    ...{
      inputKey: latest.inputKey,
      rows: 2,
      fileCount: 1,
      files: manifest.files,
      contracts: { 'sales/{partition}.csv': 1 },
      run: first.run,
    },
  })

  const idle = await reportOf(p, 'run', 'p')
  expect([idle.outcome, idle.notices]).toEqual(['unchanged', undefined])
  sell(p, 30)
  const summary = await millrace(p, ...again)
  expect(summary.stdout).toContain('notified     downstream: told of 1 switch')
  expect(told(downstream).slice(2)).toEqual([`${FIRST} 2`])
})

it('what a dead receiver has missed it is told when it is back, in order, under the same ids; the run says so, and ends with 75', async () => {
  const downstream = await startReceiver()
  const p = notifiedProject({ downstream, audit: undefined })
  await millrace(p, 'run', 'p')
  downstream.reply(...Array(50).fill({ status: 503, body: 'closed' }))
  for (const amount of [30, 31]) {
    sell(p, amount)
    const seen = await millrace(p, ...again)
    expect(seen.code).toBe(75)
    expect(seen.stdout).toMatch(
      /"downstream" has not been told of 1 delivery; the next run tells it: webhook "downstream" at http\S+ answered 503: "closed"/,
    )
    expect(seen.stdout).toContain('notified     downstream: 1 delivery waits')
  }
  const refused = downstream.received.filter(({ answer }) => answer === 503).map(({ headers }) => headers['webhook-id'])
  expect(new Set(refused).size).toBe(1)
  const status = await millrace(p, 'status', 'p')
  expect(status.stdout).toContain('"downstream" has not been told of sales/2024-01-01, switches 2 to 3')

  downstream.reply()
  const idle = await millrace(p, 'run', 'p')
  expect(idle.code).toBe(0)
  expect(idle.stdout).toContain('downstream: told of 2 switches')
  expect(told(downstream).slice(2)).toEqual([`${FIRST} 2`, `${FIRST} 3`])
  expect(downstream.taken[2]?.id).toBe(refused[0])
  expect((await millrace(p, 'status', 'p')).stdout).not.toContain('has not been told')
})

it('a notice that is refused waits, and others are sent; a receiver that knows nobody is asked once', async () => {
  const downstream = await startReceiver()
  const audit = await startReceiver()
  const p = notifiedProject({ downstream, audit }, { sales: "notify: ['downstream', 'audit']" })
  downstream.reply({ status: 422, body: 'not me' })
  audit.reply(401)
  const report = await reportOf(p, 'run', 'p')
  expect([report.outcome, report.exitCode]).toEqual(['done', 75])
  expect(report.notices).toMatchObject([
    { receiver: 'audit', sent: 0, pending: 2, error: { hint: expect.stringContaining('check `secret`') } },
    {
      receiver: 'downstream',
      sent: 1,
      pending: 1,
      error: { kind: 'NoticeRefused', message: expect.stringContaining('answered 422: "not me"') },
    },
  ])
  expect(told(downstream)).toEqual(['sales/2024-01-02/latest.json 1'])
  expect(audit.received).toHaveLength(1)
  expect(markers(p)).toHaveLength(2)
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  expect(told(downstream)).toEqual(['sales/2024-01-02/latest.json 1', `${FIRST} 1`])
  expect(told(audit)).toEqual([`${FIRST} 1`, 'sales/2024-01-02/latest.json 1'])
  expect(markers(p)).toEqual([])
})

it('a named delivery tells whom any of its exports names, once for a switch', async () => {
  const downstream = await startReceiver()
  const audit = await startReceiver()
  const p = notifiedProject(
    { downstream, audit },
    { sales: "delivery: 'finance', notify: 'downstream'", big: "delivery: 'finance', notify: 'audit'" },
  )
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  expect([told(downstream), told(audit)]).toEqual([['finance/latest.json 1'], ['finance/latest.json 1']])
  expect(downstream.taken[0]?.id).not.toBe(audit.taken[0]?.id)
  const { data } = JSON.parse(audit.received[0]?.body ?? '')
  expect(data).toMatchObject({ delivery: 'finance', partition: null, rows: 4, fileCount: 4 })
  expect(data.files[0]).toMatchObject({ path: 'big/{partition}.csv', partition: '2024-01-01', rows: 1 })
})

it('plan refuses a receiver that the profile has not, and a run one without a secret, before anything is done', async () => {
  const p = notifiedProject({ downstream: undefined, audit: undefined }, { sales: "notify: 'downstraem'" })
  const plan = await millrace(p, 'plan', 'p')
  expect([plan.code, plan.error]).toEqual([2, expect.stringContaining('notifies "downstraem"; did you mean "downstream"?')])
  p.write(pipelineOf({}))
  expect((await millrace(p, 'plan', 'p')).stdout).toContain('csv, notifies downstream')
  delete process.env.TEST_KEY
  const run = await millrace(p, 'run', 'p')
  expect([run.code, run.error]).toEqual([
    2,
    expect.stringContaining('environment variable TEST_KEY is not set; config profile "dev": notify.downstream.secret wants it'),
  ])
  expect(existsSync(p.path('.millrace/dev/landing'))).toBe(false)
})
