import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../lib/core/context.ts'
import { Secret } from '../../lib/core/secret.ts'
import { colorWanted } from '../../lib/observe/color.ts'
import { plainLines } from '../../lib/observe/lines.ts'
import type { Ticker } from '../../lib/observe/live-block.ts'
import { liveProgress } from '../../lib/observe/progress.ts'

const place = { pipeline: 'quakes', run: 'r1', partition: '2018-02-04' }
const start: RunEvent = { type: 'stage', phase: 'start', stage: 'land', dataset: 'quake' }
const end: RunEvent = { type: 'stage', phase: 'end', stage: 'land', dataset: 'quake', rows: 1234, bytes: 34_100, ms: 1210, outcome: 'done' }

/** A ticker that moves when told, and a terminal that keeps when what was written. */
function terminal(columns = 0) {
  let now = 0
  let stopped = false
  const ticks: { ms: number; tick: () => void; next: number }[] = []
  const writes: { at: number; text: string }[] = []
  const ticker: Ticker = {
    nowMs: () => now,
    every: (ms, tick) => {
      ticks.push({ ms, tick, next: ms })
      return () => {
        stopped = true
      }
    },
  }
  return {
    ticker,
    writes,
    stream: { isTTY: true, columns, write: (text: string) => writes.push({ at: now, text }) },
    advance: (ms: number) => {
      for (const end = now + ms; now < end; now++) for (const each of ticks) if (!stopped && now > 0 && now % each.ms === 0) each.tick()
    },
    text: () => writes.map(({ text }) => text).join(''),
  }
}

describe('liveProgress', () => {
  test('writes at most ten times a second, however many events come', () => {
    const { ticker, stream, writes, advance } = terminal()
    const sink = liveProgress(stream, { color: false, ticker })
    for (let i = 0; i < 3000; i++) {
      sink.event(start, place)
      sink.event({ type: 'progress', stage: 'land', dataset: 'quake', rows: i }, place)
      sink.event(i % 7 === 0 ? end : { type: 'warning', message: `w${i}` }, place)
      advance(1)
    }
    for (const { at } of writes) expect(writes.filter((other) => other.at >= at && other.at < at + 1000).length).toBeLessThanOrEqual(10)
    expect(writes.length).toBeGreaterThan(20)
  })

  test('shows stage, dataset, rows, bytes, rate and elapsed, and leaves one line when it is over', () => {
    const { ticker, stream, writes, advance } = terminal()
    const sink = liveProgress(stream, { color: false, ticker })
    sink.event(start, place)
    advance(901)
    sink.event({ type: 'progress', stage: 'land', dataset: 'quake', rows: 500, bytes: 12_000 }, place)
    advance(100)
    expect(writes.at(-1)?.text).toBe('\x1b[1A\x1b[0J…  quakes 2018-02-04 land quake  500 rows  12.0 kB  500 rows/s  1.0 s\n')
    sink.event(end, place)
    sink.close()
    expect(writes.at(-1)?.text).toBe('\x1b[1A\x1b[0J✓ quakes 2018-02-04 land quake  1,234 rows  34.1 kB  1.2 s\n')
    const count = writes.length
    advance(1000)
    expect(writes.length).toBe(count)
  })

  test('shows how far a step is that knows its rows, by its target where it has one', () => {
    const { ticker, stream, writes, advance } = terminal(120)
    const sink = liveProgress(stream, { color: false, ticker })
    const load = { stage: 'load', dataset: 'quake', target: 'quakes' } as const
    sink.event({ type: 'stage', phase: 'start', ...load }, place)
    sink.event({ type: 'progress', ...load, totalRows: 2000 }, place)
    advance(201)
    expect(writes.at(-1)?.text).toContain('…  quakes 2018-02-04 load quake quakes  of 2,000 rows  200 ms\n')
    sink.event({ type: 'progress', ...load, rows: 1500, totalRows: 2000 }, place)
    advance(800)
    expect(writes.at(-1)?.text).toContain('…  quakes 2018-02-04 load quake quakes  1,500 of 2,000 rows  1,500 rows/s  1.0 s\n')
    sink.close()
  })

  test('keeps each live line within the terminal', () => {
    const { ticker, stream, writes, advance } = terminal(30)
    const sink = liveProgress(stream, { color: false, ticker })
    for (let i = 0; i < 12; i++) sink.event({ ...start, dataset: `a dataset with a long name ${i}` }, place)
    advance(101)
    const lines = writes[0]?.text.trimEnd().split('\n') ?? []
    expect(lines).toHaveLength(9)
    expect(lines.at(-1)).toBe('… and 4 more')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(29)
  })

  test('takes the live lines away when it closes, and writes nothing when nothing happened', () => {
    const one = terminal()
    const sink = liveProgress(one.stream, { color: false, ticker: one.ticker })
    sink.event(start, place)
    one.advance(101)
    sink.close()
    expect(one.writes.at(-1)?.text).toBe('\x1b[1A\x1b[0J')
    const none = terminal()
    const quiet = liveProgress(none.stream, { color: false, ticker: none.ticker })
    none.advance(1000)
    quiet.close()
    expect(none.writes).toEqual([])
  })

  test('redacts', () => {
    new Secret('env:X', () => 'progress-secret').reveal()
    const { ticker, stream, text, advance } = terminal()
    const sink = liveProgress(stream, { color: true, ticker })
    sink.event({ ...start, dataset: 'progress-secret' }, place)
    sink.event({ type: 'retry', stage: 'extract', attempt: 1, delayMs: 10, reason: 'GET /?k=progress-secret' }, place)
    advance(200)
    sink.close()
    expect(text()).toContain('[secret]')
    expect(text()).not.toContain('progress-secret')
  })
})

test('plainLines writes no control character without colour', () => {
  let text = ''
  const sink = plainLines({ write: (part: string) => (text += part) }, { color: false })
  for (const event of [start, end, { type: 'warning', stage: 'extract', message: 'odd\x1b[2J' }] satisfies RunEvent[])
    sink.event(event, place)
  sink.event({ type: 'stage', phase: 'end', stage: 'load', dataset: 'daily', target: 'fct', ms: 5, outcome: 'unchanged' }, place)
  sink.event({ type: 'stage', phase: 'end', stage: 'load', dataset: 'daily', target: 'fct', ms: 5, outcome: 'failed' }, place)
  expect(text).toBe(
    [
      '✓ quakes 2018-02-04 land quake  1,234 rows  34.1 kB  1.2 s',
      '! quakes 2018-02-04 extract  odd\\u001b[2J',
      '✗ quakes 2018-02-04 load daily fct  failed  5 ms',
      '',
    ].join('\n'),
  )
})

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  [{ TERM: 'dumb' }, true, false],
])('colorWanted with %j, terminal %s', (environment, isTTY, wanted) => {
  expect(colorWanted({ isTTY }, environment)).toBe(wanted)
})
