import { expect, test } from 'vitest'
import type { RunEvent } from '../../lib/core/context.ts'
import { Secret } from '../../lib/core/secret.ts'
import { emitTo, fanOut, silent } from '../../lib/observe/events.ts'
import { jsonLog } from '../../lib/observe/log.ts'
import { logMode, outlet } from '../../lib/observe/outlet.ts'

const place = { pipeline: 'quakes', run: 'r1', partition: '2018-02-04' }

function logged(...events: RunEvent[]): Record<string, unknown>[] {
  const lines: string[] = []
  const sink = jsonLog({ write: (line) => lines.push(line) })
  for (const event of events) sink.event(event, place)
  return lines.map((line) => JSON.parse(line))
}

test('jsonLog writes a line at the start and the end of a stage, and none for progress', () => {
  const lines = logged(
    { type: 'stage', phase: 'start', stage: 'land', dataset: 'quake' },
    { type: 'progress', stage: 'land', dataset: 'quake', rows: 5 },
    { type: 'stage', phase: 'end', stage: 'land', dataset: 'quake', rows: 12, bytes: 340, ms: 17.2, outcome: 'done' },
  )
  expect(lines).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/Z$/),
      ...place,
      phase: 'start',
      stage: 'land',
      dataset: 'quake',
      msg: 'land quake starts',
    },
    {
      level: 'info',
      time: expect.any(String),
      ...place,
      phase: 'end',
      stage: 'land',
      dataset: 'quake',
      rows: 12,
      bytes: 340,
      ms: 17,
      outcome: 'done',
      msg: 'land quake done',
    },
  ])
})

test('jsonLog writes retries and warnings as warnings, a failed stage as an error', () => {
  const lines = logged(
    { type: 'retry', stage: 'extract', dataset: 'quake', attempt: 1, delayMs: 500, reason: 'HTTP 503' },
    { type: 'warning', stage: 'check', message: '3 rows' },
    { type: 'stage', phase: 'end', stage: 'load', dataset: 'daily', target: 'fct', ms: 1, outcome: 'failed' },
  )
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ['warn', 'extract quake is tried again'],
    ['warn', '3 rows'],
    ['error', 'load daily failed'],
  ])
  expect(lines[0]).toMatchObject({ attempt: 1, delayMs: 500, reason: 'HTTP 503' })
})

test('jsonLog redacts texts and keeps counts and JSON whole', () => {
  new Secret('env:X', () => '987654321').reveal()
  new Secret('env:Y', () => 'a"b\\c').reveal()
  const [line] = logged({
    type: 'stage',
    phase: 'end',
    stage: 'land',
    dataset: 'x987654321',
    target: 'a"b\\c',
    rows: 987654321,
    ms: 1,
    outcome: 'done',
  })
  expect(line).toMatchObject({ dataset: 'x[secret]', target: '[secret]', rows: 987654321, msg: 'land x[secret] done' })
})

test('fanOut leaves out an outlet that throws and goes on with the others', () => {
  const seen: string[] = []
  let calls = 0
  const broken = {
    event: () => {
      calls++
      throw new Error('disk full')
    },
    close: () => seen.push('broken closed'),
  }
  const sink = fanOut([
    broken,
    { event: (event, { partition }) => seen.push(`${event.type} ${partition}`), close: () => seen.push('closed') },
  ])
  const emit = emitTo(sink, { ...place })
  emit({ type: 'warning', message: 'a' })
  emit({ type: 'warning', message: 'b' })
  sink.close()
  expect(calls).toBe(1)
  expect(seen).toEqual(['warning 2018-02-04', 'warning 2018-02-04', 'closed'])
})

test.each([
  [{ isTTY: true }, false, {}, 'progress'],
  [{ isTTY: true }, true, {}, 'json'],
  [{}, false, {}, 'json'],
  [{ isTTY: true }, false, { TERM: 'dumb' }, 'lines'],
  [{}, false, { MILLRACE_LOG: 'progress' }, 'lines'],
  [{}, false, { MILLRACE_LOG: 'off' }, 'off'],
  [{ isTTY: true }, false, { MILLRACE_LOG: 'json' }, 'json'],
] as const)('logMode of %j, json %s, %j', (stream, json, environment, mode) => {
  expect(logMode({ ...stream, write: () => {} }, json, environment)).toBe(mode)
})

test('logMode refuses an unknown mode, outlet gives a sink for each known one', async () => {
  const stream = { write: () => {} }
  expect(() => logMode(stream, false, { MILLRACE_LOG: 'loud' })).toThrow('unknown MILLRACE_LOG "loud"; expected progress, lines, json, off')
  expect(await outlet('off', stream)).toBe(silent)
  for (const mode of ['progress', 'lines', 'json'] as const) (await outlet(mode, stream)).close()
})
