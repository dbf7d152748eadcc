import { expect, test } from 'vitest'
import { first, outcomeOf, run, runWithoutRows } from './delivering.ts'
import { exportOf, followLatest, freshStore, idName, isDelivered, keyOf, keysOf, namesDataset, readText, requestOf } from './kit.ts'

const split = (options: object) => exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'], ...options })

test('a split delivery is several files, each with the header and its own rows, under one manifest and one switch', async () => {
  const store = freshStore()
  const request = requestOf(await namesDataset(10), { export: split({ split: { rows: 4 } }) })
  const receipt = await run(request, store)
  expect(receipt.files.map((key) => key.replace(/-[0-9a-f]{8}\.csv$/, ''))).toEqual(
    [1, 2, 3].map((n) => `names/2018-02-04/aaaaaaaaaaaa-000${n}`),
  )
  expect(await Promise.all(receipt.files.map((key) => readText(store, key)))).toEqual([
    'id,name\n0,name 0\n1,name 1\n2,name 2\n3,name 3\n',
    'id,name\n4,name 4\n5,name 5\n6,name 6\n7,name 7\n',
    'id,name\n8,name 8\n9,name 9\n',
  ])
  const manifest = await followLatest(store, 'names/2018-02-04/latest.json')
  expect(manifest).toMatchObject({ rows: 10, contract: { split: { rows: 4 } } })
  expect(manifest?.files.map(({ key, rows }) => ({ key, rows }))).toEqual(receipt.files.map((key, i) => ({ key, rows: [4, 4, 2][i] })))
  expect(await keysOf(store)).toEqual([...receipt.files, 'names/2018-02-04/latest.json', receipt.manifest].sort())
  expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
})

test('a split delivery that lost one of its files is made whole again', async () => {
  const store = freshStore()
  const request = requestOf(await namesDataset(10), { export: split({ split: { bytes: 50 }, compression: 'gzip' }) })
  const receipt = await run(request, store)
  expect(receipt.files.length).toBeGreaterThan(2)
  await store.delete(receipt.files[1] ?? '')
  expect(await isDelivered(store, request.export, request.partition, keyOf('a'))).toBe(false)
  expect((await run(request, store, 'run-2')).files).toEqual(receipt.files)
  expect(await isDelivered(store, request.export, request.partition, keyOf('a'))).toBe(true)
})

test('files are called as the contract says', async () => {
  const store = freshStore()
  const request = requestOf(await namesDataset(2), { export: split({ split: { rows: 1 }, fileName: 'n={name}_{part}.{key}-{sha}' }) })
  expect((await run(request, store)).files.map((key) => key.replace(/-[0-9a-f]{8}\.csv$/, ''))).toEqual([
    'names/2018-02-04/n=2018-02-04_0001.aaaaaaaaaaaa',
    'names/2018-02-04/n=2018-02-04_0002.aaaaaaaaaaaa',
  ])
})

test('a delivery of no rows that is split is one file of the header', async () => {
  const store = freshStore()
  const receipt = await run(requestOf(await namesDataset(0), { export: split({ split: { rows: 4 } }) }), store)
  expect(receipt.files).toHaveLength(1)
  expect(await readText(store, first(receipt))).toBe('id,name\n')
})

test.each<[options: object, plain: boolean, message: string]>([
  [{ split: { rows: 0 } }, false, 'contract split {"rows":0} must be { rows: n } or { bytes: n }, n a whole number from 1 on'],
  [{ split: { rows: 1, bytes: 1 } }, false, 'must be { rows: n } or { bytes: n }'],
  [{ split: { rows: 1 } }, true, 'cannot be the plain copy of several files'],
  [{ fileName: '{key}' }, false, 'needs {sha}: other rows must have another name'],
  [{ fileName: '{key}-{sha}', split: { rows: 1 } }, false, 'needs {part}: split files must have another name'],
  [{ fileName: 'a/{key}-{sha}' }, false, 'may have letters, digits'],
  [{ fileName: 'latest-{key}-{sha}' }, false, 'not begin with manifest, latest'],
  [{ fileName: '{key}-{sha}-{day}' }, false, 'has an unknown placeholder {day}'],
])('a contract of %j is refused', async (options, plain, message) => {
  const target = exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'], ...options }, plain)
  await expect(run(requestOf(await namesDataset(1), { export: target }), freshStore())).rejects.toThrow(message)
})
