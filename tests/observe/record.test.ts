import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { disk } from '../../lib/core/disk.ts'
import { Secret } from '../../lib/core/secret.ts'
import { watchMemory } from '../../lib/observe/memory.ts'
import { readRunRecord, runFolder, writeRunRecord } from '../../lib/observe/record.ts'
import type { RunReport } from '../../lib/observe/report.ts'
import { temporaryFolder } from '../kit/context.ts'
import { failDisk } from '../kit/failing-disk.ts'

const report: RunReport = {
  pipeline: 'quakes',
  profile: 'dev',
  run: 'r1',
  startedAt: '2018-02-07T01:30:00.000Z',
  endedAt: '2018-02-07T01:30:01.200Z',
  outcome: 'failed',
  exitCode: 1,
  partitions: [],
  retries: 1,
  warnings: ['token tok-in-record is odd'],
  peakRssBytes: 1,
  locations: { store: 's', warehouse: 'w', landing: 'l' },
  manifests: ['quakes/quake/2018-02-04/_manifests/000001.json'],
  versions: { millrace: '0.1.0' },
}

afterEach(() => vi.restoreAllMocks())

test('writeRunRecord writes the report, the error and the machine, redacted', async () => {
  new Secret('env:X', () => 'tok-in-record').reveal()
  const state = temporaryFolder()
  const file = await writeRunRecord(state, report, { kind: 'CheckError', message: 'with tok-in-record', exitCode: 3 })
  expect(file).toBe(join(state, 'runs/r1/run.json'))
  expect(readFileSync(file, 'utf8')).not.toContain('tok-in-record')
  expect(await readRunRecord(state, 'r1')).toMatchObject({
    format: 1,
    run: 'r1',
    manifests: report.manifests,
    error: { kind: 'CheckError', message: 'with [secret]' },
    machine: { platform: process.platform },
  })
  expect(readdirSync(runFolder(state, 'r1'))).toEqual(['run.json'])
})

test('writeRunRecord syncs the file before it gets its name, and the folder after', async () => {
  const state = temporaryFolder()
  const order: string[] = []
  for (const name of ['write', 'syncFile', 'rename', 'syncFolder'] as const) {
    const real = disk[name] as (...args: string[]) => Promise<void>
    vi.spyOn(disk, name).mockImplementation(async (...args: unknown[]) => {
      order.push(name)
      await real(...(args as string[]))
    })
  }
  await writeRunRecord(state, report)
  expect(order.slice(-4)).toEqual(['write', 'syncFile', 'rename', 'syncFolder'])
})

test('readRunRecord gives undefined for a run that left none', async () => {
  expect(await readRunRecord(temporaryFolder(), 'none')).toBeUndefined()
})

test('watchMemory counts child processes', async () => {
  const watch = watchMemory(20)
  const child = spawn(process.execPath, ['-e', 'globalThis.x = Buffer.alloc(150e6, 1); console.log("up"); setTimeout(() => {}, 60000)'])
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await new Promise((resolve) => setTimeout(resolve, 100))
  const own = process.memoryUsage.rss()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill()
  await ended
  watch.stop()
  expect(watch.peakBytes()).toBeGreaterThan(own + 130e6)
})

test('watchMemory measures a step that is over before anybody has looked, and not the step before it', () => {
  const watch = watchMemory(60_000)
  onTestFinished(watch.stop)
  const first = watch.step()
  const beside = watch.step()
  const own = process.memoryUsage.rss()
  const mapped = new SharedArrayBuffer(150e6)
  new Uint8Array(mapped).fill(1)
  expect(first().peakBytes).toBeGreaterThan(own + 130e6)
  const nothing = watch.step()
  expect(nothing().peakBytes).toBeLessThanOrEqual(watch.peakBytes())
  expect(beside().peakBytes).toBeGreaterThan(own + 130e6)
  expect(watch.peakBytes()).toBeGreaterThan(own + 130e6)
})

test('watchMemory sees what an engine has on the disk while a step runs', async () => {
  const folder = temporaryFolder()
  const watch = watchMemory(5)
  onTestFinished(watch.stop)
  watch.spillingInto(folder)
  const spilling = watch.step()
  await mkdir(join(folder, 'engines/1'), { recursive: true })
  await writeFile(join(folder, 'engines/1/duckdb_temp_storage_DEFAULT-0.tmp'), Buffer.alloc(1000))
  await writeFile(join(folder, 'engines/1/other.parquet'), Buffer.alloc(1000))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(spilling().spilledBytes).toBe(1000)
  expect(watch.step()().spilledBytes).toBe(0)
})

test('writeRunRecord says where a disk refused the record, whichever operation failed', async () => {
  for (let nth = 1; ; nth++) {
    const state = temporaryFolder()
    using failing = failDisk(nth, 'once')
    const error = await writeRunRecord(state, report).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!failing.failed) {
      expect(nth).toBeGreaterThan(6)
      break
    }
    expect(error).toMatchObject({ exitCode: 1, message: expect.stringMatching(/^the disk failed: .*r1/) })
  }
})
