import { describe, expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { committedKeys, sweepTemporary } from '../../lib/export/delivered.ts'
import { deliveryLayout } from '../../lib/export/layout.ts'
import { first, run } from './delivering.ts'
import { freshStore, keyOf, keysOf, namesDataset, requestOf } from './kit.ts'

describe('committedKeys', () => {
  test('asks for heads only, and has a key only where all that its delivery names is there', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const receipt = await run(request, store)
    const headsOnly = { head: store.head } as Store
    const keys = () => committedKeys(headsOnly, request.export, request.partition)
    expect(await keys()).toEqual([keyOf('a')])
    for (const missing of [receipt.manifest ?? '', first(receipt), 'names/2018-02-04.csv', 'names/2018-02-04/latest.json']) {
      await store.delete(missing)
      expect(await keys()).toEqual([])
      await run(request, store, 'run-2')
      expect(await keys()).toEqual([keyOf('a')])
    }
    await store.put('names/2018-02-04.csv', { bytes: 'by hand' })
    expect(await keys()).toEqual([])
    await run(request, store, 'run-3')
    for (const garbage of ['{', '{}']) {
      await store.put('names/2018-02-04/latest.json', { bytes: garbage })
      expect(await keys()).toEqual([])
      await expect(run(request, store, 'run-4')).rejects.toMatchObject({
        message: `names/2018-02-04/latest.json is not what millrace writes there: ${garbage === '{' ? 'it is no JSON' : 'field format: Invalid input: expected 1'}`,
        hint: expect.stringContaining('move it away, and run again'),
      })
    }
    await store.delete('names/2018-02-04/latest.json')
    expect((await run(request, store, 'run-5')).outcome).toBe('delivered')
  })
})

describe('what killed deliveries left', () => {
  test('is swept by the next delivery of the same partition, and by no other', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const { id } = deliveryLayout(request.export, request.partition)
    await store.put(`_tmp/dead/${id}-00000000.csv`, { bytes: 'half' })
    await store.put('_tmp/alive/0123456789abcdef-00000000.csv', { bytes: 'half' })
    await run(request, store)
    expect(await keysOf(store, '_tmp/')).toEqual(['_tmp/alive/0123456789abcdef-00000000.csv'])
  })

  test('sweepTemporary takes that of dead runs away', async () => {
    const store = freshStore()
    for (const name of ['dead', 'alive']) await store.put(`_tmp/${name}/x-0.csv`, { bytes: 'half' })
    expect(await sweepTemporary(store, (id) => id === 'alive')).toEqual(['_tmp/dead/x-0.csv'])
    expect(await keysOf(store)).toEqual(['_tmp/alive/x-0.csv'])
  })
})
