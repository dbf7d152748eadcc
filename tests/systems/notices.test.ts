import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, it, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { CHECKOUT, command, type TestProject } from '../kit/project.ts'
import { type Receiver, startReceiver } from '../kit/receiver.ts'
import { KEY, notifiedProject, pipelineOf, sell } from '../pipeline/notified.ts'

const FIRST = 'sales/2024-01-01/latest.json'
const again = ['run', 'p', '--partition', '2024-01-01', '--refresh'] as const

const told = ({ taken }: Receiver) => taken.map(({ latest, switch: n }) => `${latest} ${n}`)
const markers = (project: TestProject) => {
  const folder = project.path('.millrace/dev/export/_notices/p')
  return existsSync(folder) ? readdirSync(folder) : []
}

/** Runs the command in a process of its own that kills itself at a moment, as `after put a/latest.json`; gives whether it did. */
async function killed(project: TestProject, moment: string, args: readonly string[]): Promise<boolean> {
  const environment = { TORTURE_HALT: moment, TORTURE_HALT_SIGNAL: 'SIGKILL' }
  return (await command(process.execPath, [`${CHECKOUT}/bin/millrace.js`, ...args], project.folder, environment)).code === null
}

const LATEST = 'put sales/2024-01-01/latest\\.json'
const NOTIFIED = 'put sales/2024-01-01/notified-downstream\\.json'

test.each([
  ['before its marker is written', 'before put _notices/', 1],
  ['between marker and switch', `before ${LATEST}`, 1],
  ['between switch and notice', `after ${LATEST}`, 1],
  ['when the receiver has it, and it is not recorded', `before ${NOTIFIED}`, 2],
  ['when that is recorded', `after ${NOTIFIED}`, 1],
])('a run killed %s: the next one tells of the switch, under the same id', async (_when, moment, times) => {
  const downstream = await startReceiver()
  const p = notifiedProject({ downstream, audit: undefined })
  await millrace(p, 'run', 'p')
  sell(p, 30)
  expect(await killed(p, moment, again)).toBe(true)
  // What was killed before it switched is made again; what was told at the beginning of the run is not told twice.
  for (const args of [['run', 'p'], again]) expect((await millrace(p, ...args)).code).toBe(0)
  expect(told(downstream).slice(2)).toEqual(Array(times).fill(`${FIRST} 2`))
  expect(new Set(downstream.taken.slice(2).map(({ id }) => id)).size).toBe(1)
  expect(markers(p)).toEqual([])
})

it('a run killed between switch and plain copy: the receiver is told when the copy is made', async () => {
  const seen: string[] = []
  const copy = () => p.path('.millrace/dev/export/sales/2024-01-01.csv')
  const downstream = await startReceiver(() => seen.push(readFileSync(copy(), 'utf8')))
  const p = notifiedProject({ downstream, audit: undefined }, { sales: "plain: true, notify: 'downstream'" })
  await millrace(p, 'run', 'p')
  sell(p, 30)
  expect(await killed(p, `after ${LATEST}`, again)).toBe(true)
  expect(readFileSync(copy(), 'utf8')).not.toContain(',30')
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  expect(told(downstream).slice(2)).toEqual([`${FIRST} 2`])
  expect(seen.at(-1)).toContain(',30')
})

it('a run that is stopped while the receiver does not answer ends with 130, and the next one tells', async () => {
  const asked = Promise.withResolvers<void>()
  const downstream = await startReceiver(asked.resolve)
  const p = notifiedProject({ downstream, audit: undefined })
  downstream.reply('silent')
  const child = spawn(process.execPath, [`${CHECKOUT}/bin/millrace.js`, 'run', 'p'], { cwd: p.folder, stdio: 'ignore' })
  const ended = once(child, 'close')
  await asked.promise
  child.kill('SIGINT')
  expect(await ended).toEqual([130, null])
  expect(markers(p)).toHaveLength(1)
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  expect(told(downstream)).toEqual([`${FIRST} 1`, 'sales/2024-01-02/latest.json 1'])
})

it('two runs at once tell of each switch once', async () => {
  const downstream = await startReceiver()
  const p = notifiedProject({ downstream, audit: undefined })
  await Promise.all(['2024-01-01', '2024-01-02'].map((day) => p.millrace('run', 'p', '--partition', day)))
  for (let n = 0; n < 2 && told(downstream).length < 2; n++) await millrace(p, 'run', 'p')
  expect(told(downstream).sort()).toEqual([`${FIRST} 1`, 'sales/2024-01-02/latest.json 1'])
  expect(markers(p)).toEqual([])
})

it('a person who goes back to an earlier delivery tells of it, with the reason; where nobody answers, the next run does', async () => {
  const downstream = await startReceiver()
  const p = notifiedProject({ downstream, audit: undefined })
  await millrace(p, 'run', 'p')
  sell(p, 30)
  await millrace(p, ...again)
  const back = ['deliver', 'rollback', 'p', 'sales/{partition}.csv', '--partition', '2024-01-01', '--reason', 'too many'] as const
  const seen = await millrace(p, ...back)
  expect([seen.code, seen.stdout]).toEqual([0, expect.stringContaining('"downstream" is told')])
  expect(told(downstream).slice(3)).toEqual([`${FIRST} 3`])
  expect(JSON.parse(downstream.received.at(-1)?.body ?? '').data).toMatchObject({ rows: 2, rolledBack: { reason: 'too many' } })
  downstream.reply(...Array(50).fill(503))
  const forth = await millrace(p, 'deliver', 'accept', 'p', 'sales/{partition}.csv', '--partition', '2024-01-01', '--reason', 'after all')
  expect([forth.code, forth.stdout]).toEqual([75, expect.stringContaining('"downstream" is not told yet')])
  downstream.reply()
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  expect(told(downstream).slice(4)).toEqual([`${FIRST} 4`])
})

it('prune leaves what a receiver has not been told of', async () => {
  const downstream = await startReceiver()
  const p = notifiedProject({ downstream, audit: undefined })
  await millrace(p, 'run', 'p')
  downstream.reply(...Array(50).fill(503))
  for (const amount of [30, 31]) {
    sell(p, amount)
    expect((await millrace(p, ...again)).code).toBe(75)
  }
  downstream.reply()
  await millrace(p, 'prune')
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  expect(downstream.taken.slice(2).map(({ rows }) => rows)).toEqual([3, 3])
  const { data } = JSON.parse(downstream.received.at(-2)?.body ?? '')
  expect(existsSync(p.path('.millrace/dev/export', data.files[0].key))).toBe(true)
  await millrace(p, 'prune')
  expect(existsSync(p.path('.millrace/dev/export', data.files[0].key))).toBe(false)
})

it('who is named later begins with the next switch, and that makes nothing due', async () => {
  const downstream = await startReceiver()
  const audit = await startReceiver()
  const p = notifiedProject({ downstream, audit })
  await millrace(p, 'run', 'p')
  sell(p, 30)
  await millrace(p, ...again)
  p.write(pipelineOf({ sales: "notify: ['audit', 'downstream']" }))
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')
  expect(told(audit)).toEqual([])
  sell(p, 31)
  expect((await millrace(p, ...again)).code).toBe(0)
  expect([told(audit), told(downstream).slice(3)]).toEqual([[`${FIRST} 3`], [`${FIRST} 3`]])
})

it('no secret of a receiver is in any output or file', async () => {
  const downstream = await startReceiver()
  const p = notifiedProject({ downstream, audit: undefined })
  downstream.reply({ status: 400, body: `pl4nted-code ${KEY}` })
  const outputs = [
    await millrace(p, 'run', 'p'),
    await millrace(p, 'run', 'p', '--json'),
    await millrace(p, 'status'),
    await millrace(p, 'config'),
  ]
  const files = readdirSync(p.path('.millrace'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'latin1'))
  for (const text of [...files, ...outputs.flatMap(({ stdout, stderr }) => [stdout, stderr])])
    for (const secret of ['pl4nted-code', KEY, KEY.slice(6)]) expect(text).not.toContain(secret)
})
