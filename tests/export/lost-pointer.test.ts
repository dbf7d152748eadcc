import { expect, test } from 'vitest'
import { switches } from '../../lib/export/named.ts'
import { pointerLayout } from '../../lib/export/pointer-layout.ts'
import { run } from './delivering.ts'
import { freshStore, keyOf, namesDataset, readText, requestOf } from './kit.ts'

const FOLDER = 'names/2018-02-04'

test('where latest.json was moved away, its history goes on behind what was kept, and leads to what it led to', async () => {
  const store = freshStore()
  const deliver = async (rows: number) => run(requestOf(await namesDataset(rows), { inputKey: keyOf(String(rows)) }), store)
  const first = await deliver(1)
  await deliver(2)
  await store.delete(`${FOLDER}/latest.json`)
  const third = await deliver(3)
  const fourth = await deliver(4)
  const history = await switches(store, pointerLayout(FOLDER))
  // The second switch was lost with latest.json.
  expect(history.map((each) => [each.switch, each.manifest])).toEqual([
    ...[
      [4, fourth.manifest],
      [3, third.manifest],
      [1, first.manifest],
    ],
  ])
  expect(JSON.parse(await readText(store, `${FOLDER}/latest.json`))).toMatchObject({ switch: 4 })
})
