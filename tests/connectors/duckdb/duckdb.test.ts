import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBConnection } from '@duckdb/node-api'
import { describe, expect, it, onTestFinished } from 'vitest'
import { duckdb } from '../../../lib/connectors/duckdb/index.ts'
import type { Disposition, LoadRequest } from '../../../lib/connectors/warehouse.ts'
import { systemClock } from '../../../lib/core/clock.ts'
import type { Columns, Dataset } from '../../../lib/core/dataset.ts'
import { disk } from '../../../lib/core/disk.ts'
import { ConfigError, type MillraceError, PermanentError, TransientError } from '../../../lib/core/errors.ts'
import { openDuckDB } from '../../../lib/engines/duckdb.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import type { ChildTask } from '../../contracts/warehouse-child.ts'
import { manualClock, temporaryFolder, testContext } from '../../kit/context.ts'
import { datasetOf, queryFile } from '../../kit/dataset.ts'

const COLUMNS: Columns = { id: 'int64', value: 'text' }

function requestOf(dataset: Dataset, options: Partial<LoadRequest> = {}): LoadRequest {
  const { table = 'numbers', disposition = { mode: 'replace' } as Disposition, expected } = options
  return {
    dataset,
    table,
    disposition,
    expected,
    token: { pipeline: 'test', table, partition: '', inputKey: 'k1', loads: {} },
    load: '000001',
    ...options,
  }
}

async function setup(select = "SELECT range AS id, 'a' AS value FROM range(3)") {
  const folder = temporaryFolder()
  const file = join(folder, 'state', 'warehouse.duckdb')
  const dataset = await datasetOf(folder, 'numbers', COLUMNS, select)
  return { folder, file, dataset, warehouse: duckdb(file).openWarehouse({ extensions: NO_EXTENSIONS }), request: requestOf(dataset) }
}

const thrownBy = (work: Promise<unknown>): Promise<MillraceError> =>
  work.then(
    () => {
      throw new Error('nothing was thrown')
    },
    (error: MillraceError) => error,
  )

/** Another process that has the file open. */
async function holder(file: string, mode: 'read' | 'write'): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./holder.ts', import.meta.url))
  const child = spawn(process.execPath, [script, file, mode], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout ?? child, 'data')
  return child
}

describe('duckdb held by another process', () => {
  it('waits 60 s of the clock, then is a TransientError that names the process', async () => {
    const { file, warehouse, request } = await setup()
    await warehouse.load(request, testContext())
    const child = await holder(file, 'write')
    for (const work of [
      (ctx: ReturnType<typeof testContext>) => warehouse.load({ ...request, expected: request.token }, ctx),
      (ctx: ReturnType<typeof testContext>) => warehouse.tokens('test', ctx),
    ]) {
      const clock = manualClock()
      const ctx = testContext({ clock })
      const error = await thrownBy(work(ctx))
      expect(error).toBeInstanceOf(TransientError)
      expect(error.exitCode).toBe(75)
      expect(error.message).toContain(`the warehouse ${file} is held by another process (pid ${child.pid}, `)
      expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBe(60_000)
      expect(ctx.events.filter((event) => event.type === 'warning')).toHaveLength(1)
    }
  })

  it('goes on when the other lets go', async () => {
    const { file, warehouse, request } = await setup()
    await warehouse.load(request, testContext())
    for (const mode of ['write', 'read'] as const) {
      const child = await holder(file, mode)
      const ctx = testContext({ clock: systemClock })
      const loading = warehouse.load({ ...request, expected: request.token }, ctx)
      setTimeout(() => child.stdin?.write('release'), 300)
      await expect(loading).resolves.toMatchObject({ rows: 3, removed: 3 })
    }
  })

  it('reads beside a reader', async () => {
    const { file, warehouse, request } = await setup()
    await warehouse.load(request, testContext())
    await holder(file, 'read')
    const clock = manualClock()
    expect(await warehouse.tokens('test', testContext({ clock }))).toEqual([request.token])
    expect(clock.slept).toEqual([])
  })

  it('stops waiting when aborted', async () => {
    const { file, warehouse, request } = await setup()
    await warehouse.load(request, testContext())
    await holder(file, 'write')
    const control = new AbortController()
    const reason = new Error('stop')
    setTimeout(() => control.abort(reason), 100)
    await expect(warehouse.tokens('test', testContext({ clock: systemClock, signal: control.signal }))).rejects.toBe(reason)
  })
})

describe('duckdb file', () => {
  it('is not there before the first load and not held between calls', async () => {
    const { file, warehouse, request, folder } = await setup()
    expect(await warehouse.tokens('test', testContext())).toEqual([])
    expect(existsSync(dirname(file))).toBe(false)
    await warehouse.load(request, testContext())
    expect(readdirSync(dirname(file))).toEqual([basename(file)])
    const child = await holder(file, 'write')
    child.kill('SIGKILL')
    expect(readdirSync(folder)).not.toContain('.tmp')
  })

  it('is linked into place whole, and what a kill left of its making is swept', async () => {
    const { file, warehouse, request } = await setup()
    mkdirSync(dirname(file), { recursive: true })
    const leftover = join(dirname(file), `.${basename(file)}.new-dead`)
    writeFileSync(leftover, 'part of a file')
    const calls: string[] = []
    const { syncFile, link, syncFolder } = disk
    onTestFinished(() => void Object.assign(disk, { syncFile, link, syncFolder }))
    Object.assign(disk, {
      syncFile: async (path: string) => {
        calls.push('syncFile')
        await syncFile(path)
      },
      link: async (from: string, to: string) => {
        calls.push('link')
        expect(existsSync(to)).toBe(false)
        expect(await queryFile(from, 'SELECT count(*) AS n FROM _millrace_tokens')).toEqual([{ n: '0' }])
        await link(from, to)
      },
      syncFolder: async (path: string) => {
        calls.push('syncFolder')
        await syncFolder(path)
      },
    })
    await warehouse.load(request, testContext())
    expect(calls.slice(calls.indexOf('syncFile'))).toEqual(['syncFile', 'link', 'syncFolder'])
    expect(readdirSync(dirname(file))).toEqual([basename(file)])
  })

  it('is made once by two who make it at the same time', async () => {
    const { folder, file, dataset } = await setup()
    const child = (table: string) =>
      runChild({ module: CONNECTOR, name: 'duckdb', args: [file], workspace: temporaryFolder(), request: requestOf(dataset, { table }) })
    const outputs = await Promise.all([child('one'), child('two'), child('three')])
    for (const output of outputs) expect(output).toContain('done')
    expect(await queryFile(file, 'SELECT count(*) AS n FROM _millrace_tokens')).toEqual([{ n: '3' }])
    expect(readdirSync(join(folder, 'state'))).toEqual(['warehouse.duckdb'])
  })

  it('that is damaged, or whose log cannot be replayed, is a PermanentError that says how to rebuild it', async () => {
    const { folder, file, warehouse, request, dataset } = await setup()
    await warehouse.load(request, testContext())
    const db = await openDuckDB({ file, memoryBytes: 2 ** 28, threads: 1, temp: `${file}.tmp` })
    await db.run('SET checkpoint_threshold = $size', { size: '1GB' })
    for (let i = 0; i < 3; i++) await db.run("INSERT INTO numbers SELECT 1, 'b', '', ''")
    copyFileSync(file, join(folder, 'copy'))
    copyFileSync(`${file}.wal`, join(folder, 'copy.wal'))
    db.close()
    const log = readFileSync(join(folder, 'copy.wal'))
    log.writeUInt8(log.readUInt8(100) ^ 0xff, 100)
    writeFileSync(join(folder, 'copy.wal'), log)
    writeFileSync(join(folder, 'garbage'), 'no database'.repeat(1000))
    writeFileSync(join(folder, 'empty'), '')
    for (const name of ['copy', 'garbage', 'empty']) {
      const damaged = duckdb(join(folder, name)).openWarehouse({ extensions: NO_EXTENSIONS })
      for (const work of [() => damaged.tokens('test', testContext()), () => damaged.load(requestOf(dataset), testContext())]) {
        const error = await thrownBy(work())
        expect(error).toBeInstanceOf(PermanentError)
        expect(error.message).toContain(`the warehouse ${join(folder, name)} is damaged or of another version: IO Error: `)
        expect(error.hint).toBe(
          `it can be rebuilt from what has landed: move ${join(folder, name)} and ${join(folder, name)}.wal away, then run again`,
        )
      }
    }
  })

  it('keeps rows and token through a kill between commit and checkpoint', async () => {
    const { folder, file, warehouse, request } = await setup()
    await warehouse.load(request, testContext())
    const db = await openDuckDB({ file, memoryBytes: 2 ** 28, threads: 1, temp: `${file}.tmp` })
    await db.run("UPDATE _millrace_tokens SET input_key = 'k2'")
    copyFileSync(file, join(folder, 'copy'))
    copyFileSync(`${file}.wal`, join(folder, 'copy.wal'))
    db.close()
    expect(await duckdb(join(folder, 'copy')).openWarehouse({ extensions: NO_EXTENSIONS }).tokens('test', testContext())).toMatchObject([
      { inputKey: 'k2' },
    ])
  })

  it('does not grow by replace', async () => {
    const { file, warehouse, request } = await setup('SELECT range AS id, md5(range::VARCHAR) AS value FROM range(100_000)')
    await warehouse.load(request, testContext())
    await warehouse.load({ ...request, expected: request.token }, testContext())
    const { size } = statSync(file)
    for (let i = 0; i < 3; i++) await warehouse.load({ ...request, expected: request.token }, testContext())
    expect(statSync(file).size).toBeLessThan(size * 1.2)
  })
})

describe('duckdb refuses', () => {
  it('a table that it did not make, a view, its own table, and columns that it cannot have', async () => {
    const { file, warehouse, request, dataset } = await setup()
    await warehouse.load(request, testContext())
    const db = await openDuckDB({ file, memoryBytes: 2 ** 28, threads: 1, temp: `${file}.tmp` })
    await db.run('CREATE TABLE foreign_table (id BIGINT, value VARCHAR)')
    await db.run('CREATE VIEW some_view AS SELECT 1 AS id')
    db.close()
    const refusal = (options: Partial<LoadRequest>) => thrownBy(warehouse.load(requestOf(dataset, options), testContext()))
    const cases: [Partial<LoadRequest>, string][] = [
      [
        { table: 'foreign_table' },
        'table "foreign_table" is in the warehouse but was not made by millrace: it has no columns _partition and _load',
      ],
      [{ table: 'SOME_VIEW' }, '"SOME_VIEW" is a view in the warehouse'],
      [{ table: '_Millrace_Tokens' }, 'table "_Millrace_Tokens" is the warehouse\'s own'],
      [
        { dataset: { ...dataset, columns: { ...COLUMNS, _LOAD: 'text' } } },
        'column "_LOAD" of "numbers" has the name of a column that the warehouse adds itself',
      ],
      [
        { dataset: { ...dataset, columns: { ...COLUMNS, ID: 'text' } } },
        'columns "id" and "ID" of "numbers" differ only by case, which DuckDB does not tell apart',
      ],
      [
        { disposition: { mode: 'merge', key: ['id'], order: 'seen' } },
        'merge into "numbers" needs the column "seen", which numbers does not have',
      ],
    ]
    for (const [options, message] of cases) {
      const error = await refusal({ expected: options.table || options.disposition === undefined ? undefined : request.token, ...options })
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toBe(message)
    }
    expect(await warehouse.tokens('test', testContext())).toEqual([request.token])
  })

  it('a folder that cannot be made, and a file of the dataset that cannot be read', async () => {
    const { folder, file, dataset, warehouse } = await setup()
    writeFileSync(join(folder, 'plain'), '')
    expect(
      await thrownBy(
        duckdb(join(folder, 'plain', 'w'))
          .openWarehouse({ extensions: NO_EXTENSIONS })
          .load(requestOf(dataset), testContext()),
      ),
    ).toBeInstanceOf(PermanentError)
    rmSync(dataset.files[0] ?? '')
    const error = await thrownBy(warehouse.load(requestOf(dataset), testContext()))
    expect(error).toBeInstanceOf(PermanentError)
    expect(error.message).toContain('a file of the dataset cannot be read')
    expect(await queryFile(file, "SELECT 1 FROM duckdb_tables() WHERE table_name = 'numbers'")).toEqual([])
  })
})

describe('duckdb on a full disk', () => {
  it('leaves rows and token both or neither, wherever the space ends, and loads when there is room', async () => {
    const { folder, file, dataset, warehouse } = await setup('SELECT range AS id, md5(range::VARCHAR) AS value FROM range(300_000)')
    const before = requestOf(await datasetOf(folder, 'numbers', COLUMNS, "SELECT 1 AS id, 'a' AS value"))
    const request = { ...requestOf(dataset), expected: before.token, token: { ...before.token, inputKey: 'k2' } }
    const whole = runChild({
      module: CONNECTOR,
      name: 'duckdb',
      args: [join(folder, 'whole')],
      workspace: temporaryFolder(),
      request: { ...request, expected: undefined } as unknown as LoadRequest,
    })
    expect(await whole).toContain('done')
    const wholeBlocks = Math.ceil(statSync(join(folder, 'whole')).size / 1024)
    let failures = 0
    for (const share of [0, 0.05, 0.5, 0.95, 1.01]) {
      rmSync(dirname(file), { recursive: true, force: true })
      await warehouse.load(before, testContext())
      const limit = Math.ceil(statSync(file).size / 1024) + Math.round(share * wholeBlocks)
      const output = await runChild({ module: CONNECTOR, name: 'duckdb', args: [file], workspace: temporaryFolder(), request }, limit)
      const [token] = await warehouse.tokens('test', testContext())
      const rows = await queryFile(file, 'SELECT count(*) AS n FROM numbers')
      const loaded = output.includes('done')
      expect(token?.inputKey).toBe(loaded ? 'k2' : 'k1')
      expect(rows).toEqual([{ n: loaded ? '300000' : '1' }])
      if (!loaded) {
        failures++
        expect(output).toMatch(/failed PermanentError: .*(too large|no space)/i)
        await warehouse.load(request, testContext())
        expect(await queryFile(file, 'SELECT count(*) AS n FROM numbers')).toEqual([{ n: '300000' }])
      }
    }
    expect(failures).toBeGreaterThanOrEqual(3)
  })

  it('leaves no warehouse that cannot be opened when there is no room to make it', async () => {
    const { file, dataset, warehouse } = await setup()
    for (const limit of [0, 4, 11]) {
      const output = await runChild(
        { module: CONNECTOR, name: 'duckdb', args: [file], workspace: temporaryFolder(), request: requestOf(dataset) },
        limit,
      )
      expect(output).toContain('failed PermanentError')
      expect(await warehouse.tokens('test', testContext())).toEqual([])
    }
    await warehouse.load(requestOf(dataset), testContext())
  })
})

describe('duckdb whose COMMIT gives no clear answer', () => {
  it('reads back: what is there is adopted, what is not is an error', async () => {
    for (const committed of [true, false]) {
      const { file, warehouse, request } = await setup()
      await warehouse.load(request, testContext())
      const { run } = DuckDBConnection.prototype
      onTestFinished(() => void Object.assign(DuckDBConnection.prototype, { run }))
      DuckDBConnection.prototype.run = async function (this: DuckDBConnection, ...args: Parameters<typeof run>) {
        if (args[0] !== 'COMMIT') return run.apply(this, args)
        if (committed) await run.apply(this, args)
        throw new Error('IO Error: the reply was lost')
      }
      // The same input key as before: only the attempt tells whether this load is the one that stands there.
      const loading = warehouse.load({ ...request, expected: request.token, load: '000002' }, testContext())
      if (committed) await expect(loading).resolves.toMatchObject({ rows: 3, removed: 3 })
      else expect(await thrownBy(loading)).toBeInstanceOf(PermanentError)
      DuckDBConnection.prototype.run = run
      expect(await queryFile(file, 'SELECT DISTINCT _load FROM numbers')).toEqual([{ _load: committed ? '000002' : '000001' }])
    }
  })
})

describe('duckdb merge', () => {
  it('of many rows into more stays a set operation within the memory limit', async () => {
    const { folder, file, warehouse } = await setup()
    const limits = { memoryBytes: 256 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
    const merge: Disposition = { mode: 'merge', key: ['id'] }
    const many = await datasetOf(folder, 'numbers', COLUMNS, 'SELECT range AS id, md5(range::VARCHAR) AS value FROM range(1_000_000)')
    const some = await datasetOf(folder, 'numbers', COLUMNS, "SELECT range * 3 AS id, 'new' AS value FROM range(400_000)")
    await warehouse.load(requestOf(many, { disposition: merge }), testContext({ limits }))
    const first = requestOf(some, { disposition: merge })
    const receipt = await warehouse.load({ ...first, expected: first.token }, testContext({ limits }))
    expect(receipt).toEqual({ rows: 400_000, removed: 333_334, superseded: 0, added: [] })
    expect(
      await queryFile(file, "SELECT count(*) AS n, count(DISTINCT id) AS ids, count(*) FILTER (WHERE value = 'new') AS fresh FROM numbers"),
    ).toEqual([{ n: '1066666', ids: '1066666', fresh: '400000' }])
  })
})

const CONNECTOR = fileURLToPath(new URL('../../../lib/connectors/duckdb/index.ts', import.meta.url))

/** Loads in a process of its own that may write no file longer than `fileKiB`; what it says. Node ignores SIGXFSZ, so a write beyond fails with EFBIG. */
async function runChild(task: ChildTask, fileKiB?: number): Promise<string> {
  const script = fileURLToPath(new URL('../../contracts/warehouse-child.ts', import.meta.url))
  const node = [process.execPath, script, JSON.stringify(task)]
  const [command = '', ...args] = fileKiB === undefined ? node : ['bash', '-c', `ulimit -f ${fileKiB}; exec "$@"`, 'bash', ...node]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
  })
  await once(child, 'close')
  return output
}
