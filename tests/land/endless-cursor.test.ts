import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { currentState } from '../../lib/land/current-state.ts'
import { landingPlace } from '../../lib/land/keys.ts'
import { lastCursor, loadsOf } from '../../lib/land/loads.ts'
import { textOfRecord } from '../../lib/state/manifest-text.ts'
import { testContext } from '../kit/context.ts'
import { type Landing, rowsOf, testLanding } from '../kit/landing.ts'

const columns = { id: 'int64', name: 'text', at: 'timestamptz' }
const cursor = { columns, kind: { by: 'cursor', column: 'at', key: ['id'], deletes: 'ignore' } } as const
const day = (n: number) => `'2020-01-0${n} 00:00:00+00'`
const loads = (landing: Landing) => loadsOf(landing.store, 'test', 'd', '_all')

test.each([
  ['timestamptz', "'infinity'", 'infinity'],
  ['timestamptz', "'-infinity'", '-infinity'],
  ['timestamp', "'infinity'", 'infinity'],
  ['date', "'infinity'", 'infinity'],
  ['float64', "'NaN'", 'nan'],
  ['float64', "'Infinity'", 'inf'],
  ['float32', "'-Infinity'", '-inf'],
])('a cursor of %s that is %s is an error, and leaves what has landed', async (at, endless, value) => {
  const landing = testLanding({ ...cursor, columns: { ...columns, at } })
  const finite = at.startsWith('float') ? "'1'" : "'2020-01-01'"
  await landing.land(`(1, 'a', ${finite})`)
  for (const [rows, said] of [
    [`(1, 'a', ${finite}), (2, 'b', ${endless})`, '1 row of "d" has no'],
    [`(2, 'b', ${endless}), (3, 'c', ${endless})`, '2 rows of "d" have no'],
  ] as const)
    await expect(landing.land(rows)).rejects.toMatchObject({
      ...{ exitCode: 3, message: `${said} finite at, which is the cursor: ${value}`, place: { dataset: 'd', column: 'at', value } },
    })
  expect(await loads(landing)).toHaveLength(1)
})

test('a text may be called infinity', async () => {
  const landing = testLanding({ ...cursor, columns: { ...columns, at: 'text' } })
  await landing.land(`(1, 'a', 'infinity')`)
  expect(await lastCursor(landing.store, 'test', 'd')).toBe('infinity')
})

test('a landing whose last cursor is infinity is read whole again, and its state begins anew', async () => {
  const landing = testLanding(cursor)
  await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)})`)
  const [load] = await loads(landing)
  if (!load) throw new Error('no load')
  const endless = textOfRecord({ ...load, cursor: { column: 'at', to: 'infinity' } })
  writeFileSync(join(landing.folder, landingPlace('test', 'd', '_all').manifest(1)), endless)
  expect(await lastCursor(landing.store, 'test', 'd')).toBeUndefined()
  await landing.land(`(1, 'a', ${day(1)}), (2, 'c', ${day(2)})`)
  const state = await currentState(landing.store, { pipeline: 'test', dataset: 'd', columns, key: ['id'], cursor: 'at' }, testContext())
  expect(await rowsOf(state.files)).toEqual(['1|a|2020-01-01 00:00:00+00', '2|c|2020-01-02 00:00:00+00'])
  expect(await lastCursor(landing.store, 'test', 'd')).toBe('2020-01-02 00:00:00+00')
})
