import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { CheckError } from '../../lib/core/errors.ts'
import { first, outcomeOf, run, runWithoutRows, versionsOf } from './delivering.ts'
import { exportOf, followLatest, freshStore, idName, isDelivered, keyOf, namesDataset, readBytes, readText, requestOf } from './kit.ts'

describe('deliver of no rows', () => {
  const target = (zeroRows: 'headerOnly' | 'noFile' | 'fail' | 'keepLast', more = {}) =>
    exportOf(
      `names/{partition}.csv${'compression' in more && more.compression === 'gzip' ? '.gz' : ''}`,
      { columns: idName, orderBy: ['id'], zeroRows, ...more },
      true,
    )
  const latest = 'names/2018-02-04/latest.json'

  /** A delivery of ten rows, then one of none under key b. */
  async function afterTen(zeroRows: Parameters<typeof target>[0], store: Store) {
    await run(requestOf(await namesDataset(10), { export: target(zeroRows) }), store)
    return requestOf(await namesDataset(0), { export: target(zeroRows), inputKey: keyOf('b') })
  }

  test('with headerOnly delivers a file of the header', async () => {
    const store = freshStore()
    const receipt = await run(await afterTen('headerOnly', store), store)
    expect(receipt).toMatchObject({ outcome: 'delivered', rows: 0, bytes: 8 })
    expect(await readText(store, first(receipt))).toBe('id,name\n')
    expect(await readText(store, 'names/2018-02-04.csv')).toBe('id,name\n')
  })

  test('with headerOnly and no header delivers an empty file, compressed or not', async () => {
    for (const compression of ['none', 'gzip'] as const) {
      const store = freshStore()
      const request = requestOf(await namesDataset(0), { export: target('headerOnly', { header: false, compression }) })
      const bytes = await readBytes(store, first(await run(request, store)))
      expect(compression === 'gzip' ? gunzipSync(bytes) : bytes).toHaveLength(0)
    }
  })

  test('with noFile delivers a manifest without files, and takes the plain copy away', async () => {
    const store = freshStore()
    const request = await afterTen('noFile', store)
    const receipt = await runWithoutRows(request, store)
    expect(receipt).toMatchObject({ outcome: 'delivered', rows: 0, bytes: 0, files: [], plain: undefined })
    expect(await followLatest(store, latest)).toMatchObject({ files: [], rows: 0, inputKey: keyOf('b') })
    expect(await store.head('names/2018-02-04.csv')).toBeUndefined()
    expect(await isDelivered(store, request.export, request.partition, request.inputKey)).toBe(true)
    expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
    // As after a kill before the plain copy went.
    await store.put('names/2018-02-04.csv', { bytes: 'old\n' })
    expect(await isDelivered(store, request.export, request.partition, request.inputKey)).toBe(false)
    expect(await outcomeOf(runWithoutRows(request, store))).toBe('mended')
    expect(await store.head('names/2018-02-04.csv')).toBeUndefined()
  })

  test('with fail is a CheckError and leaves the last delivery', async () => {
    const store = freshStore()
    const request = await afterTen('fail', store)
    const before = await versionsOf(store)
    await expect(runWithoutRows(request, store)).rejects.toBeInstanceOf(CheckError)
    expect(await versionsOf(store)).toEqual(before)
  })

  test('with keepLast leaves the last delivery, and is done for its key', async () => {
    const store = freshStore()
    const request = await afterTen('keepLast', store)
    const before = await versionsOf(store)
    expect(await isDelivered(store, request.export, request.partition, request.inputKey)).toBe(false)
    expect(await runWithoutRows(request, store)).toEqual({
      outcome: 'kept',
      rows: 0,
      bytes: 0,
      files: [],
      manifest: undefined,
      plain: undefined,
    })
    const kept = await versionsOf(store)
    expect(kept.filter(([key]) => key !== 'names/2018-02-04/kept-last.json')).toEqual(before)
    expect(await isDelivered(store, request.export, request.partition, request.inputKey)).toBe(true)
    expect(await outcomeOf(runWithoutRows(request, store))).toBe('kept')
    expect(await versionsOf(store)).toEqual(kept)
    // A later key without rows replaces the marker.
    expect(await outcomeOf(runWithoutRows({ ...request, inputKey: keyOf('c') }, store))).toBe('kept')
    expect(await isDelivered(store, request.export, request.partition, keyOf('c'))).toBe(true)
    expect(await isDelivered(store, request.export, request.partition, keyOf('b'))).toBe(false)
  })
})
