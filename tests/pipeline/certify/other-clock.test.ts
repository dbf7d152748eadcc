import { expect, test } from 'vitest'
import { pinnedClock } from '../../../lib/core/clock.ts'
import { clockAhead, enginesAt, setDateAhead } from '../../../lib/pipeline/certify/other-clock.ts'
import { temporaryFolder } from '../../kit/context.ts'

const DAY_MS = 86_400_000

test('setDateAhead moves now and nothing else of Date', () => {
  const { Date: real } = globalThis
  try {
    setDateAhead(400 * DAY_MS)
    const ahead = () => Math.round((Date.now() - real.now()) / DAY_MS)
    expect(ahead()).toBe(400)
    expect(Math.round((real.parse(new Date().toISOString()) - real.now()) / DAY_MS)).toBe(400)
    expect(Math.round((real.parse(Date()) - real.now()) / DAY_MS)).toBe(400)
    expect(new Date('2024-01-01').toISOString()).toBe('2024-01-01T00:00:00.000Z')
    expect(new Date(2024, 0, 1)).toEqual(new real(2024, 0, 1))
    expect(Date.UTC(2024, 0, 1)).toBe(real.UTC(2024, 0, 1))
    expect(new Date()).toBeInstanceOf(Date)
    expect(new Date()).toBeInstanceOf(real)
  } finally {
    globalThis.Date = real
  }
})

test('clockAhead moves a pinned clock', () => {
  expect(
    clockAhead(pinnedClock(new Date('2024-01-01T00:00:00Z')), DAY_MS)
      .now()
      .toISOString(),
  ).toBe('2024-01-02T00:00:00.000Z')
})

test("enginesAt opens engines whose SQL has that instant, in every spelling of the clock's functions", async () => {
  const open = enginesAt(new Date('2030-05-05T22:02:03.004Z'))
  const db = await open({ memoryBytes: 2 ** 28, threads: 1, temp: temporaryFolder(), zone: 'Europe/Berlin' })
  const values = [
    ...['now()', 'current_timestamp', 'get_current_timestamp()', 'transaction_timestamp()', 'today()', 'current_date', 'current_date()'],
    ...['current_time', 'get_current_time()', 'localtime', 'localtimestamp', 'current_localtime()', 'current_localtimestamp()'],
  ]
  const ages = await db.meta("SELECT age(TIMESTAMP '2029-04-06') AS a, age(TIMESTAMP '2029-05-06', TIMESTAMP '2028-05-06') AS b")
  expect(ages).toEqual([{ a: '1 year 1 month', b: '1 year' }])
  const [row] = await db.meta(`SELECT ${values.map((value, i) => `CAST(${value} AS VARCHAR) AS v${i}`).join(', ')}`)
  db.close()
  const instant = '2030-05-06 00:02:03.004+02'
  expect(Object.values(row ?? {})).toEqual([
    ...[instant, instant, instant, instant, '2030-05-06', '2030-05-06', '2030-05-06'],
    ...['00:02:03.004+02', '00:02:03.004+02', '00:02:03.004', '2030-05-06 00:02:03.004', '00:02:03.004', '2030-05-06 00:02:03.004'],
  ])
})
