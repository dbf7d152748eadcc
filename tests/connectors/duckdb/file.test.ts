import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { duckdb } from '../../../lib/connectors/duckdb/index.ts'
import { systemClock } from '../../../lib/core/clock.ts'
import { disk } from '../../../lib/core/disk.ts'
import { PermanentError, TransientError } from '../../../lib/core/errors.ts'
import { openDuckDB } from '../../../lib/engines/duckdb.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { manualClock, temporaryFolder, testContext } from '../../kit/context.ts'
import { queryFile } from '../../kit/dataset.ts'
import { CONNECTOR, holder, requestOf, runChild, setup, thrownBy } from './kit.ts'

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

  it('keeps no second name that a kill left beside it, once it was linked into place', async () => {
    const { file, warehouse, request } = await setup()
    await warehouse.load(request, testContext())
    linkSync(file, join(dirname(file), `.${basename(file)}.new-dead`))
    await warehouse.load({ ...request, expected: request.token }, testContext())
    expect(readdirSync(dirname(file))).toEqual([basename(file)])
    expect(await queryFile(file, 'SELECT count(*) AS n FROM _millrace_tokens')).toEqual([{ n: '1' }])
  })

  it('is not made where a link leads to no file', async () => {
    const { file, warehouse, request, folder } = await setup()
    mkdirSync(dirname(file), { recursive: true })
    symlinkSync(join(folder, 'gone.duckdb'), file)
    const error = await thrownBy(warehouse.load(request, testContext()))
    expect(error).toBeInstanceOf(PermanentError)
    expect(error.message).toBe(`the warehouse ${file} is a link to ${join(folder, 'gone.duckdb')}, which is not there`)
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
    const short = join(folder, 'short')
    writeFileSync(short, readFileSync(file).subarray(0, 100))
    for (const name of ['copy', 'short']) {
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

  it('that is no database is refused, also where DuckDB would read it as another kind of file, and stays as it is', async () => {
    const { folder, dataset } = await setup()
    const contents = { garbage: 'no database'.repeat(1000), empty: '', 'rows.csv': 'a,b\n1,2\n', 'rows.json': '{"a": 1}\n' }
    for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text)
    const parquet = readFileSync(dataset.files[0] ?? '')
    writeFileSync(join(folder, 'rows.parquet'), parquet)
    for (const name of [...Object.keys(contents), 'rows.parquet']) {
      const file = join(folder, name)
      const other = duckdb(file).openWarehouse({ extensions: NO_EXTENSIONS })
      for (const work of [() => other.tokens('test', testContext()), () => other.load(requestOf(dataset), testContext())]) {
        const error = await thrownBy(work())
        expect(error).toBeInstanceOf(PermanentError)
        expect(error.message).toBe(`the warehouse ${file} is no DuckDB file, or damaged: its header is missing`)
        expect(error.hint).toContain(`move ${file} and ${file}.wal away`)
      }
    }
    for (const [name, text] of Object.entries(contents)) expect(readFileSync(join(folder, name), 'utf8')).toBe(text)
    expect(readFileSync(join(folder, 'rows.parquet'))).toEqual(parquet)
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
