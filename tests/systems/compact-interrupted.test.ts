import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { local } from '../../lib/connectors/local/index.ts'
import type { RunEvent } from '../../lib/core/context.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { land } from '../../lib/land/land.ts'
import type { LandRequest } from '../../lib/land/request.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { failDisk, wrapDisk } from '../kit/failing-disk.ts'
import { inProcessReader } from '../kit/in-process-reader.ts'
import { noRelation, rowsOf, typed } from '../kit/landing.ts'
import { recordDisk, type Survival } from '../kit/power-cut.ts'

const columns = { id: 'int64', name: 'text', at: 'int64' }
const NEVER = 1_000_000

/** Lands one read in a process of its own. */
async function landed(folder: string, rows: string, compact: number, more: Partial<LandRequest> = {}, events: RunEvent[] = []) {
  const [store, reader] = [local(folder).openStore(), inProcessReader()]
  try {
    const kind = { by: 'cursor', column: 'at', key: ['id'], deletes: 'ignore', compact } as const
    return await land(
      {
        ...{ dataset: 'c', partition: '_all', columns, kind, readKey: 'key', open: false },
        ...{ select: { sql: typed(rows, columns) }, relation: noRelation, ...more },
      },
      { store, reader },
      testContext({ emit: (event) => events.push(event) }),
    )
  } finally {
    await store.close()
    await reader.close()
  }
}

/** Two loads that wait to be compacted. */
async function twoLoads(): Promise<string> {
  const folder = join(temporaryFolder(), 'landing')
  await landed(folder, `(1, 'a', 1), (2, 'b', 1)`, NEVER)
  await landed(folder, `(2, 'b2', 2), (3, 'c', 2)`, NEVER, { cursorFrom: '1' })
  return folder
}

const compact = (folder: string, events?: RunEvent[]) => landed(folder, `(3, 'c', 2)`, 2, { cursorFrom: '2' }, events)

/** What a reader sees, and the names in the landing. */
async function seen(folder: string) {
  const store = local(folder).openStore()
  try {
    const events: RunEvent[] = []
    const ctx = testContext({ emit: (event) => events.push(event) })
    const state = await currentState(store, { pipeline: 'test', dataset: 'c', columns, key: ['id'], cursor: 'at' }, ctx)
    const keys: string[] = []
    for await (const key of store.list('')) keys.push(key)
    return { rows: await rowsOf(state.files), hash: state.hash, warnings: events.filter(({ type }) => type === 'warning'), keys }
  } finally {
    await store.close()
  }
}

test('a compaction that dies at its Nth disk operation leaves the state as it was, and a rerun compacts as an uninterrupted run does', {
  timeout: 120_000,
}, async () => {
  const before = await twoLoads()
  const { rows, hash, keys } = await seen(before)
  const whole = join(temporaryFolder(), 'landing')
  await cp(before, whole, { recursive: true })
  expect(await compact(whole)).toMatchObject({ outcome: 'unchanged', compacted: { to: 2, rows: 3 } })
  const result = await seen(whole)
  expect(result).toMatchObject({ rows, hash, warnings: [] })
  expect(result.keys).toHaveLength(keys.length + 2)
  let nth = 1
  for (; ; nth++) {
    const folder = join(temporaryFolder(), 'landing')
    await cp(before, folder, { recursive: true })
    using failing = failDisk(nth, 'dead')
    await compact(folder).catch(() => undefined)
    failing[Symbol.dispose]()
    if (!failing.failed) break
    expect(await seen(folder), failing.operations.join('\n')).toMatchObject({ rows, hash, warnings: [] })
    await compact(folder)
    expect(await seen(folder), failing.operations.join('\n')).toEqual(result)
  }
  expect(nth).toBeGreaterThan(8)
})

test('a power cut at any instant of a compaction leaves the state as it was', { timeout: 120_000 }, async () => {
  const before = await twoLoads()
  const { rows, hash } = await seen(before)
  const folder = join(temporaryFolder(), 'landing')
  await using cut = await recordDisk(folder)
  await landed(folder, `(1, 'a', 1), (2, 'b', 1)`, NEVER)
  await landed(folder, `(2, 'b2', 2), (3, 'c', 2)`, NEVER, { cursorFrom: '1' })
  const from = cut.operations.length
  await compact(folder)
  expect(cut.operations.length).toBeGreaterThan(from)
  const image = join(temporaryFolder(), 'image')
  for (let after = from; after <= cut.operations.length; after++)
    for (const survival of [() => 'synced', () => 'live'] satisfies Survival[]) {
      await cut.image(after, survival, image)
      expect(await seen(image), cut.operations.slice(from, after).join('\n')).toMatchObject({ rows, hash, warnings: [] })
    }
})

test('a disk that is full while compacting is told of, and ends nothing', async () => {
  const folder = await twoLoads()
  const events: RunEvent[] = []
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  onTestFinished(wrapDisk((_, paths, work) => (paths.some((path) => path.includes('_compacted')) ? Promise.reject(full) : work())))
  expect(await compact(folder, events)).toMatchObject({ outcome: 'unchanged' })
  expect(events.flatMap((each) => (each.type === 'warning' ? [each.message] : []))).toEqual([
    expect.stringMatching(/^the loads of "c" were not compacted: .*(full|no space)/),
  ])
})
