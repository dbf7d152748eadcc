import { expect, test } from 'vitest'
import type { RunEvent } from '../../lib/core/context.ts'
import { partitionLines, partitionProgress } from '../../lib/observe/partition-progress.ts'

const place = (partition?: string) => ({ pipeline: 'quakes', run: 'r1', ...(partition !== undefined && { partition }) })
const stage = (phase: 'start' | 'end', name: 'land' | 'load', dataset = 'quake'): RunEvent =>
  phase === 'start'
    ? { type: 'stage', phase, stage: name, dataset }
    : { type: 'stage', phase, stage: name, dataset, ms: 5, outcome: 'done', rows: 3 }
const ended = (outcome: 'done' | 'failed' | 'again' | 'held' | 'unchanged', more = {}): RunEvent => ({
  ...{ type: 'unit', phase: 'end', outcome, attempt: 1, ms: 1210 },
  ...more,
})

/** A backfill of three partitions, event by event; what is there after each tick. */
function shown() {
  let [now, text] = [0, '']
  let tick = () => {}
  const sink = partitionProgress(
    { isTTY: true, columns: 100, write: (more: string) => (text += more) },
    {
      color: false,
      ticker: {
        nowMs: () => now,
        every: (_, call) => {
          tick = call
          return () => {}
        },
      },
    },
  )
  const after = (ms: number) => {
    now += ms
    text = ''
    tick()
    return text
  }
  return { sink, after }
}

test('partitionProgress shows each partition at work with its stages, and how far all are', () => {
  const { sink, after } = shown()
  for (const day of ['2018-02-04', '2018-02-05']) sink.event({ type: 'unit', phase: 'start', attempt: 1 }, place(day))
  sink.event(stage('start', 'land'), place('2018-02-04'))
  sink.event({ type: 'progress', stage: 'land', dataset: 'quake', bytes: 34_100 }, place('2018-02-04'))
  sink.event({ type: 'standing', ended: 1, failed: 0, total: 3, leftMs: 90_000, rssBytes: 1.5e9 }, place())
  expect(after(2000)).toBe(
    '…  2018-02-04  land quake 34.1 kB  2.0 s\n…  2018-02-05  begins  2.0 s\n1 of 3 partitions  30/min  1 min 30 s left  1.5 GB  2.0 s\n',
  )
  sink.event(stage('end', 'land'), place('2018-02-04'))
  sink.event(ended('done', { rows: 1234 }), place('2018-02-04'))
  sink.event(ended('failed', { reason: 'no such file\nhere' }), place('2018-02-05'))
  sink.event({ type: 'standing', ended: 3, failed: 1, total: 3, leftMs: 0, rssBytes: 0 }, place())
  expect(after(1000)).toBe(
    '\x1b[3A\x1b[0J✓ quakes 2018-02-04  1,234 rows  1.2 s\n✗ quakes 2018-02-05  failed  1.2 s: no such file\n3 of 3 partitions  1 failed  60/min  3.0 s\n',
  )
  sink.close()
})

test('partitionLines tells the end of each partition, what is tried again, and the stages of what partitions share', () => {
  let text = ''
  const sink = partitionLines({ write: (line: string) => (text += line) }, { color: false })
  sink.event(stage('end', 'land', 'shop'), place())
  for (const event of [
    stage('start', 'load'),
    stage('end', 'load'),
    ended('held', { reason: 'another run is at work on it' }),
    ended('again', { reason: 'its worker died (SIGKILL)' }),
    ended('done'),
  ])
    sink.event(event, place('2018-02-04'))
  sink.event(ended('unchanged'), place('2018-02-05'))
  sink.event({ type: 'warning', message: 'look at this' }, place('2018-02-05'))
  sink.close()
  expect(text).toBe(`✓ quakes land shop  3 rows  5 ms
! quakes 2018-02-04  waits: another run is at work on it
! quakes 2018-02-04  attempt 1 failed, and is made again: its worker died (SIGKILL)
✓ quakes 2018-02-04  1.2 s
✓ quakes 2018-02-05  1.2 s  unchanged
! quakes 2018-02-05  look at this
`)
})
