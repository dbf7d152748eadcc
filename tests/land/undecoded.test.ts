import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Frames } from '../../lib/connectors/frames.ts'
import { local } from '../../lib/connectors/local/index.ts'
import type { Store } from '../../lib/connectors/store.ts'
import type { RunContext } from '../../lib/core/context.ts'
import { CheckError, ConfigError, TransientError } from '../../lib/core/errors.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { datasetOfLoads, verifyFiles } from '../../lib/land/datasets.ts'
import { land } from '../../lib/land/land.ts'
import { landUndecoded } from '../../lib/land/land-undecoded.ts'
import { loadsOf } from '../../lib/land/loads.ts'
import type { Asked } from '../../lib/land/request.ts'
import { framesOfLoad } from '../../lib/land/undecoded-frames.ts'
import type { LoadManifest } from '../../lib/state/manifest.ts'
import { opened } from '../connectors/gcs/kit.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { failDisk } from '../kit/failing-disk.ts'
import { inProcessReader } from '../kit/in-process-reader.ts'
import { noRelation, typed } from '../kit/landing.ts'

const ASKED: Asked = { dataset: 'd', partition: '_all', columns: { id: 'int32' }, readKey: 'key', open: false }

/** Chunks as a system's frames; an error of `fail` is thrown before the last chunk of each sending while there are any. Two attempts. */
function framesOf(chunks: readonly Uint8Array[], more: Partial<Frames> = {}, fail: Error[] = []): Frames {
  return {
    format: 'test-format',
    columns: [{ name: 'id', type: 'integer' }],
    facts: {},
    asOf: new Date('2024-01-01T00:00:00Z'),
    what: 'a test',
    send: async (take, signal) => {
      let bytes = 0
      for (const [i, chunk] of chunks.entries()) {
        signal.throwIfAborted()
        const error = i === chunks.length - 1 ? fail.shift() : undefined
        if (error) throw error
        await take(chunk)
        bytes += chunk.length
      }
      return { rows: chunks.length, bytes }
    },
    inAttempts: async (work) => {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof TransientError)) throw error
        return work()
      }
    },
    ...more,
  }
}

/** Half of it compresses. */
const CHUNKS = Array.from({ length: 40 }, (_, i) => (i % 2 ? randomBytes(50_000) : Buffer.alloc(70_000, i)))
const BYTES = Buffer.concat(CHUNKS)

const STORES: readonly (readonly [string, () => Promise<Store>])[] = [
  ['local', async () => local(join(temporaryFolder(), 'landing')).openStore()],
  ['gcs', async () => (await opened()).store],
]

async function sentBy(store: Store, load: LoadManifest): Promise<{ readonly bytes: Buffer; readonly rows: number }> {
  if (!load.undecoded) throw new Error('it is Parquet')
  const parts: Uint8Array[] = []
  const { rows } = await framesOfLoad(store, { ...load, undecoded: load.undecoded }).send(
    async (chunk) => void parts.push(Buffer.from(chunk)),
    new AbortController().signal,
  )
  return { bytes: Buffer.concat(parts), rows }
}

const currentOf = async (store: Store) => loadsOf(store, 'test', 'd', '_all')

describe.each(STORES)('landUndecoded, on a store of kind %s,', (kind, open) => {
  async function setup() {
    const store = await open()
    onTestFinished(() => store.close())
    let runs = 0
    const landing = (frames: Frames, asked: Partial<Asked> = {}, ctx: Partial<RunContext> = {}) =>
      landUndecoded({ ...ASKED, ...asked }, frames, store, testContext({ run: `run-${++runs}`, ...ctx }))
    return { store, landing }
  }

  it('lands the bytes as they came, compressed, and the manifest says what they are', async () => {
    const { store, landing } = await setup()
    const landed = await landing(framesOf(CHUNKS, { facts: { version: 150004 } }))
    expect(landed).toMatchObject({ outcome: 'done', read: 40, rows: 40, unchanged: 0 })
    const [load, ...others] = await currentOf(store)
    expect(others).toEqual([])
    expect(load).toEqual(landed.manifest)
    expect(load).toMatchObject({
      id: 1,
      columns: { id: 'int32' },
      rows: 40,
      undecoded: {
        ...{ format: 'test-format', compression: 'zstd', columns: [{ name: 'id', type: 'integer' }], facts: { version: 150004 } },
        bytes: BYTES.length,
      },
      hashName: 'millrace1-undecoded-sha256',
    })
    const [file] = load?.files ?? []
    expect(file?.key).toMatch(/^test\/d\/_all\/000001-[0-9a-f]{12}\.test-format\.zst$/)
    expect(file?.bytes).toBeLessThan(BYTES.length * 0.6)
    expect((await store.head(file?.key ?? ''))?.bytes).toBe(file?.bytes)
    await verifyFiles(store, [landed.manifest])
    const sent = await sentBy(store, landed.manifest)
    expect(sent.rows).toBe(40)
    expect(sent.bytes.equals(BYTES)).toBe(true)
  })

  it('commits nothing for the same bytes, however cut, and another load where bytes, columns or facts are others', async () => {
    const { store, landing } = await setup()
    await landing(framesOf(CHUNKS))
    const half = BYTES.length / 2
    const again = await landing({ ...framesOf([BYTES.subarray(0, half), BYTES.subarray(half)]) })
    expect(again).toMatchObject({ outcome: 'unchanged', rows: 0, manifest: { id: 1 } })
    expect(await landing(framesOf(CHUNKS, { facts: { moneyDigits: 2 } }))).toMatchObject({ outcome: 'done', manifest: { id: 2 } })
    expect(await landing(framesOf(CHUNKS, { columns: [{ name: 'id', type: 'bigint' }] }))).toMatchObject({ manifest: { id: 3 } })
    expect(await landing(framesOf(CHUNKS.slice(1)))).toMatchObject({ manifest: { id: 4 } })
    expect((await currentOf(store)).map(({ id }) => id)).toEqual([1, 2, 3, 4])
  })

  it('confirms a window that was open and has ended, and what is asked otherwise', async () => {
    const { store, landing } = await setup()
    await landing(framesOf(CHUNKS), { open: true })
    expect((await currentOf(store)).at(-1)).toMatchObject({ id: 1, open: true })
    await landing(framesOf(CHUNKS), { readKey: 'other' })
    expect(await currentOf(store)).toMatchObject([{ id: 1, open: false, readKey: 'other' }])
  })

  it('lands nothing of a sending that fails, and takes the next attempt from its beginning', async () => {
    const { store, landing } = await setup()
    const gone = () => new TransientError('gone', { stage: 'extract' })
    const error = await landing(framesOf(CHUNKS, {}, [gone(), gone()])).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: 'gone', place: { stage: 'extract', dataset: 'd' } })
    expect(await currentOf(store)).toEqual([])
    const { manifest } = await landing(framesOf(CHUNKS, {}, [gone()]))
    expect((await sentBy(store, manifest)).bytes.equals(BYTES)).toBe(true)
  })

  it('an abort ends it with its reason, and leaves nothing', async () => {
    const { store, landing } = await setup()
    const [stop, reason] = [new AbortController(), new Error('stopped')]
    const frames = framesOf(CHUNKS)
    const send: Frames['send'] = (take, signal) =>
      frames.send(async (chunk) => {
        stop.abort(reason)
        await take(chunk)
      }, signal)
    await expect(landing({ ...frames, send }, {}, { signal: stop.signal })).rejects.toBe(reason)
    const keys: string[] = []
    for await (const key of store.list('')) keys.push(key)
    expect(keys).toEqual([])
  })

  it('what takes landed frames may refuse them, or be stopped; both come back as they are', async () => {
    const { store, landing } = await setup()
    const { manifest } = await landing(framesOf(CHUNKS))
    if (!manifest.undecoded) throw new Error('no frames')
    const frames = framesOfLoad(store, { ...manifest, undecoded: manifest.undecoded })
    const refusal = new Error('enough')
    await expect(frames.send(() => Promise.reject(refusal), new AbortController().signal)).rejects.toBe(refusal)
    const [stop, reason] = [new AbortController(), new Error('stopped')]
    await expect(frames.send(async () => stop.abort(reason), stop.signal)).rejects.toBe(reason)
  })

  it('no rows at all are a load too', async () => {
    const { store, landing } = await setup()
    const { manifest } = await landing({ ...framesOf([]) })
    expect(manifest).toMatchObject({ rows: 0, undecoded: { bytes: 0 } })
    expect(await sentBy(store, manifest)).toEqual({ rows: 0, bytes: Buffer.alloc(0) })
  })

  if (kind === 'local')
    it.each([
      ['is missing', undefined, /is missing$/],
      ['is cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 20), /cannot be unpacked: /],
      ['has a flipped bit', (bytes: Buffer) => Object.assign(Buffer.from(bytes), { 70000: (bytes[70_000] ?? 0) ^ 1 }), /unpack/],
      ['is another one', () => zstdCompressSync(Buffer.alloc(BYTES.length)), /unpacks to other bytes than were landed/],
      ['is a longer one', () => zstdCompressSync(Buffer.alloc(BYTES.length + 1)), /unpacks to \d+ bytes, not \d+/],
    ])('a landed file that %s is an error that names it, and is landed anew', async (_what, damage, message) => {
      const { store, landing } = await setup()
      const { manifest } = await landing(framesOf(CHUNKS))
      const path = store.localPath(manifest.files[0]?.key ?? '') ?? ''
      if (damage) writeFileSync(path, damage(readFileSync(path)))
      else await store.delete(manifest.files[0]?.key ?? '')
      const error = await sentBy(store, manifest).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(CheckError)
      expect(error).toMatchObject({ message: expect.stringMatching(message), place: { file: manifest.files[0]?.key } })
      expect(await landing(framesOf(CHUNKS))).toMatchObject({ outcome: 'done', manifest: { id: 2, contentHash: manifest.contentHash } })
    })
})

describe('readers of Parquet', () => {
  const rows = (sql: string, more = {}) => ({
    ...{ ...ASKED, kind: { by: 'whole' as const }, relation: noRelation, select: { sql: typed(sql, ASKED.columns) } },
    ...more,
  })

  it('refuse an undecoded load, saying what to do', async () => {
    const store = local(join(temporaryFolder(), 'landing')).openStore()
    const ctx = testContext()
    const { manifest } = await landUndecoded(ASKED, framesOf(CHUNKS), store, ctx)
    const message = '"d" has landed undecoded, as test-format: nothing reads it but the load into its table'
    for (const reading of [
      datasetOfLoads(store, [manifest], ctx),
      currentState(store, { pipeline: 'test', dataset: 'd', columns: ASKED.columns, key: ['id'], cursor: 'id' }, ctx),
    ]) {
      const error = await reading.catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ConfigError)
      expect(error).toMatchObject({ message, hint: expect.stringContaining('query the table') })
    }
  })

  it('a dataset that landed undecoded lands as Parquet, and the other way round', async () => {
    const store = local(join(temporaryFolder(), 'landing')).openStore()
    const reader = inProcessReader()
    onTestFinished(() => reader.close())
    const parquet = () => land(rows('(1)'), { store, reader }, testContext())
    const one = framesOf([Buffer.from('x')])
    expect(await landUndecoded(ASKED, one, store, testContext())).toMatchObject({ manifest: { id: 1, rows: 1 } })
    const { manifest } = await parquet()
    expect(manifest).toMatchObject({ id: 2, rows: 1 })
    expect(manifest.undecoded).toBeUndefined()
    expect(await landUndecoded(ASKED, one, store, testContext())).toMatchObject({ manifest: { id: 3 } })
    expect(await landUndecoded(ASKED, one, store, testContext())).toMatchObject({ outcome: 'unchanged', manifest: { id: 3 } })
  })

  it('a cursor that follows an undecoded load begins the state anew', async () => {
    const store = local(join(temporaryFolder(), 'landing')).openStore()
    const reader = inProcessReader()
    onTestFinished(() => reader.close())
    await landUndecoded(ASKED, framesOf(CHUNKS), store, testContext())
    const kind = { by: 'cursor' as const, column: 'id', key: ['id'], deletes: 'ignore' as const }
    const { manifest } = await land(rows('(1), (2)', { kind }), { store, reader }, testContext())
    expect(manifest).toMatchObject({ id: 2, rows: 2, base: true })
    const state = await currentState(
      store,
      { pipeline: 'test', dataset: 'd', columns: ASKED.columns, key: ['id'], cursor: 'id' },
      testContext(),
    )
    expect(state.rows).toBe(2)
  })
})

describe.each(['dead', 'once'] as const)('the Nth disk operation fails (%s)', (mode) => {
  it('and a rerun lands what an uninterrupted run lands', { timeout: 120_000 }, async () => {
    const chunks = CHUNKS.slice(0, 4)
    const run = async (folder: string) => {
      const store = local(folder).openStore()
      try {
        await landUndecoded(ASKED, framesOf(chunks), store, testContext({ run: 'r' }))
      } finally {
        await store.close()
      }
    }
    const state = async (folder: string) => {
      const store = local(folder).openStore()
      const keys: string[] = []
      for await (const key of store.list('')) keys.push(key)
      const loads = await currentOf(store)
      await verifyFiles(store, loads)
      await store.close()
      return { keys, loads: loads.map(({ run: _, ...load }) => load) }
    }
    const whole = join(temporaryFolder(), 'landing')
    await run(whole)
    const wanted = await state(whole)
    expect(wanted.keys).toHaveLength(2)
    let interrupted = 0
    for (let nth = 1; ; nth++) {
      const folder = join(temporaryFolder(), 'landing')
      let failed: boolean
      {
        using failing = failDisk(nth, mode)
        await run(folder).catch(() => interrupted++)
        failed = failing.failed
      }
      await run(folder)
      expect(await state(folder), `operation ${nth}`).toEqual(wanted)
      if (!failed) break
    }
    expect(interrupted).toBeGreaterThan(5)
  })
})

it('landUndecoded makes the same file of the same bytes, however they were cut on their way', async () => {
  const bytes = Buffer.concat(Array.from({ length: 30_000 }, (_, i) => Buffer.from(`row ${i * 7919} of ${i % 97} `)))
  const cutting = (size: number) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  const files: (readonly string[])[] = []
  for (const size of [1_000, 65_536, 262_144, 300_001]) {
    const store = local(join(temporaryFolder(), 'landing')).openStore()
    const { manifest } = await landUndecoded(ASKED, framesOf(cutting(size)), store, testContext())
    files.push(manifest.files.map((file) => file.sha256))
  }
  expect(new Set(files.map(String)).size).toBe(1)
})
