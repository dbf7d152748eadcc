import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLedger, type PartitionEnded } from '../../lib/state/ledger.ts'
import { projectUrl, startNode } from '../kit/child.ts'
import { temporaryFolder } from '../kit/context.ts'

const at = new Date('2018-02-07T01:30:00Z')
const begun = (run: string, pipeline = 'quakes', startedAt = at) => ({
  run,
  pipeline,
  profile: 'dev',
  startedAt,
  versions: { millrace: '0.1.0' },
})
const ended = (run: string, report: Partial<PartitionEnded['report']>): PartitionEnded => ({
  run,
  pipeline: 'quakes',
  at,
  report: { partition: '2018-02-04', outcome: 'done', ms: 5, steps: [], ...report },
})
const step = { stage: 'land', partition: '2018-02-04', dataset: 'quake', outcome: 'done', rows: 3, bytes: 2 ** 40, ms: 1.5 } as const

function ledger(file = join(temporaryFolder(), 'state/ledger.sqlite')) {
  const opened = openLedger(file)
  onTestFinished(() => opened.close())
  return Object.assign(opened, { file })
}

test('openLedger makes an empty ledger', () => {
  const empty = ledger()
  expect([empty.partitions(), empty.runs(), empty.steps('r')]).toEqual([[], [], []])
})

test('a ledger remembers runs, partitions and steps', () => {
  const book = ledger()
  book.beginRun(begun('r1'))
  book.endPartition(
    ended('r1', {
      steps: [step, { ...step, stage: 'load', target: 'quakes', outcome: 'failed' }],
      outcome: 'failed',
      error: { message: 'no such table' },
    }),
  )
  book.endRun({ run: 'r1', endedAt: new Date(at.getTime() + 1000), outcome: 'failed', exitCode: 1 })
  book.beginRun(begun('r2', 'quakes', new Date(at.getTime() + 2000)))
  const again = ledger(book.file)
  expect(again.runs('quakes')).toEqual([
    { run: 'r2', pipeline: 'quakes', profile: 'dev', startedAt: '2018-02-07T01:30:02.000Z', versions: { millrace: '0.1.0' } },
    {
      run: 'r1',
      pipeline: 'quakes',
      profile: 'dev',
      startedAt: '2018-02-07T01:30:00.000Z',
      endedAt: '2018-02-07T01:30:01.000Z',
      outcome: 'failed',
      exitCode: 1,
      versions: { millrace: '0.1.0' },
    },
  ])
  expect(again.runs('other')).toEqual([])
  expect(again.runs('quakes', 1)).toHaveLength(1)
  expect(again.partitions('quakes')).toEqual([
    { pipeline: 'quakes', partition: '2018-02-04', state: 'failed', at: at.toISOString(), run: 'r1', error: 'no such table' },
  ])
  expect(again.steps('r1')).toEqual([step, { ...step, stage: 'load', target: 'quakes', outcome: 'failed' }])
})

test('a partition stands as its last run left it; one that was not run stays as it was', () => {
  const book = ledger()
  const state = () => book.partitions().map((row) => [row.partition, row.state, row.run, row.error])
  book.endPartition(ended('r1', { outcome: 'failed', error: { message: 'x' } }))
  book.endPartition(ended('r2', { outcome: 'notRun' }))
  book.endPartition(ended('r5', { outcome: 'stopped', steps: [step] }))
  expect(book.steps('r5')).toEqual([step])
  expect(state()).toEqual([['2018-02-04', 'failed', 'r1', 'x']])
  book.endPartition({ ...ended('r3', { outcome: 'open' }), inputKey: 'abc' })
  expect(state()).toEqual([['2018-02-04', 'open', 'r3', undefined]])
  expect(book.partitions()[0]?.inputKey).toBe('abc')
  book.endPartition(ended('r4', { outcome: 'unchanged' }))
  book.endPartition(ended('r4', { outcome: 'done', partition: '' }))
  expect(state()).toEqual([
    ['', 'done', 'r4', undefined],
    ['2018-02-04', 'done', 'r4', undefined],
  ])
})

test('rebuild replaces everything with the facts it is given', () => {
  const book = ledger()
  book.beginRun(begun('old'))
  book.endPartition(ended('old', { steps: [step] }))
  const facts = {
    runs: [{ run: 'r', pipeline: 'p', profile: 'prod', startedAt: 'a', versions: {} }],
    steps: [{ run: 'r', ...step }],
    partitions: [{ pipeline: 'p', partition: 'x', state: 'done' as const, at: 'a' }],
  }
  book.rebuild(facts)
  book.rebuild(facts)
  expect([book.runs(), book.steps('r'), book.steps('old'), book.partitions()]).toEqual([facts.runs, [step], [], facts.partitions])
})

test('a deleted ledger is made anew', () => {
  const file = join(temporaryFolder(), 'ledger.sqlite')
  const first = openLedger(file)
  first.beginRun(begun('r'))
  first.close()
  first.close()
  rmSync(file)
  expect(ledger(file).runs()).toEqual([])
})

test('a damaged ledger is put aside and begun anew', () => {
  const file = join(temporaryFolder(), 'ledger.sqlite')
  writeFileSync(file, 'this is no database, and long enough to be looked at as one'.repeat(20))
  expect(ledger(file).runs()).toEqual([])
  expect(existsSync(`${file}.damaged`)).toBe(true)
})

test('a ledger that cannot be opened says where and what to do', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  expect(() => openLedger(join(folder, 'file/ledger.sqlite'))).toThrow(join(folder, 'file/ledger.sqlite'))
  expect(() => openLedger(folder)).toThrow(/cannot open the ledger/)
})

const writer = (
  file: string,
  run: string,
  count: number,
  then: string,
) => `import { openLedger } from '${projectUrl('lib/state/ledger.ts')}'
const book = openLedger(${JSON.stringify(file)})
book.beginRun({ run: '${run}', pipeline: 'quakes', profile: 'dev', startedAt: new Date(), versions: {} })
for (let i = 0; i < ${count}; i++) {
  book.endPartition({ run: '${run}', pipeline: 'quakes', at: new Date(), report: { partition: '${run}-' + i, outcome: 'done', ms: 1, steps: [${JSON.stringify(step)}] } })
  if (i === 20) console.log('begun')
}
${then}`

test('several processes write at once', async () => {
  const file = join(temporaryFolder(), 'ledger.sqlite')
  const children = ['a', 'b', 'c'].map((run) => startNode(writer(file, run, 100, 'book.close()')))
  for (const child of children) expect(await child.ended()).toMatchObject({ code: 0 })
  const book = ledger(file)
  expect(book.partitions('quakes')).toHaveLength(300)
  expect(['a', 'b', 'c'].map((run) => book.steps(run).length)).toEqual([100, 100, 100])
})

test('a ledger survives a kill of its writer with all that was written whole', async () => {
  const file = join(temporaryFolder(), 'ledger.sqlite')
  const child = startNode(writer(file, 'k', 1_000_000, ''))
  await child.said('begun')
  await child.kill('SIGKILL')
  const book = ledger(file)
  const count = book.partitions('quakes').length
  expect(count).toBeGreaterThan(20)
  expect(book.steps('k')).toHaveLength(count)
  book.beginRun(begun('next'))
})
