import { execFile } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { local } from '../../lib/connectors/local/index.ts'
import type { Store } from '../../lib/connectors/store.ts'
import type { ByteStream } from '../../lib/core/byte-stream.ts'
import { type Disk, disk } from '../../lib/core/disk.ts'
import { PermanentError } from '../../lib/core/errors.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { contentOf, followLatest, freshStore, idName, keyOf, keysOf, namesDataset, requestOf } from '../export/kit.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { connectToTestEngine } from '../kit/engine.ts'

const LATEST = 'names/2018-02-04/latest.json'

/** Runs `work` while the Nth disk operation fails, alone or with all that follow, as if the process had died there. Gives how many were asked for. */
async function withFailingDisk(n: number, dead: boolean, work: () => Promise<unknown>): Promise<number> {
  const real = { ...disk }
  let count = 0
  const fails = () => {
    count++
    return dead ? count >= n : count === n
  }
  for (const name of Object.keys(real) as (keyof Disk)[]) {
    const operation = real[name] as (...args: unknown[]) => Promise<void>
    const failing = async (...args: unknown[]) => {
      if (fails()) throw Object.assign(new Error(`EIO: injected into ${name}`), { code: 'EIO' })
      return operation(...args)
    }
    Object.assign(disk, { [name]: failing })
  }
  try {
    await work().catch(() => {})
  } finally {
    Object.assign(disk, real)
  }
  return count
}

describe('deliver, after the failure of any disk operation and a rerun,', () => {
  test.each([
    ['one fails', false],
    ['all fail from there on', true],
  ])('leaves the same as without: %s', { timeout: 300_000 }, async (_what, dead) => {
    const old = requestOf(await namesDataset(5), { inputKey: keyOf('0') })
    const request = requestOf(await namesDataset(2_000))
    const prepared = join(temporaryFolder(), 'store')
    const opened = local(prepared).openStore()
    await deliver(old, opened, testContext(), connectToTestEngine)
    await opened.close()

    /** A copy of the store before the delivery. */
    const copied = async () => {
      const folder = join(temporaryFolder(), 'store')
      await cp(prepared, folder, { recursive: true })
      return folder
    }
    const reference = local(await copied()).openStore()
    onTestFinished(() => reference.close())
    await deliver(request, reference, testContext(), connectToTestEngine)
    const wanted = await contentOf(reference)

    let failed = 0
    for (let n = 1; ; n++) {
      const folder = await copied()
      const store = local(folder).openStore()
      const asked = await withFailingDisk(n, dead, () => deliver(request, store, testContext({ run: 'first' }), connectToTestEngine))
      await store.close()
      const again = local(folder).openStore()
      // At this instant a reader sees one delivery or the other, whole.
      expect((await followLatest(again, LATEST))?.rows).toSatisfy((rows: number) => rows === 5 || rows === 2_000)
      await deliver(request, again, testContext({ run: 'second' }), connectToTestEngine)
      expect(await contentOf(again)).toEqual(wanted)
      await again.close()
      if (asked < n) break
      failed++
    }
    expect(failed).toBeGreaterThanOrEqual(20)
  })
})

test('deliver publishes nothing of an engine that dies midway, and a rerun delivers', async () => {
  const store = freshStore()
  await deliver(requestOf(await namesDataset(5), { inputKey: keyOf('0') }), store, testContext())
  const before = await contentOf(store)
  const request = requestOf(await namesDataset(100_000))
  const dying: typeof openDuckDB = async (options) => {
    const db = await openDuckDB(options)
    return {
      ...db,
      run: async (sql, values, signal) => {
        if (!sql.startsWith('COPY')) return db.run(sql, values, signal)
        await db.run(sql.replace(/^COPY \((.*)\) TO /s, 'COPY (SELECT * FROM ($1) LIMIT 50000) TO '), values, signal)
        throw new Error('Out of Memory Error: failed to allocate data of size 32.0 MiB\n\nmore')
      },
    }
  }
  const failed = deliver(request, store, testContext(), dying)
  await expect(failed).rejects.toBeInstanceOf(PermanentError)
  await expect(failed).rejects.toMatchObject({
    message: 'DuckDB could not write the rows: Out of Memory Error: failed to allocate data of size 32.0 MiB',
    hint: 'raise --memory or limits.memory',
    place: { stage: 'export', pipeline: 'p', dataset: 'names', partition: '2018-02-04' },
  })
  expect(await contentOf(store)).toEqual(before)
  expect((await deliver(request, store, testContext())).outcome).toBe('delivered')
  expect(await followLatest(store, LATEST)).toMatchObject({ rows: 100_000 })
})

/** The same stream; `first` is called at its first chunk. */
function seen(stream: ByteStream, first: () => void): ByteStream {
  async function* chunks() {
    let told = false
    for await (const chunk of stream) {
      if (!told) first()
      told = true
      yield chunk
    }
  }
  return { [Symbol.asyncIterator]: chunks, destroy: (error) => stream.destroy(error) }
}

test('deliver that is aborted publishes nothing and throws the reason', async () => {
  const store = freshStore()
  const stop = new AbortController()
  const reason = new Error('asked to stop')
  const request = requestOf(await namesDataset(60_000))
  const at = (when: (store: Store) => Store) => deliver(request, when(store), testContext({ signal: stop.signal }))
  const failed = at((real) => ({
    ...real,
    put: (key, body, options) => {
      const whole = 'stream' in body ? { ...body, stream: seen(body.stream, () => stop.abort(reason)) } : body
      return real.put(key, whole, options)
    },
  }))
  await expect(failed).rejects.toBe(reason)
  expect(await keysOf(store)).toEqual([])
  await expect(at((real) => real)).rejects.toBe(reason)
  expect((await deliver(request, store, testContext())).outcome).toBe('delivered')
})

test('deliver refuses a Parquet file that is damaged', async () => {
  const store = freshStore()
  const dataset = await namesDataset(10)
  const failed = deliver(requestOf({ ...dataset, files: [join(temporaryFolder(), 'gone.parquet')] }), store, testContext())
  await expect(failed).rejects.toBeInstanceOf(PermanentError)
  await expect(failed).rejects.toThrow(/^DuckDB could not write the rows: IO Error: No files found/)
  expect(await keysOf(store)).toEqual([])
})

describe('deliver says what is wrong with the store:', () => {
  test('no permission', async () => {
    const folder = temporaryFolder()
    const root = join(folder, 'store')
    mkdirSync(root, { mode: 0o555 })
    const dataset = await namesDataset(10)
    const ctx = testContext()
    const asRoot = process.getuid?.() === 0
    if (asRoot) {
      // Root may write anywhere: become nobody for the delivery.
      chmodSync(folder, 0o755)
      for (const file of [...dataset.files, join(dataset.files[0] ?? '', '..')]) chmodSync(file, 0o755)
      chownSync(ctx.workspace, 65_534, 65_534)
      process.seteuid?.(65_534)
    }
    try {
      const failed = deliver(requestOf(dataset), local(root).openStore(), ctx)
      await expect(failed).rejects.toBeInstanceOf(PermanentError)
      await expect(failed).rejects.toThrow(/^permission denied: .*store/)
    } finally {
      if (asRoot) process.seteuid?.(0)
    }
  })

  test('no space, and a rerun with space delivers', async () => {
    const folder = temporaryFolder()
    const dataset = await namesDataset(100_000)
    const child = async (limit: string) => {
      const command = `trap '' XFSZ; ulimit -f ${limit}; exec "$0" "$@"`
      const { stdout } = await promisify(execFile)('sh', [
        '-c',
        command,
        process.execPath,
        join(import.meta.dirname, 'deliver-child.ts'),
        JSON.stringify(dataset),
        join(folder, 'store'),
        join(folder, 'workspace'),
      ])
      return JSON.parse(stdout) as object
    }
    // In blocks of 512 bytes: 1 MiB, where the file has nearly 2.
    expect(await child('2048')).toMatchObject({
      name: 'PermanentError',
      message: expect.stringMatching(/^the file is too large .*_tmp.*\(EFBIG\)/),
    })
    const store = local(join(folder, 'store')).openStore()
    onTestFinished(() => store.close())
    expect(await keysOf(store)).toEqual([])
    expect(await child('unlimited')).toMatchObject({ outcome: 'delivered', rows: 100_000 })
    expect(await followLatest(store, LATEST)).toMatchObject({
      rows: 100_000,
      contract: { columns: Object.entries(idName).map(([name, type]) => ({ name, type })) },
    })
  })
})
