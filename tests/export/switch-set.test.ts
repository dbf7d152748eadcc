import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { OutrunError } from '../../lib/core/errors.ts'
import type { DeliveryRequest } from '../../lib/export/deliver.ts'
import { Latest, SetManifest } from '../../lib/export/manifest.ts'
import { namedBy, switches } from '../../lib/export/named.ts'
import { pointerLayout } from '../../lib/export/pointer-layout.ts'
import { type Staged, stage, stagedBefore } from '../../lib/export/stage.ts'
import { switchSet } from '../../lib/export/switch-set.ts'
import { testContext } from '../kit/context.ts'
import { exportOf, freshStore, idName, isDelivered, keyOf, keysOf, namesDataset, readText, requestOf } from './kit.ts'

const daily = exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'] }, true, 'finance')
const all = exportOf('all.csv', { columns: idName, orderBy: ['id'] }, false, 'finance')
const pointer = pointerLayout('finance')

const stageOf = async (store: Store, rows: number, overrides: Partial<DeliveryRequest> = {}) =>
  stage(requestOf(await namesDataset(rows), { export: daily, ...overrides }), store, testContext({ run: 'run-1' }))
const switchTo = (store: Store, staged: readonly Staged[], paths = ['names/{partition}.csv', 'all.csv']) =>
  switchSet(
    { pipeline: 'p', delivery: 'finance', partition: undefined, pointer, paths, staged, notify: [] },
    store,
    testContext({ run: 'run-1' }),
  )

/** What a reader finds who follows latest.json: rows by path and partition, every file there. */
async function held(store: Store): Promise<Record<string, number> | undefined> {
  if (!(await store.head('finance/latest.json'))) return undefined
  const latest = Latest.parse(JSON.parse(await readText(store, 'finance/latest.json')))
  const set = SetManifest.parse(JSON.parse(await readText(store, latest.manifest)))
  for (const member of set.members) for (const file of member.files) expect((await store.head(file.key))?.crc32c).toBe(file.crc32c)
  return Object.fromEntries(set.members.map((member) => [`${member.path} ${member.partition}`, member.rows]))
}

test('exports and partitions commit as one: before the switch a reader sees nothing, after it all', async () => {
  const store = freshStore()
  const staged = [
    await stageOf(store, 2),
    await stageOf(store, 3, { partition: '2018-02-05', inputKey: keyOf('b') }),
    await stageOf(store, 5, { export: all, partition: undefined, inputKey: keyOf('c') }),
  ]
  expect(await held(store)).toBeUndefined()
  expect(await keysOf(store, 'names/')).toEqual([])
  expect(await isDelivered(store, daily, '2018-02-04', keyOf('a'))).toBe(false)
  expect(await switchTo(store, staged)).toMatchObject({ outcome: 'delivered', rows: 10, files: 3 })
  expect(await held(store)).toEqual({ 'names/{partition}.csv 2018-02-04': 2, 'names/{partition}.csv 2018-02-05': 3, 'all.csv null': 5 })
  expect(await keysOf(store, 'names')).toEqual(['names/2018-02-04.csv', 'names/2018-02-05.csv'])
  for (const [target, partition, key] of [
    [daily, '2018-02-04', 'a'],
    [daily, '2018-02-05', 'b'],
    [all, undefined, 'c'],
  ] as const)
    expect(await isDelivered(store, target, partition, keyOf(key))).toBe(true)
  expect(await switchTo(store, [await stageOf(store, 2)])).toMatchObject({ outcome: 'unchanged' })
  expect((await switches(store, pointer)).map((each) => each.switch)).toEqual([1])
})

test('what is new is put to what the delivery holds, and exports that are no more part of it go', async () => {
  const store = freshStore()
  await switchTo(store, [await stageOf(store, 2), await stageOf(store, 5, { export: all, partition: undefined })])
  await switchTo(store, [await stageOf(store, 4, { inputKey: keyOf('d') })])
  expect(await held(store)).toEqual({ 'names/{partition}.csv 2018-02-04': 4, 'all.csv null': 5 })
  await switchTo(store, [await stageOf(store, 1, { partition: '2018-02-05' })], ['names/{partition}.csv'])
  expect(await held(store)).toEqual({ 'names/{partition}.csv 2018-02-04': 4, 'names/{partition}.csv 2018-02-05': 1 })
  expect((await switches(store, pointer)).map((each) => each.switch)).toEqual([3, 2, 1])
})

test('what a killed run has staged is found without its rows, also after it lost a file', async () => {
  const store = freshStore()
  const staged = await stageOf(store, 2)
  const request = { ...requestOf(await namesDataset(2)), export: daily }
  const found = await stagedBefore(request, store)
  expect(found).toMatchObject({ inputKey: keyOf('a'), made: staged.made })
  expect(await stagedBefore({ ...request, inputKey: keyOf('b') }, store)).toBeUndefined()
  await store.delete(staged.made?.manifest.files[0]?.key ?? '')
  expect(await stagedBefore(request, store)).toBeUndefined()
  await expect(switchTo(store, [staged])).rejects.toThrow('is gone: something has removed it since it was staged')
  expect(await held(store)).toBeUndefined()
})

test('of two runs that staged the same partition one wins, the other is told, and nothing is mixed', async () => {
  const store = freshStore()
  await switchTo(store, [await stageOf(store, 1), await stageOf(store, 1, { export: all, partition: undefined })])
  const slow = [
    await stageOf(store, 2, { inputKey: keyOf('b') }),
    await stageOf(store, 2, { export: all, partition: undefined, inputKey: keyOf('b') }),
  ]
  const fast = [await stageOf(store, 3, { inputKey: keyOf('c') })]
  await switchTo(store, fast)
  await expect(switchTo(store, slow)).rejects.toBeInstanceOf(OutrunError)
  expect(await held(store)).toEqual({ 'names/{partition}.csv 2018-02-04': 3, 'all.csv null': 1 })
})

test('another partition that was switched meanwhile stays', async () => {
  const store = freshStore()
  const slow = [await stageOf(store, 2)]
  await switchTo(store, [await stageOf(store, 3, { partition: '2018-02-05' })])
  await switchTo(store, slow)
  expect(await held(store)).toEqual({ 'names/{partition}.csv 2018-02-04': 2, 'names/{partition}.csv 2018-02-05': 3 })
})

test('a delivery of no rows that keeps the last one leaves what the delivery holds', async () => {
  const store = freshStore()
  const kept = exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'], zeroRows: 'keepLast' }, false, 'finance')
  await switchTo(store, [await stageOf(store, 2, { export: kept })])
  const staged = await stageOf(store, 0, { export: kept, inputKey: keyOf('b') })
  expect(staged.made).toBeUndefined()
  expect(await switchTo(store, [staged])).toMatchObject({ outcome: 'unchanged' })
  expect(await held(store)).toEqual({ 'names/{partition}.csv 2018-02-04': 2 })
  expect(await isDelivered(store, kept, '2018-02-04', keyOf('b'))).toBe(true)
})

test('a pointer leads to its manifest, the manifests and files of all that it holds, and as many earlier deliveries as are kept', async () => {
  const store = freshStore()
  const first = await stageOf(store, 2)
  await switchTo(store, [first])
  const second = await stageOf(store, 3, { inputKey: keyOf('b') })
  await switchTo(store, [second])
  const file = (staged: Staged) => staged.made?.manifest.files[0]?.key ?? ''
  const one = (await namedBy(store, pointer, 1)).keys
  expect([one.has(file(first)), one.has(file(second)), one.has(second.made?.key ?? '')]).toEqual([false, true, true])
  expect((await namedBy(store, pointer, 2)).keys.has(file(first))).toBe(true)
})

test('a reader who polls throughout sees whole sets only, each of one generation', async () => {
  const store = freshStore()
  const seen: number[] = []
  const poll = async () => {
    const rows = Object.values((await held(store)) ?? {})
    if (rows.length === 0) return
    expect(rows).toHaveLength(2)
    expect(new Set(rows).size).toBe(1)
    if (rows[0] !== seen.at(-1)) seen.push(rows[0] ?? 0)
  }
  let done = false
  const polling = (async () => {
    while (!done) {
      await poll()
      // A local store reads what is small at once: a reader who only awaits it would let nobody else have a turn.
      await setImmediate()
    }
  })()
  for (let rows = 1; rows <= 6; rows++) {
    const inputKey = keyOf(String(rows))
    await switchTo(store, [
      await stageOf(store, rows, { inputKey }),
      await stageOf(store, rows, { export: all, partition: undefined, inputKey }),
    ])
  }
  done = true
  await polling
  await poll()
  expect(seen.at(-1)).toBe(6)
  expect(seen.length).toBeGreaterThan(2)
  expect(seen).toEqual([...seen].sort())
})
