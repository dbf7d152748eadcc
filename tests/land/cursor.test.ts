import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CheckError, ConfigError } from '../../lib/core/errors.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { changesOf } from '../../lib/land/datasets.ts'
import { lastCursor, loadsOf } from '../../lib/land/loads.ts'
import type { LandRequest } from '../../lib/land/request.ts'
import { testContext } from '../kit/context.ts'
import { forgetKept, type Landing, noRelation, rowsOf, testLanding, typed } from '../kit/landing.ts'

const columns = { id: 'int64', name: 'text', at: 'timestamptz' }
const cursor = { columns, kind: { by: 'cursor', column: 'at', key: ['id'], deletes: 'ignore' } } as const
const withKeys = { ...cursor, kind: { ...cursor.kind, deletes: 'keys' } } as const
const day = (n: number) => `'2020-01-${String(n).padStart(2, '0')} 00:00:00+00'`
const stateOf = async (landing: Landing, wanted: Record<string, string> = columns) => {
  const state = await currentState(
    landing.store,
    { pipeline: 'test', dataset: 'd', columns: wanted, key: ['id'], cursor: 'at' },
    testContext(),
  )
  const rows = await rowsOf(state.files)
  expect(state).toMatchObject({ name: 'd', columns: wanted, rows: rows.length })
  return { rows: rows.map((row) => row.replace(' 00:00:00+00', '')), hash: state.hash, files: state.files }
}
const loads = (landing: Landing) => loadsOf(landing.store, 'test', 'd', '_all')
const changes = async (landing: Landing, id: number, wanted: Record<string, string> = columns) => {
  const load = (await loads(landing)).find((each) => each.id === id)
  if (!load) throw new Error(`no load ${id}`)
  const { dataset, tombstones } = await changesOf(landing.store, load, wanted, testContext())
  return {
    rows: (await rowsOf(dataset.files)).map((row) => row.replace(' 00:00:00+00', '')),
    gone: tombstones && (await rowsOf(tombstones)),
    dataset,
  }
}
const keysOf = (ids: string): Partial<LandRequest> => ({
  keys: { select: { sql: ids ? typed(ids, { id: 'int64' }) : 'SELECT 0::BIGINT AS id WHERE false' }, relation: noRelation },
})

test('the first read of a cursor dataset lands whole, and its highest cursor is the last landed one', async () => {
  const landing = testLanding(cursor)
  expect(await lastCursor(landing.store, 'test', 'd')).toBeUndefined()
  const landed = await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(3)}), (3, NULL, ${day(2)})`)
  expect(landed).toMatchObject({ outcome: 'done', read: 3, rows: 3, manifest: { cursor: { column: 'at', to: '2020-01-03 00:00:00+00' } } })
  expect(landed.manifest.cursor).not.toHaveProperty('from')
  expect(await lastCursor(landing.store, 'test', 'd')).toBe('2020-01-03 00:00:00+00')
  expect((await stateOf(landing)).rows).toEqual(['1|a|2020-01-01', '2|b|2020-01-03', '3|∅|2020-01-02'])
})

test('a first read of no rows lands, so that the dataset is there, and says nothing of the cursor', async () => {
  const landing = testLanding(cursor)
  const landed = await landing.land('')
  expect(landed).toMatchObject({ outcome: 'done', rows: 0, manifest: { id: 1, cursor: { column: 'at' } } })
  expect(await lastCursor(landing.store, 'test', 'd')).toBeUndefined()
  expect((await stateOf(landing)).rows).toEqual([])
  expect(await landing.land('')).toMatchObject({ outcome: 'unchanged' })
})

test('rows that have landed just so are dropped, and nothing is committed when none remain', async () => {
  const landing = testLanding(cursor)
  await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(3)})`)
  const again = await landing.land(`(2, 'b', ${day(3)})`, { cursorFrom: '2020-01-03 00:00:00+00' })
  expect(again).toMatchObject({ outcome: 'unchanged', read: 1, rows: 0, unchanged: 1, manifest: { id: 1 } })
  const third = await landing.land(`(2, 'b', ${day(3)}), (1, 'A', ${day(4)}), (4, 'd', ${day(3)})`, {
    cursorFrom: '2020-01-03 00:00:00+00',
  })
  expect(third).toMatchObject({ outcome: 'done', read: 3, rows: 2, unchanged: 1, superseded: 0 })
  expect(third.manifest).toMatchObject({ id: 2, rows: 2, cursor: { from: '2020-01-03 00:00:00+00', to: '2020-01-04 00:00:00+00' } })
  expect((await changes(landing, 2)).rows).toEqual(['1|A|2020-01-04', '4|d|2020-01-03'])
  expect((await changes(landing, 2)).dataset).toMatchObject({ name: 'd.changes', rows: 2, columns, hash: third.manifest.contentHash })
  expect((await stateOf(landing)).rows).toEqual(['1|A|2020-01-04', '2|b|2020-01-03', '4|d|2020-01-03'])
})

test('of several rows of a key in one read the latest by cursor lands', async () => {
  const landing = testLanding(cursor)
  const landed = await landing.land(
    `(1, 'old', ${day(1)}), (1, 'new', ${day(3)}), (1, 'middle', ${day(2)}), (2, 'twice', ${day(1)}), (2, 'twice', ${day(1)})`,
  )
  expect(landed).toMatchObject({ read: 5, rows: 2, superseded: 3, unchanged: 0 })
  expect((await changes(landing, 1)).rows).toEqual(['1|new|2020-01-03', '2|twice|2020-01-01'])
})

test('rows of a key with the same latest cursor that differ are an error naming the key', async () => {
  const landing = testLanding(cursor)
  const error = await landing.land(`(7, 'x', ${day(2)}), (7, 'y', ${day(2)}), (8, 'z', ${day(1)})`).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(CheckError)
  expect(error).toMatchObject({
    message: 'two rows of "d" with id=7 have the same at 2020-01-02 00:00:00+00 and differ: which one is later cannot be known',
    place: { stage: 'land', dataset: 'd', column: 'at', value: 'id=7' },
    exitCode: 3,
  })
  expect(await loads(landing)).toEqual([])
  expect(await landing.land(`(7, 'x', ${day(2)}), (7, 'y', ${day(2)}), (7, 'z', ${day(3)})`)).toMatchObject({ rows: 1 })
})

test.each([
  ['the cursor', `(1, 'a', NULL)`, 'at'],
  ['the key', `(NULL, 'a', ${day(1)})`, 'id'],
])('a NULL in %s is an error', async (_, row, column) => {
  const landing = testLanding(cursor)
  await expect(landing.land(`(2, 'b', ${day(1)}), ${row}`)).rejects.toMatchObject({ exitCode: 3, place: { dataset: 'd', column } })
})

test('a row changed within the same instant of the cursor lands and wins', async () => {
  const landing = testLanding(cursor)
  await landing.land(`(1, 'before', ${day(1)})`)
  expect(await landing.land(`(1, 'after', ${day(1)})`, { cursorFrom: '2020-01-01 00:00:00+00' })).toMatchObject({
    outcome: 'done',
    rows: 1,
  })
  expect((await stateOf(landing)).rows).toEqual(['1|after|2020-01-01'])
})

test('replayed, reordered and overlapping reads change nothing', async () => {
  const landing = testLanding(cursor)
  await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)})`)
  await landing.land(`(1, 'a2', ${day(5)})`, { cursorFrom: '2020-01-02 00:00:00+00' })
  const before = await stateOf(landing)
  const late = await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)}), (1, 'a2', ${day(5)})`, {
    cursorFrom: '2020-01-01 00:00:00+00',
  })
  expect(late).toMatchObject({ outcome: 'unchanged' })
  expect(await landing.land(`(1, 'a', ${day(1)})`, { cursorFrom: '2020-01-01 00:00:00+00' })).toMatchObject({ outcome: 'unchanged' })
  const after = await stateOf(landing)
  expect([after.rows, after.hash]).toEqual([before.rows, before.hash])
  expect(await lastCursor(landing.store, 'test', 'd')).toBe('2020-01-05 00:00:00+00')
})

test('the last landed cursor never goes back, as values and not as text', async () => {
  const numbers = { columns: { id: 'int64', at: 'int64' }, kind: cursor.kind }
  const landing = testLanding(numbers)
  await landing.land('(1, 9)')
  await landing.land('(2, 10)', { cursorFrom: '9' })
  expect(await lastCursor(landing.store, 'test', 'd')).toBe('10')
  await landing.land('(3, 8)', { cursorFrom: '5' })
  expect(await lastCursor(landing.store, 'test', 'd')).toBe('10')
})

describe("deletes: 'keys'", () => {
  test('keys that are gone from the source land as tombstones', async () => {
    const landing = testLanding(withKeys)
    await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)}), (3, 'c', ${day(3)})`, keysOf('(1), (2), (3)'))
    const landed = await landing.land('', { ...keysOf('(1), (3)'), cursorFrom: '2020-01-03 00:00:00+00' })
    expect(landed).toMatchObject({
      outcome: 'done',
      read: 0,
      rows: 0,
      removed: 1,
      manifest: { id: 2, rows: 0, tombstones: [{ rows: 1 }], cursor: { to: '2020-01-03 00:00:00+00' } },
    })
    expect(await changes(landing, 2)).toMatchObject({ rows: [], gone: ['2'] })
    expect((await stateOf(landing)).rows).toEqual(['1|a|2020-01-01', '3|c|2020-01-03'])
    const again = await landing.land('', { ...keysOf('(1), (3)'), cursorFrom: '2020-01-03 00:00:00+00' })
    expect(again).toMatchObject({ outcome: 'unchanged', removed: 0 })
  })

  test('a key that comes again is alive again, also with the very row that it had', async () => {
    const landing = testLanding(withKeys)
    await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)})`, keysOf('(1), (2)'))
    await landing.land('', { ...keysOf('(1)'), cursorFrom: '2020-01-02 00:00:00+00' })
    expect(await landing.land(`(2, 'b', ${day(2)})`, { ...keysOf('(1), (2)'), cursorFrom: '2020-01-02 00:00:00+00' })).toMatchObject({
      outcome: 'done',
      rows: 1,
      removed: 0,
    })
    expect((await stateOf(landing)).rows).toEqual(['1|a|2020-01-01', '2|b|2020-01-02'])
    expect(await landing.land('', { ...keysOf('(1)'), cursorFrom: '2020-01-02 00:00:00+00' })).toMatchObject({ removed: 1 })
    expect((await stateOf(landing)).rows).toEqual(['1|a|2020-01-01'])
  })

  test('a key that came between the two reads is not taken for gone', async () => {
    const landing = testLanding(withKeys)
    await landing.land(`(1, 'a', ${day(1)})`, keysOf('(1)'))
    expect(await landing.land(`(2, 'b', ${day(2)})`, { ...keysOf('(1)'), cursorFrom: '2020-01-01 00:00:00+00' })).toMatchObject({
      rows: 1,
      removed: 0,
    })
    expect((await stateOf(landing)).rows).toEqual(['1|a|2020-01-01', '2|b|2020-01-02'])
  })

  test('a key of the source that never landed is warned about', async () => {
    const landing = testLanding(withKeys)
    await landing.land(`(1, 'a', ${day(5)})`, keysOf('(1)'))
    const ctx = testContext()
    await landing.land(`(1, 'a', ${day(5)})`, { ...keysOf('(1), (9)'), cursorFrom: '2020-01-05 00:00:00+00' }, ctx)
    expect(ctx.events).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringMatching(/^1 key of the source has not landed: its row came/) }),
    )
  })

  test('loads with equal rows but other tombstones have other content', async () => {
    const hashes = new Set<string>()
    for (const left of ['(1), (2)', '(2), (3)', '(1), (3)']) {
      const landing = testLanding(withKeys)
      await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(1)}), (3, 'c', ${day(1)})`)
      hashes.add((await landing.land('', { ...keysOf(left), cursorFrom: '2020-01-01 00:00:00+00' })).manifest.contentHash)
    }
    expect(hashes.size).toBe(3)
  })
})

test('the state has the columns that are wanted, whatever older loads had', async () => {
  const landing = testLanding({ ...cursor, columns: { id: 'int32', at: 'timestamptz', left: 'text' } })
  await landing.land(`(1, ${day(1)}, 'x'), (2, ${day(2)}, 'y')`)
  const wider = { id: 'int64', name: 'text', at: 'timestamptz' }
  const sql = typed(`(2, 'b', ${day(2)}), (3, 'c', ${day(3)})`, wider)
  expect(await landing.land(sql, { columns: wider, readKey: 'other' })).toMatchObject({ outcome: 'done', rows: 2 })
  expect((await stateOf(landing, wider)).rows).toEqual(['1|∅|2020-01-01', '2|b|2020-01-02', '3|c|2020-01-03'])
  const old = await changes(landing, 1, wider)
  expect(old.rows).toEqual(['1|∅|2020-01-01', '2|∅|2020-01-02'])
  expect(old.dataset).toMatchObject({ columns: wider, rows: 2 })
})

describe('a column of another type than it landed with', () => {
  const [landedAs, wanted] = [
    { ...columns, name: 'float64' },
    { ...columns, name: 'int64' },
  ]
  const changed = (rows: string) =>
    [typed(rows, wanted), { columns: wanted, readKey: 'other', cursorFrom: '2020-01-02 00:00:00+00' }] as const
  const refused = {
    exitCode: 3,
    message: 'column "name" of "d" has landed as float64, and "2.5" is not int64',
    hint: 'declare it float64 again; or read all of the source anew: millrace run test --refresh',
    place: { dataset: 'd', column: 'name', value: '2.5' },
  }

  test('is cast where nothing changes', async () => {
    const landing = testLanding({ ...cursor, columns: landedAs })
    await landing.land(`(1, 7, ${day(1)}), (2, NULL, ${day(2)})`)
    await landing.land(...changed(`(3, 9, ${day(3)})`))
    expect((await stateOf(landing, wanted)).rows).toEqual(['1|7|2020-01-01', '2|∅|2020-01-02', '3|9|2020-01-03'])
  })

  test('is refused by its value where that would change: in the state, in changes and in what lands', async () => {
    const landing = testLanding({ ...cursor, columns: landedAs })
    await landing.land(`(1, 7, ${day(1)}), (2, 2.5, ${day(2)})`)
    await expect(stateOf(landing, wanted)).rejects.toMatchObject(refused)
    await expect(changes(landing, 1, wanted)).rejects.toMatchObject(refused)
    await expect(landing.land(...changed(`(2, 3, ${day(2)})`))).rejects.toMatchObject(refused)
  })

  test('begins the state anew with a refresh, and with no other read of the whole source', async () => {
    const landing = testLanding({ ...cursor, columns: landedAs })
    await landing.land(`(1, 7, ${day(1)}), (2, 2.5, ${day(2)})`)
    const ctx = testContext()
    const whole = { columns: wanted, readKey: 'other', refresh: true }
    const rows = typed(`(1, 7, ${day(1)}), (2, 3, ${day(2)})`, wanted)
    await expect(landing.land(rows, { ...whole, refresh: false })).rejects.toMatchObject(refused)
    expect(await landing.land(rows, whole, ctx)).toMatchObject({
      manifest: { base: true },
      rows: 2,
    })
    expect(ctx.events).toContainEqual(
      expect.objectContaining({ type: 'warning', message: `${refused.message}; the state begins anew with this read` }),
    )
    expect((await stateOf(landing, wanted)).rows).toEqual(['1|7|2020-01-01', '2|3|2020-01-02'])
  })
})

test('the state of nothing landed is a ConfigError', async () => {
  await expect(stateOf(testLanding(cursor))).rejects.toThrow(ConfigError)
})

test('the state does not depend on how its rows came', async () => {
  const rows = [`(1, 'a', ${day(1)})`, `(2, 'b', ${day(2)})`, `(1, 'c', ${day(3)})`, `(3, 'd', ${day(3)})`]
  const [one, many] = [testLanding(cursor), testLanding(cursor)]
  await one.land(rows.join(', '))
  for (const row of rows) await many.land(row, { cursorFrom: '2020-01-01 00:00:00+00' })
  expect((await stateOf(many)).rows).toEqual((await stateOf(one)).rows)
  expect((await stateOf(many)).hash).toBe((await stateOf(one)).hash)
})

test('a key of several columns, of any type and name', async () => {
  const odd = { 'the "key"': 'text', select: 'date', at: 'int64', v: 'list(struct(a int32, "b c" decimal(10,2)))' }
  const landing = testLanding({ columns: odd, kind: { by: 'cursor', column: 'at', key: ['the "key"', 'select'], deletes: 'keys' } })
  const keys = { keys: { select: { sql: `SELECT 'x' AS "the ""key""", DATE '2020-01-01' AS "select"` }, relation: noRelation } }
  await landing.land(`('x', '2020-01-01', 1, [{'a': 1, 'b c': 2.5}]), ('x', '2020-01-02', 1, NULL)`)
  const landed = await landing.land(`('x', '2020-01-01', 1, [{'a': 1, 'b c': 2.5}]), ('y', '2020-01-01', 2, [])`, {
    ...keys,
    cursorFrom: '1',
  })
  expect(landed).toMatchObject({ rows: 1, unchanged: 1, removed: 1 })
})

describe('a damaged load', () => {
  test('is an error for the state that names the file', async () => {
    const landing = testLanding(cursor)
    const { manifest } = await landing.land(`(1, 'a', ${day(1)})`)
    await landing.store.delete(manifest.files[0]?.key ?? '')
    forgetKept(landing)
    await expect(stateOf(landing)).rejects.toMatchObject({
      exitCode: 3,
      place: { file: manifest.files[0]?.key },
      hint: expect.stringContaining('--refresh'),
    })
    await expect(landing.land(`(2, 'b', ${day(2)})`, { cursorFrom: '2020-01-01 00:00:00+00' })).rejects.toThrow(/is missing/)
  })

  test('is given up by a read of the whole source, which begins the state anew', async () => {
    const landing = testLanding(cursor)
    const { manifest } = await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)})`)
    await landing.land(`(3, 'c', ${day(3)})`, { cursorFrom: '2020-01-02 00:00:00+00' })
    const path = join(landing.folder, manifest.files[0]?.key ?? '')
    writeFileSync(path, Buffer.alloc(manifest.files[0]?.bytes ?? 0))
    forgetKept(landing)
    const ctx = testContext()
    const refreshed = await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)}), (3, 'c', ${day(3)})`, {}, ctx)
    expect(refreshed).toMatchObject({ outcome: 'done', rows: 3, manifest: { id: 3, base: true } })
    expect(ctx.events).toContainEqual(expect.objectContaining({ type: 'warning', message: expect.stringContaining('begins anew') }))
    expect((await stateOf(landing)).rows).toEqual(['1|a|2020-01-01', '2|b|2020-01-02', '3|c|2020-01-03'])
    expect(await landing.land(`(1, 'a', ${day(1)}), (2, 'b', ${day(2)}), (3, 'c', ${day(3)})`)).toMatchObject({ outcome: 'unchanged' })
  })
})
