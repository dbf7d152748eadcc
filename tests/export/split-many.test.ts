import { expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { OBJECTS_AT_ONCE } from '../../lib/export/objects.ts'
import { testContext } from '../kit/context.ts'
import { run } from './delivering.ts'
import { exportOf, followLatest, freshStore, idName, keysOf, namesDataset, requestOf } from './kit.ts'

const ROWS = 100
const target = exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'], split: { rows: 1 } })

/** A store that says how many of these were under way at most, and tells of each. */
function watched(store: Store, told: (method: 'head' | 'copy' | 'delete', key: string) => Promise<void> | void = () => {}) {
  const most = { head: 0, copy: 0, delete: 0 }
  const now = { head: 0, copy: 0, delete: 0 }
  const during =
    <A extends [string, ...unknown[]], R>(method: keyof typeof now, work: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      most[method] = Math.max(most[method], ++now[method])
      try {
        await told(method, given[0])
        return await work(...given)
      } finally {
        now[method]--
      }
    }
  const watching: Store = {
    ...store,
    head: during('head', store.head.bind(store)),
    copy: during('copy', store.copy.bind(store)),
    delete: during('delete', store.delete.bind(store)),
  }
  return { store: watching, most }
}

test('the objects of many files are looked at, copied and deleted side by side, so many at a time', async () => {
  const { store, most } = watched(freshStore())
  const receipt = await run(requestOf(await namesDataset(ROWS), { export: target }), store)
  expect(receipt.files).toHaveLength(ROWS)
  expect((await followLatest(store, 'names/2018-02-04/latest.json'))?.files.map(({ key }) => key)).toEqual(receipt.files)
  expect(most).toEqual({ head: OBJECTS_AT_ONCE, copy: OBJECTS_AT_ONCE, delete: OBJECTS_AT_ONCE })
})

test('a stop among many copies begins no other, publishes nothing, and leaves no temporary object', async () => {
  const stop = new AbortController()
  const all = freshStore()
  let copies = 0
  const { store } = watched(all, (method) => {
    if (method === 'copy' && ++copies === OBJECTS_AT_ONCE + 1) stop.abort(new Error('stopped'))
  })
  const ctx = testContext({ run: 'run-1', signal: stop.signal })
  await expect(deliver(requestOf(await namesDataset(ROWS), { export: target }), store, ctx)).rejects.toThrow('stopped')
  expect(copies).toBeLessThanOrEqual(2 * OBJECTS_AT_ONCE)
  const left = await keysOf(all)
  expect(left.filter((key) => !/^names\/2018-02-04\/a{12}-\d{4}-/.test(key))).toEqual([])
  expect(left.length).toBeLessThanOrEqual(copies)
})

test('a copy that fails is what is told, and the temporary objects go', async () => {
  const all = freshStore()
  let copies = 0
  const { store } = watched(all, (method) => {
    if (method === 'copy' && ++copies === 3) throw new Error('the third copy failed')
  })
  await expect(run(requestOf(await namesDataset(ROWS), { export: target }), store)).rejects.toThrow('the third copy failed')
  expect(copies).toBeLessThanOrEqual(2 * OBJECTS_AT_ONCE)
  expect((await keysOf(all)).filter((key) => key.startsWith('_tmp/'))).toEqual([])
})
