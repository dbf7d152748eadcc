import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CheckError, TransientError } from '../../lib/core/errors.ts'
import { hashOf } from '../../lib/core/hash.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { datasetOfLoads, distinctValues, verifyFiles } from '../../lib/land/datasets.ts'
import { currentLoad, loadsOf } from '../../lib/land/loads.ts'
import { testContext } from '../kit/context.ts'
import { connectToTestEngine } from '../kit/engine.ts'
import { noRelation, rowsOf, testLanding } from '../kit/landing.ts'

const columns = { id: 'int64', name: 'text' }
const window = { start: new Date('2018-02-06T00:00:00Z'), end: new Date('2018-02-07T00:00:00Z') }
const day = { columns, partition: '2018-02-06', kind: { by: 'window', column: 'id' }, window } as const

const current = async (landing: ReturnType<typeof testLanding>, partition = '_all') => currentLoad(landing.store, 'test', 'd', partition)
const filesIn = (folder: string) =>
  !existsSync(folder)
    ? []
    : readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((e) => e.isFile() && !e.parentPath.includes('.millrace-'))
        .map((e) => join(e.parentPath, e.name).slice(folder.length + 1))
        .sort()

test('land commits rows as one Parquet file and a manifest that names it', async () => {
  const landing = testLanding(day)
  const landed = await landing.land(`(1, 'a'), (2, NULL), (2, NULL)`, { sourceVersion: 'v1' })
  expect(landed).toMatchObject({ outcome: 'done', read: 3, rows: 3, unchanged: 0, superseded: 0, removed: 0 })
  const manifest = await current(landing, '2018-02-06')
  expect(filesIn(landing.folder)).toEqual([
    `test/d/2018-02-06/000001-${manifest?.files[0]?.sha256.slice(0, 12)}.parquet`,
    'test/d/2018-02-06/_manifests/000001.json',
  ])
  expect(manifest).toEqual(landed.manifest)
  expect(manifest).toMatchObject({
    ...{
      pipeline: 'test',
      dataset: 'd',
      partition: '2018-02-06',
      id: 1,
      columns,
      readKey: 'key',
      rows: 3,
      open: false,
      sourceVersion: 'v1',
    },
    window: { start: '2018-02-06T00:00:00.000Z', end: '2018-02-07T00:00:00.000Z' },
    run: { id: 'run-1', at: '2018-02-07T01:30:00.000Z' },
  })
  expect(manifest?.hashName).toBe('millrace2-sha256')
  const [file] = manifest?.files ?? []
  const path = join(landing.folder, file?.key ?? '')
  expect(file).toMatchObject({ rows: 3, bytes: statSync(path).size })
  expect(landed.bytes).toBe(file?.bytes)
  expect(await rowsOf([path])).toEqual(['1|a', '2|∅', '2|∅'])
})

test('land of parts is one load of their files in order; what a part does not have makes no file', async () => {
  const landing = testLanding({ columns })
  const part = (id: number, name: string, most = 1) => `SELECT ${id}::BIGINT AS id, '${name}' AS name LIMIT ${most}`
  const parts = [part(1, 'a'), part(2, 'b', 0), part(3, 'c'), part(3, 'c')]
  const sql = parts.map((each) => `(${each})`).join(' UNION ALL ')
  const first = await landing.land('', { select: { sql, parts } })
  expect(first).toMatchObject({ outcome: 'done', read: 3, rows: 3 })
  expect(first.manifest.files.map(({ rows }) => rows)).toEqual([1, 1, 1])
  const rows = await rowsOf(first.manifest.files.map(({ key }) => join(landing.folder, key)))
  expect(rows).toEqual(['1|a', '3|c', '3|c'])
  expect(first.manifest.columnHashes).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
    name: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
  // The same rows in another number of files are the same content.
  expect(await landing.land('', { select: { sql, parts } })).toMatchObject({ outcome: 'unchanged', unchanged: 3 })
  expect(await landing.land(`FROM (${sql})`)).toMatchObject({ outcome: 'unchanged', unchanged: 3 })
  const none = { select: { sql, parts: [parts[1] ?? '', parts[1] ?? ''] } }
  expect((await landing.land('', none)).manifest).toMatchObject({ id: 2, rows: 0, files: [{ rows: 0 }] })
})

test('land writes no rows as one file with no rows', async () => {
  const landing = testLanding({ columns })
  const landed = await landing.land('')
  expect(landed).toMatchObject({ outcome: 'done', rows: 0 })
  const dataset = await datasetOfLoads(landing.store, [landed.manifest], testContext())
  expect(dataset).toMatchObject({ name: 'd', columns, rows: 0 })
  expect(dataset.files).toHaveLength(1)
  expect(await rowsOf(dataset.files)).toEqual([])
})

test('land of equal content, in whatever order, commits no new load', async () => {
  const landing = testLanding({ columns })
  const first = await landing.land(`(1, 'a'), (2, 'b'), (2, 'b')`)
  const before = filesIn(landing.folder)
  const second = await landing.land(`(2, 'b'), (1, 'a'), (2, 'b')`)
  expect(second).toMatchObject({ outcome: 'unchanged', read: 3, rows: 0, unchanged: 3, bytes: 0, manifest: first.manifest })
  expect(filesIn(landing.folder)).toEqual(before)
})

test.each([
  ['a row more', `(1, 'a'), (2, 'b'), (2, 'b')`],
  ['a row less', `(1, 'a')`],
  ['another value', `(1, 'a'), (2, 'c')`],
  ['NULL for a text', `(1, 'a'), (2, NULL)`],
  ['an empty text', `(1, 'a'), (2, '')`],
  ['values that changed places', `(1, 'b'), (2, 'a')`],
])('land of other content (%s) commits the next load, which is current', async (_, rows) => {
  const landing = testLanding({ columns })
  await landing.land(`(1, 'a'), (2, 'b')`)
  const second = await landing.land(rows)
  expect(second).toMatchObject({ outcome: 'done', manifest: { id: 2 } })
  expect(await current(landing)).toEqual(second.manifest)
  expect((await loadsOf(landing.store, 'test', 'd', '_all')).map(({ id }) => id)).toEqual([1, 2])
})

test('land takes a content that it had two loads ago for new: the highest load is current', async () => {
  const landing = testLanding({ columns })
  for (const rows of [`(1, 'a')`, `(1, 'b')`, `(1, 'a')`]) await landing.land(rows)
  const loads = await loadsOf(landing.store, 'test', 'd', '_all')
  expect(loads.map(({ id }) => id)).toEqual([1, 2, 3])
  expect(loads[0]?.contentHash).toBe(loads[2]?.contentHash)
})

test('land of columns with other names or types commits a new load, though the values are the same', async () => {
  const landing = testLanding({ columns })
  const [one, two, three] = [
    await landing.land(`(1, 'a')`),
    await landing.land(`SELECT 1::BIGINT AS id, 'a' AS title`, { columns: { id: 'int64', title: 'text' } }),
    await landing.land(`SELECT 1::INTEGER AS id, 'a' AS title`, { columns: { id: 'int32', title: 'text' } }),
  ]
  expect(new Set([one, two, three].map(({ manifest }) => manifest.contentHash)).size).toBe(3)
  expect(three.manifest.id).toBe(3)
})

describe('an open window', () => {
  test('stays open while nothing changes, and is complete once it is read after its end', async () => {
    const landing = testLanding(day)
    await landing.land(`(1, 'a')`, { open: true })
    const before = filesIn(landing.folder)
    expect(await landing.land(`(1, 'a')`, { open: true })).toMatchObject({ outcome: 'unchanged', manifest: { id: 1, open: true } })
    expect(filesIn(landing.folder)).toEqual(before)
    expect(await landing.land(`(1, 'a')`)).toMatchObject({ outcome: 'unchanged', manifest: { id: 1, open: false } })
    expect(await current(landing, '2018-02-06')).toMatchObject({ id: 1, open: false, run: { id: 'run-1' } })
    expect(await landing.land(`(1, 'a')`, { open: true })).toMatchObject({ outcome: 'unchanged', manifest: { open: false } })
  })

  test('read again with new content commits the next load', async () => {
    const landing = testLanding(day)
    await landing.land(`(1, 'a')`, { open: true })
    await landing.land(`(1, 'a'), (2, 'b')`, { open: true })
    await landing.land(`(1, 'a'), (2, 'b'), (3, 'c')`)
    expect((await loadsOf(landing.store, 'test', 'd', '2018-02-06')).map(({ id, open, rows }) => [id, open, rows])).toEqual([
      [1, true, 1],
      [2, true, 2],
      [3, false, 3],
    ])
  })
})

test('land records a new source version and a new request of the same content without a new load', async () => {
  const landing = testLanding({ columns })
  await landing.land(`(1, 'a')`, { sourceVersion: 'v1' })
  await landing.land(`(1, 'a')`, { sourceVersion: 'v2' })
  await landing.land(`(1, 'a')`, { sourceVersion: 'v2', readKey: 'other' })
  await landing.land(`(1, 'a')`, { sourceVersion: 'v2', readKey: 'other' })
  expect(await loadsOf(landing.store, 'test', 'd', '_all')).toMatchObject([{ id: 1, sourceVersion: 'v2', readKey: 'other' }])
  expect(filesIn(landing.folder).filter((file) => file.includes('confirmed'))).toHaveLength(2)
})

test('land compares with a load of another engine version by hashing its files again', async () => {
  const landing = testLanding({ columns })
  const { manifest } = await landing.land(`(1, 'a')`)
  const { textOfRecord } = await import('../../lib/state/manifest-text.ts')
  const old = { ...manifest, contentHash: '0'.repeat(32), hashName: 'millrace1-duckdb-v1.4.0' }
  writeFileSync(join(landing.folder, 'test/d/_all/_manifests/000001.json'), textOfRecord(old))
  expect(await landing.land(`(1, 'a')`)).toMatchObject({ outcome: 'unchanged', manifest: { id: 1, contentHash: old.contentHash } })
  expect(await landing.land(`(1, 'b')`)).toMatchObject({ outcome: 'done', manifest: { id: 2 } })
})

test('land removes files that no manifest names, and only those', async () => {
  const landing = testLanding({ columns })
  await landing.land(`(1, 'a')`)
  await landing.land(`(1, 'b')`)
  await landing.land(`(1, 'a')`, { dataset: 'other' })
  const before = filesIn(landing.folder)
  const left = ['000003-dead-1.parquet', 'deep/er/left.parquet']
  for (const name of left) await landing.store.put(`test/d/_all/${name}`, { bytes: 'left over' })
  await landing.store.put('test/d/2018/000001-dead-1.parquet', { bytes: 'of another partition' })
  expect(await landing.land(`(1, 'b')`)).toMatchObject({ outcome: 'unchanged' })
  expect(filesIn(landing.folder)).toEqual([...before, 'test/d/2018/000001-dead-1.parquet'].sort())
})

test('land refuses to commit when another run has landed the same load meanwhile, and leaves that one alone', async () => {
  const landing = testLanding({ columns })
  const between = { ...noRelation, verify: async () => void (await landing.land(`(2, 'theirs')`)) }
  const error = await landing.land(`(1, 'mine')`, { relation: between }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(TransientError)
  expect(error).toMatchObject({ exitCode: 75, place: { stage: 'land', pipeline: 'test', dataset: 'd' } })
  const load = await current(landing)
  expect(await rowsOf((await datasetOfLoads(landing.store, load ? [load] : [], testContext())).files)).toEqual(['2|theirs'])
})

test('land calls verify after the rows are read and commits nothing when it throws', async () => {
  const landing = testLanding({ columns })
  const relation = { ...noRelation, verify: async () => Promise.reject(new TransientError('the file changed while it was read')) }
  await expect(landing.land(`(1, 'a')`, { relation })).rejects.toThrow('changed while it was read')
  expect(filesIn(landing.folder)).toEqual([])
})

test('land refuses a file that holds another number of rows than were written, and commits nothing', async () => {
  const landing = testLanding({ columns: { id: 'int64' } })
  const { reader } = landing
  const counted = (more: number): typeof reader => ({
    execute: async (job, signal) => {
      const result = await reader.execute(job, signal)
      return { ...result, rows: result.rows.map((rows) => rows + more) }
    },
  })
  landing.reader = counted(1)
  await expect(landing.land('(1), (2)')).rejects.toMatchObject({
    message: '3 rows were read, and 2 are in the file that they were written to',
    place: { stage: 'land', dataset: 'd' },
  })
  for await (const key of landing.store.list('')) expect.unreachable(key)
  landing.reader = counted(0)
  expect(await landing.land('(1), (2)')).toMatchObject({ read: 2, rows: 2 })
})

test('land leaves nothing behind but what it committed', async () => {
  const landing = testLanding({ columns })
  const ctx = testContext()
  await landing.land(`(1, 'a')`, {}, ctx)
  expect(readdirSync(join(ctx.workspace, 'land'))).toEqual([])
  await expect(landing.land(`SELECT 'x'::INTEGER AS id, 'a' AS name`, {}, ctx)).rejects.toThrow()
  expect(readdirSync(join(ctx.workspace, 'land'))).toEqual([])
  expect(filesIn(landing.folder)).toHaveLength(2)
})

test('land that is stopped commits nothing and throws the reason', async () => {
  const landing = testLanding({ columns })
  const stop = new AbortController()
  const relation = { ...noRelation, verify: async () => stop.abort(new Error('stopped')) }
  await expect(landing.land(`(1, 'a')`, { relation }, { signal: stop.signal })).rejects.toThrow('stopped')
  expect(filesIn(landing.folder)).toEqual([])
  expect(await landing.land(`(1, 'a')`)).toMatchObject({ outcome: 'done' })
})

test('land emits a stage event at start and end', async () => {
  const landing = testLanding({ columns })
  const ctx = testContext()
  await landing.land(`(1, 'a')`, {}, ctx)
  await landing.land(`(1, 'a')`, {}, ctx)
  await landing.land(`SELECT 'x'::INTEGER AS id, 'a' AS name`, {}, ctx).catch(() => undefined)
  expect(ctx.events).toMatchObject([
    { type: 'stage', phase: 'start', stage: 'land', dataset: 'd' },
    { phase: 'end', rows: 1, bytes: expect.any(Number), outcome: 'done' },
    { phase: 'start' },
    { phase: 'end', rows: 0, outcome: 'unchanged' },
    { phase: 'start' },
    { phase: 'end', outcome: 'failed' },
  ])
})

test('land gives the same bytes for the same read', async () => {
  const rows = `SELECT range AS id, 'name ' || hash(range) AS name FROM range(300000)`
  const shas = []
  for (let i = 0; i < 2; i++) shas.push((await testLanding({ columns }).land(rows)).manifest.files.map(({ sha256 }) => sha256))
  expect(shas[0]).toEqual(shas[1])
})

test('land of the same reads in two runs writes the same names and records, but for what stands under run', async () => {
  const kind = { by: 'cursor', column: 'id', key: ['id'], deletes: 'keys' } as const
  const keys = { select: { sql: 'SELECT 2::BIGINT AS id UNION ALL SELECT 3' }, relation: noRelation }
  const landings = [testLanding(day), testLanding(day)]
  for (const [i, { land }] of landings.entries()) {
    const ctx = { run: `of-${i}`, clock: { now: () => new Date(Date.UTC(2018, 1, 8 + i)), sleep: async () => undefined } }
    await land(`(1, 'a'), (2, NULL)`, { open: true, sourceVersion: 'v1' }, ctx)
    await land(`(1, 'a'), (2, NULL)`, {}, ctx)
    await land(`(1, 'a'), (2, NULL)`, { dataset: 'c', partition: '_all', kind }, ctx)
    await land(`(3, 'c')`, { dataset: 'c', partition: '_all', kind, cursorFrom: '2', keys }, ctx)
  }
  const [first, second] = landings.map(({ folder }) =>
    filesIn(folder).map((name) => {
      const bytes = readFileSync(join(folder, name))
      if (!name.endsWith('.json')) return [name, bytes.toString('base64')]
      const { run, ...rest } = JSON.parse(bytes.toString()) as { run: unknown }
      return [name, rest, Object.keys(run as object)]
    }),
  )
  expect(second).toEqual(first)
  expect(first?.filter(([name]) => String(name).endsWith('-gone.parquet'))).toHaveLength(1)
  expect(first?.find(([name]) => String(name).includes('.confirmed-'))?.[2]).toContain('checksum')
})

describe('a file of a load that is there before it, where nothing is swept', () => {
  const unswept = (landing: ReturnType<typeof testLanding>) => Object.assign(landing.store, { localPath: () => undefined })
  const named = async () => {
    const { manifest, ...rest } = await testLanding({ columns }).land(`(1, 'a')`)
    return { manifest, key: manifest.files[0]?.key ?? '', ...rest }
  }

  test('is taken for its own when its bytes are', async () => {
    const landing = testLanding({ columns })
    unswept(landing)
    const { key } = await named()
    const other = testLanding({ columns })
    await other.land(`(1, 'a')`)
    await landing.store.put(key, { bytes: readFileSync(join(other.folder, key)) })
    expect(await landing.land(`(1, 'a')`)).toMatchObject({ outcome: 'done', manifest: { id: 1, files: [{ key }] } })
    await verifyFiles(landing.store, await loadsOf(landing.store, 'test', 'd', '_all'))
  })

  test('is an error when its bytes are others', async () => {
    const landing = testLanding({ columns })
    unswept(landing)
    const { key } = await named()
    await landing.store.put(key, { bytes: 'others' })
    const error = await landing.land(`(1, 'a')`).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckError)
    expect(error).toMatchObject({
      message: `the landing has another file under the name ${key}, which no load names`,
      hint: 'its bytes were changed after they were written: remove it, and run again',
      place: { stage: 'land', dataset: 'd', file: key },
    })
    expect(await loadsOf(landing.store, 'test', 'd', '_all')).toEqual([])
  })
})

test('land takes any names', async () => {
  const names = [`it's "q"`, 'Ünï/😀', '../..', '.', 'a*b?[c]', 'x'.repeat(300), '100%']
  const landing = testLanding({ columns: { 'select "x"': 'int64', 'ü .': 'text' } })
  for (const name of names) {
    const { manifest } = await landing.land(`(1, 'a')`, { dataset: name, partition: name })
    expect(await currentLoad(landing.store, 'test', name, name)).toEqual(manifest)
    const dataset = await datasetOfLoads(landing.store, [manifest], testContext())
    expect(await rowsOf(dataset.files)).toEqual(['1|a'])
  }
  expect(new Set(filesIn(landing.folder)).size).toBe(2 * names.length)
})

describe('a damaged landing', () => {
  test('a missing or truncated file is an error that names it and says what to do', async () => {
    const landing = testLanding(day)
    const { manifest } = await landing.land(`(1, 'a')`)
    const path = join(landing.folder, manifest.files[0]?.key ?? '')
    truncateSync(path, 10)
    const cut = await datasetOfLoads(landing.store, [manifest], testContext()).catch((e: unknown) => e)
    expect(cut).toBeInstanceOf(CheckError)
    expect(cut).toMatchObject({
      message: `the landed file ${manifest.files[0]?.key} has 10 bytes, not ${manifest.files[0]?.bytes}`,
      place: { stage: 'land', pipeline: 'test', dataset: 'd', partition: '2018-02-06', file: manifest.files[0]?.key },
      hint: 'read the source again: millrace run test --partition 2018-02-06 --refresh',
    })
    await landing.store.delete(manifest.files[0]?.key ?? '')
    await expect(datasetOfLoads(landing.store, [manifest], testContext())).rejects.toThrow(/is missing/)
    await expect(verifyFiles(landing.store, [manifest])).rejects.toThrow(/is missing/)
  })

  test('one flipped byte is found by verifyFiles', async () => {
    const landing = testLanding({ columns })
    const { manifest } = await landing.land(`(1, 'a')`)
    await verifyFiles(landing.store, [manifest])
    const path = join(landing.folder, manifest.files[0]?.key ?? '')
    const bytes = readFileSync(path)
    for (const at of [0, 40, bytes.length - 1]) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      writeFileSync(path, flipped)
      await expect(verifyFiles(landing.store, [manifest])).rejects.toThrow(/SHA-256 differs/)
    }
  })

  test('a refresh of the same content lands it anew', async () => {
    const landing = testLanding({ columns })
    const { manifest } = await landing.land(`(1, 'a')`)
    const path = join(landing.folder, manifest.files[0]?.key ?? '')
    const bytes = readFileSync(path)
    bytes[40] = (bytes[40] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const ctx = testContext()
    const again = await landing.land(`(1, 'a')`, {}, ctx)
    expect(again).toMatchObject({ outcome: 'done', manifest: { id: 2, contentHash: manifest.contentHash } })
    expect(ctx.events).toContainEqual(expect.objectContaining({ type: 'warning', message: expect.stringContaining('landed anew') }))
    await verifyFiles(landing.store, [again.manifest])
  })

  test('a manifest with its checksum beside run, as 0.1 began, is read and checked', async () => {
    const landing = testLanding(day)
    await landing.land(`(1, 'a')`)
    const path = join(landing.folder, 'test/d/2018-02-06/_manifests/000001.json')
    const { checksum: _, ...run } = JSON.parse(readFileSync(path, 'utf8')).run
    const record = { ...JSON.parse(readFileSync(path, 'utf8')), run }
    const before = await current(landing, '2018-02-06')
    writeFileSync(path, JSON.stringify({ ...record, checksum: hashOf(record) }))
    expect(await current(landing, '2018-02-06')).toEqual(before)
    writeFileSync(path, JSON.stringify({ ...record, rows: 7, checksum: hashOf(record) }))
    await expect(current(landing, '2018-02-06')).rejects.toThrow(/its checksum does not fit/)
    writeFileSync(path, JSON.stringify(record))
    await expect(current(landing, '2018-02-06')).rejects.toThrow(/it has no checksum/)
  })

  test('every flipped byte of a manifest that changes what it says is found', async () => {
    const landing = testLanding(day)
    await landing.land(`(1, 'a')`)
    const path = join(landing.folder, 'test/d/2018-02-06/_manifests/000001.json')
    const good = readFileSync(path)
    const before = await current(landing, '2018-02-06')
    for (let at = 0; at < good.length; at += 7) {
      const flipped = Buffer.from(good)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      writeFileSync(path, flipped)
      const load = await current(landing, '2018-02-06').catch((e: unknown) => e)
      if (load instanceof CheckError) expect(load.place.file).toBe('test/d/2018-02-06/_manifests/000001.json')
      else expect(load).toEqual(before)
    }
    writeFileSync(path, good.subarray(0, 100))
    await expect(current(landing, '2018-02-06')).rejects.toThrow(/is not JSON/)
    await expect(landing.land(`(1, 'a')`)).rejects.toThrow(CheckError)
    expect(existsSync(path)).toBe(true)
  })
})

test('names that look like a=b are names and give no column a value', async () => {
  const landing = testLanding({ columns })
  const landed = await landing.land(`(1, 'a'), (2, 'b')`, { dataset: 'id=7', partition: 'name=x' })
  const dataset = await datasetOfLoads(landing.store, [landed.manifest], testContext())
  const db = await connectToTestEngine()
  onTestFinished(() => db.close())
  expect(await distinctValues(dataset, 'id', db, testContext().signal)).toEqual(['1', '2'])
  const kind = { by: 'cursor', column: 'id', key: ['id'], deletes: 'ignore' } as const
  for (const rows of [`(1, 'a')`, `(1, 'a'), (2, 'b')`])
    await landing.land(rows, { dataset: 'name=y', kind, ...(rows.includes('b') && { cursorFrom: '1' }) })
  const state = await currentState(
    landing.store,
    { pipeline: 'test', dataset: 'name=y', columns, key: ['id'], cursor: 'id' },
    testContext(),
  )
  const plain = testLanding({ columns })
  await plain.land(`(1, 'a'), (2, 'b')`, { kind })
  const same = await currentState(plain.store, { pipeline: 'test', dataset: 'd', columns, key: ['id'], cursor: 'id' }, testContext())
  expect([state.rows, state.hash]).toEqual([2, same.hash])
})

test('distinctValues gives up to 10,000 values in their own order, refuses more, and stops when it is told to', async () => {
  const landing = testLanding({ columns })
  const db = await connectToTestEngine()
  onTestFinished(() => db.close())
  const values = async (rows: number, signal = testContext().signal) => {
    const { manifest } = await landing.land(
      `SELECT range % ${rows} AS id, NULL::VARCHAR AS name FROM range(${rows} * 2) UNION ALL SELECT NULL, 'x'`,
    )
    return distinctValues(await datasetOfLoads(landing.store, [manifest], testContext()), 'id', db, signal)
  }
  const most = await values(10_000)
  expect([most.length, ...most.slice(0, 3), most.at(-1)]).toEqual([10_000, '0', '1', '2', '9999'])
  const error = await values(10_001).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(CheckError)
  expect(error).toMatchObject({
    message: '"d" has more than 10,000 values of "id": a request for each is too many',
    place: { column: 'id' },
  })
  await expect(values(3, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
})
