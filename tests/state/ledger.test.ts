import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { openLedger, readLedger } from '../../lib/state/ledger.ts'
import type { PartitionEnded } from '../../lib/state/ledger-rows.ts'
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
    ended: [{ ...ended('r', { steps: [step] }), pipeline: 'p' }],
    partitions: [{ pipeline: 'p', partition: 'x', state: 'done' as const, at: 'a' }],
  }
  book.rebuild(facts)
  book.rebuild(facts)
  expect([book.runs(), book.steps('r'), book.steps('old'), book.partitions()]).toEqual([facts.runs, [step], [], facts.partitions])
  expect(book.cells('quakes')).toEqual([])
  expect(book.cells('p')).toMatchObject([{ partition: '2018-02-04', stage: 'land', dataset: 'quake', run: 'r', rows: 3 }])
  expect(book.attempts('p')).toEqual([{ pipeline: 'p', partition: '2018-02-04', attempts: 1 }])
})

const attempt = (run: string) => ({ run, pipeline: 'quakes', partition: '2018-02-04', at })

test('attempts counts what was tried since a partition was last done, and names the run that has begun it', () => {
  const book = ledger()
  const now = () => book.attempts('quakes')[0]
  book.beginPartition(attempt('r1'))
  expect(now()).toEqual({ pipeline: 'quakes', partition: '2018-02-04', attempts: 1, run: 'r1', since: at.toISOString() })
  book.endPartition(ended('r1', { outcome: 'failed', error: { message: 'x' } }))
  expect(now()).toEqual({ pipeline: 'quakes', partition: '2018-02-04', attempts: 1 })
  // Killed: it never ends.
  book.beginPartition(attempt('r2'))
  book.beginPartition(attempt('r3'))
  // Stopped by a person: that was none.
  book.endPartition(ended('r3', { outcome: 'stopped' }))
  expect(now()?.attempts).toBe(2)
  book.beginPartition(attempt('r4'))
  // One that was taken for dead ends after all.
  book.endPartition(ended('r2', { outcome: 'failed' }))
  expect(now()).toMatchObject({ attempts: 3, run: 'r4' })
  book.endPartition(ended('r4', {}))
  expect(now()?.attempts).toBe(3)
  book.beginPartition(attempt('r5'))
  expect(now()?.attempts).toBe(1)
})

test('cells keep the figures of the last work, the last outcome, and how often it was tried', () => {
  const book = ledger()
  const measured = { ...step, inputRows: 4, inputBytes: 5, inputKey: 'k', peakBytes: 2 ** 33, spilledBytes: 7 }
  const [only] = [() => book.cells('quakes')[0]]
  book.endPartition(ended('r1', { outcome: 'failed', steps: [{ ...measured, outcome: 'failed' }], error: { message: 'no' } }))
  book.endPartition(ended('r2', { outcome: 'failed', steps: [{ ...step, outcome: 'failed' }], error: { message: 'still not' } }))
  expect(only()).toMatchObject({ outcome: 'failed', attempts: 2, error: 'still not', run: 'r2', peakBytes: 2 ** 33 })
  book.endPartition(ended('r3', { outcome: 'stopped', steps: [{ ...step, outcome: 'stopped' }] }))
  book.endPartition(ended('r4', { steps: [measured] }))
  const { inputRows, inputBytes, inputKey, peakBytes, spilledBytes } = measured
  const figures = { rows: 3, bytes: 2 ** 40, ms: 1.5, inputRows, inputBytes, inputKey, peakBytes, spilledBytes }
  const done = {
    ...{ pipeline: 'quakes', partition: '2018-02-04', stage: 'land', dataset: 'quake', target: '' },
    ...{ outcome: 'done', at: at.toISOString(), run: 'r4', attempts: 3, ...figures },
  }
  expect(only()).toEqual(done)
  book.endPartition(ended('r5', { outcome: 'unchanged', steps: [{ ...step, outcome: 'unchanged', ms: 0 }] }))
  expect(only()).toEqual(done)
  // A look-back lands an earlier partition.
  book.endPartition(ended('r6', { partition: '2018-02-05', steps: [{ ...step, partition: '2018-02-05', of: '2018-02-04', rows: 9 }] }))
  expect(book.cells('quakes').map(({ partition, run, rows }) => [partition, run, rows])).toEqual([['2018-02-04', 'r6', 9]])
  expect(book.steps('r6')).toMatchObject([{ of: '2018-02-04' }])
})

/** As the first version made it. */
function oldLedger(file: string): void {
  const old = new DatabaseSync(file)
  old.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE runs (run TEXT PRIMARY KEY, pipeline TEXT NOT NULL, profile TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, outcome TEXT, exit_code INTEGER, versions TEXT NOT NULL) STRICT;
    CREATE TABLE steps (run TEXT NOT NULL, partition TEXT NOT NULL, stage TEXT NOT NULL, dataset TEXT NOT NULL, target TEXT, outcome TEXT NOT NULL, rows INTEGER, bytes INTEGER, ms REAL NOT NULL) STRICT;
    CREATE TABLE partitions (pipeline TEXT NOT NULL, partition TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL, run TEXT, input_key TEXT, error TEXT, PRIMARY KEY (pipeline, partition)) STRICT;
    INSERT INTO runs VALUES ('r0', 'quakes', 'dev', 'then', NULL, NULL, NULL, '{}');
    INSERT INTO steps VALUES ('r0', 'p', 'land', 'quake', NULL, 'done', 3, 4, 1.5);
    INSERT INTO partitions VALUES ('quakes', 'p', 'failed', 'then', 'r0', NULL, 'no')`)
  old.close()
}

test('a ledger of an earlier version keeps its history and takes what is new', () => {
  const file = join(temporaryFolder(), 'ledger.sqlite')
  oldLedger(file)
  using reading = readLedger(file)
  const history = (book: ReturnType<typeof readLedger>) => [book.runs().map(({ run }) => run), book.steps('r0'), book.partitions('quakes')]
  const before = history(reading)
  expect(before).toEqual([
    ['r0'],
    [{ stage: 'land', partition: 'p', dataset: 'quake', outcome: 'done', rows: 3, bytes: 4, ms: 1.5 }],
    [{ pipeline: 'quakes', partition: 'p', state: 'failed', at: 'then', run: 'r0', error: 'no' }],
  ])
  const book = ledger(file)
  expect(history(book)).toEqual(before)
  book.endPartition(ended('r1', { steps: [{ ...step, peakBytes: 5 }] }))
  expect(ledger(file).steps('r1')).toEqual([{ ...step, peakBytes: 5 }])
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
