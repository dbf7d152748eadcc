import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'
import { outcomeOf, run } from './delivering.ts'
import { exportOf, freshStore, idName, keyOf, keysOf, namesDataset, readText, requestOf } from './kit.ts'

const plain = 'names/2018-02-04.csv'
const target = exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'], zeroRows: 'noFile' }, true)
const refused = {
  exitCode: 2,
  message: `${plain} is there, and millrace did not write it: the plain copy would take its place`,
  hint: 'move it away, or give the export another path',
  place: { file: plain, dataset: 'names', partition: '2018-02-04' },
}

test.each([3, 0])('what somebody else has put at the name of the plain copy stays, with %i rows to deliver', async (rows) => {
  const store = freshStore()
  await store.put(plain, { bytes: 'a list of hers\n' })
  const request = requestOf(await namesDataset(rows), { export: target })
  for (const id of ['run-1', 'run-2']) await expect(run(request, store, id)).rejects.toMatchObject(refused)
  expect(await readText(store, plain)).toBe('a list of hers\n')
  expect(await keysOf(store)).not.toContain('names/2018-02-04/latest.json')
  await store.delete(plain)
  expect(await outcomeOf(run(request, store, 'run-3'))).toBe('delivered')
})

test('the same content is taken for the copy that it is, and a copy of ours without metadata is replaced', async () => {
  const folder = temporaryFolder()
  const request = requestOf(await namesDataset(3), { export: target })
  await freshStore(folder).put(plain, { bytes: 'id,name\n0,name 0\n1,name 1\n2,name 2\n' })
  expect(await outcomeOf(run(request, freshStore(folder)))).toBe('delivered')
  rmSync(join(folder, 'store/.millrace-meta'), { recursive: true })
  const store = freshStore(folder)
  expect(await outcomeOf(run(requestOf(await namesDataset(4), { export: target, inputKey: keyOf('b') }), store))).toBe('delivered')
  expect(await readText(store, plain)).toContain('3,name 3')
})
