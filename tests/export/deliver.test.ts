import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { CheckError, ConfigError, PermanentError, TransientError } from '../../lib/core/errors.ts'
import { type DeliveryRequest, deliver, type ExportReceipt } from '../../lib/export/deliver.ts'
import { delivered, isDelivered, sweepTemporary } from '../../lib/export/delivered.ts'
import { deliveryLayout } from '../../lib/export/layout.ts'
import { DeliveryManifest } from '../../lib/export/manifest.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import {
  contentOf,
  exportOf,
  followLatest,
  freshStore,
  idName,
  keyOf,
  keysOf,
  namesDataset,
  readBytes,
  readText,
  requestOf,
} from './kit.ts'

const run = (request: DeliveryRequest, store: Store, id = 'run-1') => deliver(request, store, testContext({ run: id }))
const noEngine = () => {
  throw new Error('no rows should be written')
}
/** Delivers without an engine: from what is there alone. */
const runWithoutRows = (request: DeliveryRequest, store: Store) => deliver(request, store, testContext({ run: 'run-2' }), noEngine)
const versionsOf = async (store: Store) => Promise.all((await keysOf(store)).map(async (key) => [key, (await store.head(key))?.version]))
const outcomeOf = (receipt: Promise<ExportReceipt>) => receipt.then((done) => done.outcome)
/** The first object of a delivery. */
const first = (receipt: ExportReceipt) => receipt.files[0] ?? ''

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
        await expect(again).rejects.toMatchObject({ place: { stage: 'export', pipeline: 'p', partition: '2018-02-04', file: key } })
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
    }
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

describe('deliver holds that orderBy is a total order', () => {
  const columns = { a: 'int64', b: 'text' } as const
  const target = exportOf('d/{partition}.csv', { columns, orderBy: ['a', '-b'] })
  const of = async (select: string) =>
    run(requestOf(await datasetOf(temporaryFolder(), 'd', columns, select), { export: target }), freshStore())

  test('and names the first rows that repeat', async () => {
    const failed = of("SELECT * FROM (VALUES (2, 'x'), (1, 'y'), (2, 'x'), (2, 'x'), (3, NULL), (3, NULL)) AS t(a, b)")
    await expect(failed).rejects.toBeInstanceOf(CheckError)
    await expect(failed).rejects.toThrow('orderBy (a, -b) is no total order: 3 of 6 rows repeat the one before, first a=2 b=x')
  })

  test('where NULL is a value like others', async () => {
    expect(await outcomeOf(of("SELECT * FROM (VALUES (NULL, NULL), (NULL, 'x'), (1, NULL)) AS t(a, b)"))).toBe('delivered')
    await expect(of('SELECT NULL::BIGINT AS a, NULL::VARCHAR AS b FROM range(2)')).rejects.toThrow('first a=NULL b=NULL')
    expect(await outcomeOf(of('SELECT NULL::BIGINT AS a, NULL::VARCHAR AS b'))).toBe('delivered')
  })

  test('finding one row of half a million, whatever their order', async () => {
    const rows = 'SELECT range AS a, NULL::VARCHAR AS b FROM range(500000)'
    const one = of(`SELECT * FROM (${rows} UNION ALL SELECT 373737, NULL) ORDER BY hash(a)`)
    await expect(one).rejects.toThrow('1 of 500001 rows repeat the one before, first a=373737 b=NULL')
  })
})

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

describe('isDelivered', () => {
  test('asks for heads only', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const receipt = await run(request, store)
    const heads: string[] = []
    const head = (key: string) => {
      heads.push(key)
      return store.head(key)
    }
    const headsOnly = { head } as Store
    expect(await isDelivered(headsOnly, request.export, request.partition, keyOf('a'))).toBe(true)
    expect(heads).toEqual(['names/2018-02-04/latest.json', receipt.manifest, first(receipt), 'names/2018-02-04.csv'])
    expect(await isDelivered(headsOnly, request.export, request.partition, keyOf('b'))).toBe(false)
    expect(await isDelivered(headsOnly, request.export, '2018-02-05', keyOf('a'))).toBe(false)
    for (const key of [receipt.manifest ?? '', first(receipt)]) {
      const content = await readBytes(store, key)
      await store.delete(key)
      expect(await isDelivered(headsOnly, request.export, request.partition, keyOf('a'))).toBe(false)
      await store.put(key, { bytes: content })
    }
  })
})

describe('two deliveries at once', () => {
  /** A store in which `step` of the first two callers happens only when both have come so far. */
  function meeting(store: Store, step: (key: string, how: 'put' | 'copy') => boolean): Store {
    const { promise: both, resolve: met } = Promise.withResolvers<void>()
    let come = 0
    const meet = async () => {
      if (++come === 2) met()
      if (come <= 2) await both
    }
    return {
      ...store,
      put: async (key, body, options) => {
        if (step(key, 'put')) await meet()
        return store.put(key, body, options)
      },
      copy: async (from, to, options) => {
        if (step(to, 'copy')) await meet()
        return store.copy(from, to, options)
      },
    }
  }

  test.each<[string, string, boolean]>([
    ['the first delivery', 'names/2018-02-04/latest.json', false],
    ['a replacement', 'names/2018-02-04/latest.json', true],
  ])('%s: one wins, the other is told, and a rerun settles it', async (_what, at, again) => {
    const store = freshStore()
    if (again) await run(requestOf(await namesDataset(5), { inputKey: keyOf('0') }), store)
    const [a, b] = [requestOf(await namesDataset(10)), requestOf(await namesDataset(11), { inputKey: keyOf('b') })]
    const met = meeting(store, (key) => key === at)
    const results = await Promise.allSettled([run(a, met, 'run-a'), run(b, met, 'run-b')])
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
    expect(lost).toHaveLength(1)
    expect(lost[0]).toBeInstanceOf(TransientError)
    expect(lost[0]).toMatchObject({
      message: 'another delivery of this export and partition was faster',
      place: { stage: 'export', partition: '2018-02-04' },
    })
    const winner = results[0]?.status === 'fulfilled' ? a : b
    expect(await followLatest(store, at)).toMatchObject({ inputKey: winner.inputKey })
    expect(await outcomeOf(runWithoutRows(winner, store))).toBe('unchanged')
    const loser = winner === a ? b : a
    expect(await outcomeOf(run(loser, store, 'run-c'))).toBe('delivered')
    expect(await followLatest(store, at)).toMatchObject({ inputKey: loser.inputKey })
  })

  test('a plain copy that comes late does not replace a newer one', async () => {
    const store = freshStore()
    const plain = 'names/2018-02-04.csv'
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
    const { promise: switched, resolve: atPlain } = Promise.withResolvers<void>()
    const slow: Store = {
      ...store,
      copy: async (from, to, options) => {
        if (to !== plain) return store.copy(from, to, options)
        atPlain()
        await held
        return store.copy(from, to, options)
      },
    }
    const late = run(requestOf(await namesDataset(10)), slow, 'run-a')
    await switched
    expect(await outcomeOf(run(requestOf(await namesDataset(11), { inputKey: keyOf('b') }), store, 'run-b'))).toBe('delivered')
    letGo()
    await expect(late).rejects.toBeInstanceOf(TransientError)
    await expect(late).rejects.toThrow('another delivery')
    expect(await followLatest(store, 'names/2018-02-04/latest.json')).toMatchObject({ inputKey: keyOf('b') })
    expect(await readText(store, plain)).toMatch(/\n10,name 10\n$/)
  })

  test('of the same content share the objects', async () => {
    const store = freshStore()
    const request = requestOf(await namesDataset(10))
    const met = meeting(store, (_key, how) => how === 'copy')
    const results = await Promise.allSettled([run(request, met, 'run-a'), run(request, met, 'run-b')])
    expect(results.filter((result) => result.status === 'fulfilled').length).toBeGreaterThanOrEqual(1)
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(TransientError)
    expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
    expect((await keysOf(store)).length).toBe(4)
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
