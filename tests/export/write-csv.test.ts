import { spawn } from 'node:child_process'
import { createReadStream, readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { makeFifo, type Producer } from '../../lib/engines/fifo-source.ts'
import { fifoStock } from '../../lib/engines/fifo-stock.ts'
import { members } from '../../lib/export/write/members.ts'
import { type WriteRequest, writeThroughFifo } from '../../lib/export/write/write-csv.ts'
import { temporaryFolder } from '../kit/context.ts'
import { freshStore, keysOf, notRead, readBytes } from './kit.ts'

/** A request, and the folder of its FIFOs. */
const requestOf = (changes: Partial<WriteRequest> = {}, folder = temporaryFolder()): WriteRequest & { readonly folder: string } => ({
  folder,
  fifos: fifoStock(folder),
  key: (n) => `_tmp/run/${n}.csv`,
  cut: undefined,
  contentType: 'text/csv',
  convert: undefined,
  rows: 100_000,
  signal: new AbortController().signal,
  readBack: notRead,
  ...changes,
})

const CONVERT = { none: undefined, gzip: (chunks: AsyncIterable<Uint8Array>) => members(chunks, 'gzip', 2) } as const

const rows = "SELECT range AS id, 'some text ' || range AS t FROM range(100000)"

/** DuckDB writing a SELECT. */
async function withDuckDB<T>(select: string, work: (produce: Producer) => Promise<T>): Promise<T> {
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 2, temp: join(temporaryFolder(), 't') })
  try {
    return await work((path, signal) => db.run(`COPY (${select}) TO '${path}' (FORMAT csv, USE_TMP_FILE false)`, undefined, signal))
  } finally {
    db.close()
  }
}

test('writeThroughFifo stores what the producer writes, with its sums, and leaves no file beside', async () => {
  const store = freshStore()
  const request = requestOf()
  const [written] = await withDuckDB(rows, (produce) => writeThroughFifo(request, produce, store))
  const bytes = await readBytes(store, request.key(1))
  expect(bytes.toString()).toMatch(/^id,t\n0,some text 0\n/)
  expect(written).toMatchObject({ bytes: bytes.length, crc32c: (await store.head(request.key(1)))?.crc32c })
  // The FIFO, which the next one takes.
  expect(readdirSync(request.folder)).toEqual(['1.csv'])
  await withDuckDB(rows, (produce) => writeThroughFifo({ ...request, key: () => 'again.csv' }, produce, store))
  expect(await readBytes(store, 'again.csv')).toEqual(bytes)
  expect(readdirSync(request.folder)).toEqual(['1.csv'])
})

/** Producers that write a whole number of lines, and then are not successful. */
const dying: readonly [what: string, produce: Producer][] = [
  [
    'a DuckDB that fails on a late row',
    (path, signal) =>
      withDuckDB("SELECT CASE WHEN range = 90000 THEN error('late') ELSE range END AS id FROM range(100000)", (produce) =>
        produce(path, signal),
      ),
  ],
  [
    'a process that is killed',
    (path) =>
      new Promise((_, reject) => {
        const child = spawn('sh', [
          '-c',
          `exec > "$0"; i=0; while [ $i -lt 5000 ]; do echo "$i,some text $i"; i=$((i+1)); done; kill -9 $$`,
          path,
        ])
        child.once('error', reject).once('exit', (code, signal) => reject(new Error(`the producer ended with ${signal ?? code}`)))
      }),
  ],
  [
    'a writer that closes early and says so',
    async (path) => {
      const file = await open(path, 'w')
      await file.write('id,t\n1,x\n')
      await file.close()
      throw new Error('half')
    },
  ],
  ['a producer that never comes', async () => Promise.reject(new Error('cannot bind'))],
  [
    'a producer of too few rows',
    async (path) => {
      const file = await open(path, 'w')
      await file.write('id,t\n1,x\n')
      await file.close()
      return 1
    },
  ],
]

type Write = (request: WriteRequest, produce: Producer, store: Store) => Promise<unknown>

/** What holds of a write whose producer fails: it fails too, and nothing is stored. */
async function holds(write: Write, produce: Producer): Promise<boolean> {
  const store = freshStore()
  const failed = await write(requestOf(), produce, store).then(
    () => false,
    () => true,
  )
  return failed && (await keysOf(store)).length === 0
}

describe('writeThroughFifo stores nothing of', () => {
  test.each(dying)('%s', async (_what, produce) => {
    expect(await holds(writeThroughFifo, produce)).toBe(true)
  })

  test('what its broken twin stores, which takes the end of file for success', async () => {
    const twin: Write = async (request, produce, store) => {
      const path = join(temporaryFolder(), 'pipe')
      await makeFifo(path)
      const producing = produce(path, request.signal).catch(() => {})
      await store.put(request.key(1), { stream: createReadStream(path) }, { ifAbsent: true })
      await producing
    }
    const caught: string[] = []
    for (const [what, produce] of dying.filter(([name]) => !name.includes('never comes')))
      if (!(await holds(twin, produce))) caught.push(what)
    expect(caught).toEqual(dying.map(([what]) => what).filter((what) => !what.includes('never comes')))
  })
})

describe('writeThroughFifo stops the producer', () => {
  /** A store whose puts do something else with their stream. */
  const putting = (store: Store, put: Store['put']): Store => ({ ...store, put })
  const failingAt = (store: Store, bytes: number) =>
    putting(store, async (_key, body) => {
      if (!('stream' in body)) throw new Error('not a stream')
      let seen = 0
      for await (const chunk of body.stream) {
        seen += (chunk as Buffer).length
        if (seen > bytes) throw new Error(`connection lost at byte ${bytes}`)
      }
      throw new Error('unreachable')
    })

  test.each([0, 70_000, 1_000_000])('when the store fails at byte %d', async (bytes) => {
    for (const compression of ['none', 'gzip'] as const) {
      const store = freshStore()
      const request = requestOf({ convert: CONVERT[compression] })
      // Rows that do not compress, so that byte N comes in both.
      const many = 'SELECT md5(range::VARCHAR) AS a FROM range(300000)'
      await withDuckDB(many, (produce) =>
        expect(writeThroughFifo(request, produce, failingAt(store, bytes))).rejects.toThrow(`connection lost at byte ${bytes}`),
      )
      expect(await keysOf(store)).toEqual([])
      expect(readdirSync(request.folder)).toEqual([])
    }
  })

  test('when the store never reads', async () => {
    const store = putting(freshStore(), async () => {
      throw new Error('no such bucket')
    })
    await withDuckDB('SELECT range FROM range(1000000000)', (produce) =>
      expect(writeThroughFifo(requestOf(), produce, store)).rejects.toThrow('no such bucket'),
    )
  })

  test('when the store returns before the end', async () => {
    const store = freshStore()
    const early = putting(store, async (key) => store.put(key, { bytes: 'id,t\n' }))
    await withDuckDB(rows, (produce) => expect(writeThroughFifo(requestOf(), produce, early)).rejects.toThrow())
    expect(await keysOf(store)).toEqual([])
  })

  test('when the run is aborted, and throws the reason', async () => {
    for (const compression of ['none', 'gzip'] as const) {
      const store = freshStore()
      const stop = new AbortController()
      const reason = new Error('asked to stop')
      const request = requestOf({ convert: CONVERT[compression], signal: stop.signal, progress: () => stop.abort(reason) })
      await withDuckDB('SELECT range, md5(range::VARCHAR) AS m FROM range(1000000000)', (produce) =>
        expect(writeThroughFifo(request, produce, store)).rejects.toBe(reason),
      )
      expect(await keysOf(store)).toEqual([])
      expect(readdirSync(request.folder)).toEqual([])
      await expect(writeThroughFifo(request, async () => 0, store)).rejects.toBe(reason)
    }
  })
})

test('writeThroughFifo refuses a store that holds other bytes than were sent', async () => {
  const store = freshStore()
  const head: Store['head'] = async (key) => {
    const info = await store.head(key)
    return info && { ...info, crc32c: '00000000' }
  }
  const lying = { ...store, head }
  await withDuckDB(rows, (produce) =>
    expect(writeThroughFifo(requestOf(), produce, lying)).rejects.toThrow('the store holds other bytes than were sent'),
  )
  expect(await keysOf(store)).toEqual([])
})

test('writeThroughFifo takes turns, so that engines that wait leave threads to the store', async () => {
  const store = freshStore()
  const many = Array.from({ length: 6 }, (_, i) =>
    withDuckDB(rows, (produce) => writeThroughFifo(requestOf({ key: () => `_tmp/run/${i}.csv` }), produce, store)),
  )
  const sums = (await Promise.all(many)).map(([written]) => written?.sha256)
  expect(new Set(sums).size).toBe(1)
})
