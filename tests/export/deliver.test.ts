import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ConfigError, PermanentError, PreconditionFailed, TransientError } from '../../lib/core/errors.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { DeliveryManifest } from '../../lib/export/manifest.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { first, outcomeOf, run, runWithoutRows, versionsOf } from './delivering.ts'
import {
  contentOf,
  delivered,
  exportOf,
  followLatest,
  freshStore,
  idName,
  isDelivered,
  keyOf,
  keysOf,
  namesDataset,
  readBytes,
  readText,
  requestOf,
} from './kit.ts'

describe('deliver', () => {
  test('writes immutable data and manifest, latest.json and the plain copy, and leaves nothing else', async () => {
    const store = freshStore()
    const ctx = testContext()
    const receipt = await deliver(requestOf(await namesDataset(100), { codeVersion: 'c0de' }), store, ctx)
    const csv = `id,name\n${Array.from({ length: 100 }, (_, i) => `${i},name ${i}\n`).join('')}`
    const sha256 = createHash('sha256').update(csv).digest('hex')
    const data = `names/2018-02-04/aaaaaaaaaaaa-${sha256.slice(0, 8)}.csv`
    const manifest = `names/2018-02-04/manifest-aaaaaaaaaaaa-${sha256.slice(0, 8)}.json`
    expect(receipt).toEqual({ outcome: 'delivered', rows: 100, bytes: csv.length, files: [data], manifest, plain: 'names/2018-02-04.csv' })
    expect(await keysOf(store)).toEqual(['names/2018-02-04.csv', data, 'names/2018-02-04/latest.json', manifest].sort())
    expect(await readText(store, data)).toBe(csv)
    expect(await readText(store, 'names/2018-02-04.csv')).toBe(csv)

    const said = DeliveryManifest.parse(JSON.parse(await readText(store, manifest)))
    const head = await store.head(data)
    expect(said).toMatchObject({
      format: 2,
      pipeline: 'p',
      dataset: 'names',
      path: 'names/{partition}.csv',
      partition: '2018-02-04',
      files: [{ key: data, rows: 100, bytes: head?.bytes, crc32c: head?.crc32c, sha256 }],
      rows: 100,
      inputKey: keyOf('a'),
      codeVersion: 'c0de',
      run: { id: 'run-1', at: '2018-02-07T01:30:00.000Z' },
    })
    expect(said.contract).toEqual({
      format: 'csv',
      version: 1,
      columns: [
        { name: 'id', type: 'int64', notNull: false },
        { name: 'name', type: 'text', notNull: false },
      ],
      orderBy: ['id'],
      delimiter: ',',
      quote: '"',
      quoting: 'minimal',
      escape: '"',
      formulas: 'raw',
      null: '',
      header: true,
      lineEnd: '\n',
      compression: 'none',
      encoding: 'utf-8',
      byteOrderMark: false,
      unfit: null,
      booleans: ['true', 'false'],
      decimalPoint: '.',
      dateFormat: null,
      timestampFormat: null,
      zone: 'UTC',
      round: {},
      split: null,
      zeroRows: 'headerOnly',
    })
    const manifestSha256 = createHash('sha256')
      .update(await readText(store, manifest))
      .digest('hex')
    expect(await delivered(store, requestOf(await namesDataset(0)).export, '2018-02-04')).toMatchObject({
      manifest,
      inputKey: keyOf('a'),
      partition: '2018-02-04',
      run: { id: 'run-1', manifestSha256 },
    })
    expect((await store.head('names/2018-02-04.csv'))?.metadata).toMatchObject({ manifest })
    expect(ctx.events.filter((event) => event.type === 'stage')).toMatchObject([
      { phase: 'start', stage: 'export', dataset: 'names' },
      { phase: 'end', stage: 'export', dataset: 'names', rows: 100, bytes: csv.length, outcome: 'done' },
    ])
  })

  test('skips what is delivered under an equal key, and writes nothing', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const receipt = await run(request, store)
    const before = await versionsOf(store)
    expect(await runWithoutRows(request, store)).toEqual({ ...receipt, outcome: 'unchanged' })
    expect(await versionsOf(store)).toEqual(before)
  })

  test('replaces latest.json and the plain copy under another key, and keeps the old objects', async () => {
    const store = freshStore()
    const old = await run(requestOf(await namesDataset(10)), store)
    const next = await run(requestOf(await namesDataset(11), { inputKey: keyOf('b') }), store)
    expect(await followLatest(store, 'names/2018-02-04/latest.json')).toMatchObject({ rows: 11, inputKey: keyOf('b') })
    expect(await readText(store, 'names/2018-02-04.csv')).toBe(await readText(store, first(next)))
    expect(await store.head(first(old))).toBeDefined()
    expect(await store.head(old.manifest ?? '')).toBeDefined()
    // And back: the objects of the old key are adopted.
    expect((await run(requestOf(await namesDataset(10)), store, 'run-3')).files).toEqual(old.files)
    expect(await followLatest(store, 'names/2018-02-04/latest.json')).toMatchObject({ rows: 10, run: { id: 'run-1' } })
    expect(await keysOf(store, '_tmp/')).toEqual([])
  })

  test('makes a missing copy again from the one that is there, without the rows', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const receipt = await run(request, store)
    const whole = await contentOf(store)
    for (const missing of ['names/2018-02-04.csv', first(receipt)]) {
      await store.delete(missing)
      expect(await isDelivered(store, request.export, request.partition, request.inputKey)).toBe(false)
      expect(await outcomeOf(runWithoutRows(request, store))).toBe('mended')
      expect(await contentOf(store)).toEqual(whole)
      expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
    }
  })

  test('makes a plain copy again that is another delivery’s', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    await run(request, store)
    const whole = await contentOf(store)
    await store.put('names/2018-02-04.csv', { bytes: 'by hand\n' })
    expect(await outcomeOf(runWithoutRows(request, store))).toBe('mended')
    expect(await contentOf(store)).toEqual(whole)
  })

  test('writes the rows again where no copy or no manifest is left', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const receipt = await run(request, store)
    const whole = await contentOf(store)
    for (const missing of [['names/2018-02-04.csv', first(receipt)], [receipt.manifest ?? ''], ['names/2018-02-04/latest.json']]) {
      for (const key of missing) await store.delete(key)
      expect(await outcomeOf(run(request, store, 'run-2'))).toBe('delivered')
      expect(await contentOf(store)).toEqual(whole)
      expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
    }
  })

  test('writes latest.json again, as it is, where its metadata were lost', async () => {
    for (const force of [false, true]) {
      const folder = temporaryFolder()
      const request = requestOf(await namesDataset(10))
      await run(request, freshStore(folder))
      rmSync(join(folder, 'store/.millrace-meta'), { recursive: true })
      const store = freshStore(folder)
      const text = await readText(store, 'names/2018-02-04/latest.json')
      expect(await isDelivered(store, request.export, request.partition, request.inputKey)).toBe(false)
      expect(await outcomeOf(run({ ...request, force }, store, 'run-2'))).toBe(force ? 'delivered' : 'mended')
      expect(await isDelivered(store, request.export, request.partition, request.inputKey)).toBe(true)
      expect(await readText(store, 'names/2018-02-04/latest.json')).toBe(text)
      expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
    }
  })

  test('with force writes the rows again and adopts the same objects', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    await run(request, store)
    const before = await versionsOf(store)
    expect(await outcomeOf(run({ ...request, force: true }, store, 'run-2'))).toBe('delivered')
    expect(await versionsOf(store)).toEqual(before)
  })

  test('adopts the objects of a run that was killed before the switch', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const killed = await run(request, store, 'killed')
    await store.delete('names/2018-02-04/latest.json')
    await store.delete('names/2018-02-04.csv')
    const manifest = await readText(store, killed.manifest ?? '')
    expect(await outcomeOf(run(request, store, 'run-2'))).toBe('delivered')
    expect(await readText(store, killed.manifest ?? '')).toBe(manifest)
    expect(await delivered(store, request.export, request.partition)).toMatchObject({
      run: { id: 'run-2', manifestSha256: createHash('sha256').update(manifest).digest('hex') },
    })
    expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
  })

  test('never overwrites other content under an immutable name', async () => {
    const request = requestOf(await namesDataset(10))
    for (const which of ['data', 'manifest'] as const) {
      const store = freshStore()
      const receipt = await run(request, store)
      const key = which === 'data' ? first(receipt) : (receipt.manifest ?? '')
      const said = JSON.parse(await readText(store, receipt.manifest ?? '')) as object
      const other = which === 'data' ? 'id,name\n' : JSON.stringify({ ...said, rows: 11 })
      await store.put(key, { bytes: other })
      for (const force of [false, true]) {
        const again = run({ ...request, force }, store, 'run-2')
        await expect(again).rejects.toBeInstanceOf(PermanentError)
        await expect(again).rejects.toMatchObject({
          hint: expect.stringContaining('move it away, and run again'),
          place: { stage: 'export', pipeline: 'p', partition: '2018-02-04', file: key },
        })
        expect(await readText(store, key)).toBe(other)
      }
      // As after a kill before the switch.
      await store.delete('names/2018-02-04/latest.json')
      await expect(run(request, store, 'run-3')).rejects.toBeInstanceOf(PermanentError)
      if (which === 'manifest')
        await expect(run(request, store, 'run-3')).rejects.toMatchObject({
          message: `${key} is immutable, and says something else: rows is 11, not 10`,
          hint: expect.stringContaining('move it away'),
        })
      expect(await readText(store, key)).toBe(other)
      expect(await keysOf(store, '_tmp/')).toEqual([])
      // Moved away, as the hint says.
      await store.delete(key)
      expect(await outcomeOf(run(request, store, 'run-4'))).toBe('delivered')
      expect(await followLatest(store, 'names/2018-02-04/latest.json')).toMatchObject({ rows: 10 })
    }
  })

  test('a manifest that was there and is gone when it is looked at is nobody else’s: another run makes it', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const taken: typeof store.put = async (key, body, options) => {
      if (key.includes('/manifest-')) throw new PreconditionFailed(`${key} is there`)
      return store.put(key, body, options)
    }
    const lost = run(request, { ...store, put: taken })
    await expect(lost).rejects.toBeInstanceOf(TransientError)
    await expect(lost).rejects.toMatchObject({ message: expect.stringMatching(/manifest-.* was there, and is gone again$/) })
    expect(await outcomeOf(run(request, store, 'run-2'))).toBe('delivered')
  })

  test('refuses a latest.json that is not its own', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    await run(request, store)
    const otherPipeline = run({ ...request, pipeline: 'q' }, store)
    await expect(otherPipeline).rejects.toBeInstanceOf(ConfigError)
    await expect(otherPipeline).rejects.toThrow('names/2018-02-04/ holds the deliveries of "names/{partition}.csv" of pipeline p')
    const samePlace = exportOf('names/{partition}.tsv', { columns: idName, orderBy: ['id'] })
    await expect(run({ ...request, export: samePlace }, store)).rejects.toThrow('two exports cannot share it')
    await store.put('names/2018-02-04/latest.json', { bytes: '{"format": 2}' })
    await expect(run(request, store)).rejects.toThrow('names/2018-02-04/latest.json is not what millrace writes there')
  })

  test('compresses, and names the objects so', async () => {
    const store = freshStore()
    const target = exportOf('names/{partition}.csv.gz', { columns: idName, orderBy: ['id'], compression: 'gzip' }, true)
    const receipt = await run(requestOf(await namesDataset(3), { export: target }), store)
    expect(first(receipt)).toMatch(/^names\/2018-02-04\/aaaaaaaaaaaa-[0-9a-f]{8}\.csv\.gz$/)
    expect(gunzipSync(await readBytes(store, first(receipt))).toString()).toBe('id,name\n0,name 0\n1,name 1\n2,name 2\n')
    expect(await followLatest(store, 'names/2018-02-04/latest.json')).toMatchObject({ files: [{ bytes: receipt.bytes }] })
  })

  test('of an export without partitions and without a plain copy', async () => {
    const store = freshStore()
    const target = exportOf('all.csv', { columns: idName, orderBy: ['id'] })
    const receipt = await run(requestOf(await namesDataset(3), { export: target, partition: undefined }), store)
    expect(await keysOf(store)).toEqual([first(receipt), 'all/latest.json', receipt.manifest].sort())
    expect(await delivered(store, target, undefined)).toMatchObject({ partition: null })
  })

  test('refuses a contract that the dataset cannot keep, and publishes nothing', async () => {
    const store = freshStore()
    const target = exportOf('names/{partition}.csv', { columns: { id: 'int32' }, orderBy: ['id'] })
    const wrong = run(requestOf(await namesDataset(3), { export: target }), store)
    await expect(wrong).rejects.toBeInstanceOf(ConfigError)
    await expect(wrong).rejects.toMatchObject({ place: { stage: 'export', dataset: 'names', column: 'id' } })
    expect(await keysOf(store)).toEqual([])
  })

  test('refuses files that do not hold the rows that the dataset says', async () => {
    const store = freshStore()
    const dataset = await namesDataset(10)
    await expect(run(requestOf({ ...dataset, rows: 11 }), store)).rejects.toThrow('10 rows were written where the dataset has 11')
    expect(await keysOf(store)).toEqual([])
  })
})
