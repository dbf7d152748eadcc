import { expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { deliveredContract, newestDelivered } from '../../lib/export/contract/last-delivered.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'
import { run } from './delivering.ts'
import { exportOf, freshStore, idName, namesDataset, requestOf } from './kit.ts'

const partitions = Array.from({ length: 100 }, (_, i) => `p${i}`)

test('newestDelivered finds the newest partition that is delivered, by heads from the newest on', async () => {
  const store = freshStore()
  const target = exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'] })
  const heads: string[] = []
  const asked: Store = {
    ...store,
    head: (key) => {
      heads.push(key)
      return store.head(key)
    },
    list: (prefix) => store.list(prefix),
    get: (key) => store.get(key),
  }
  expect(await newestDelivered(asked, target, partitions)).toBeUndefined()
  expect(heads).toEqual([])
  const dataset = await namesDataset(3)
  for (const partition of ['p7', 'p40', 'p41']) await run(requestOf(dataset, { export: target, partition }), store)
  expect(await newestDelivered(asked, target, partitions)).toMatchObject({ partition: 'p41', contract: writtenContract(target.contract) })
  const asks = Array.from({ length: 64 }, (_, i) => `names/p${99 - i}/latest.json`)
  expect(heads.slice(0, 64)).toEqual(asks)
  expect(heads.slice(64).filter((key) => !key.startsWith('names/p41'))).toEqual([])
  expect(await newestDelivered(store, target, partitions.slice(0, 5))).toBeUndefined()
})

test('deliveredContract has none of a manifest that is not readable, and nothing where nothing is delivered', async () => {
  const store = freshStore()
  const target = exportOf('names.csv', { columns: idName, orderBy: ['id'] })
  expect(await deliveredContract(store, target, undefined)).toBeUndefined()
  const receipt = await run(requestOf(await namesDataset(3), { export: target, partition: undefined }), store)
  await store.put(receipt.manifest ?? '', { bytes: '{"format": 1}' })
  expect(await deliveredContract(store, target, undefined)).toEqual({ partition: undefined, at: expect.any(String), contract: undefined })
})
