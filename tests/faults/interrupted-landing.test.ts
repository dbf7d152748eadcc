import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { local } from '../../lib/connectors/local/index.ts'
import type { Store } from '../../lib/connectors/store.ts'
import { disk } from '../../lib/core/disk.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { verifyFiles } from '../../lib/land/datasets.ts'
import { land } from '../../lib/land/land.ts'
import { loadsOf } from '../../lib/land/loads.ts'
import type { LandRequest } from '../../lib/land/request.ts'
import type { LoadManifest } from '../../lib/state/manifest.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { failDisk } from '../kit/failing-disk.ts'
import { inProcessReader } from '../kit/in-process-reader.ts'
import { noRelation, rowsOf, typed } from '../kit/landing.ts'
import { type PowerCut, recordDisk, type Survival } from '../kit/power-cut.ts'

const columns = { id: 'int64', name: 'text', at: 'int64' }
const keys = (ids: string) => ({ select: { sql: typed(ids, { id: 'int64' }) }, relation: noRelation })

/** What is landed one after another, each as one run would: windows open and complete, and a cursor with a tombstone. */
const script: readonly LandRequest[] = [
  request('w', `(1, 'a', 1)`, { partition: 'p', kind: { by: 'window', column: 'at' }, open: true }),
  request('w', `(1, 'a', 1), (2, 'b', 2)`, { partition: 'p', kind: { by: 'window', column: 'at' }, open: true }),
  request('w', `(2, 'b', 2), (1, 'a', 1)`, { partition: 'p', kind: { by: 'window', column: 'at' } }),
  request('c', `(1, 'a', 1), (2, 'b', 2)`, {}),
  request('c', `(2, 'b', 2), (3, 'c', 3)`, { cursorFrom: '2', keys: keys('(2), (3)') }),
]

function request(dataset: string, rows: string, overrides: Partial<LandRequest>): LandRequest {
  return {
    ...{ dataset, partition: '_all', columns, kind: { by: 'cursor', column: 'at', key: ['id'], deletes: 'keys' }, readKey: 'key' },
    ...{ select: { sql: typed(rows, columns) }, relation: noRelation, open: false, ...overrides },
  }
}

const reader = () => {
  const opened = inProcessReader()
  onTestFinished(() => opened.close())
  return opened
}

/** Runs the script's steps from one on, with a store opened for it alone, as one process does. */
async function runScript(
  folder: string,
  tools: { reader: ReturnType<typeof inProcessReader>; run: string; workspace: string },
  steps = script,
): Promise<void> {
  const store = local(folder).openStore()
  try {
    for (const step of steps) await land(step, { store, reader: tools.reader }, testContext({ run: tools.run, workspace: tools.workspace }))
  } finally {
    await store.close()
  }
}

const partitions = [
  ['w', 'p'],
  ['c', '_all'],
] as const

/** What has landed, without what differs from run to run. */
async function landed(folder: string): Promise<unknown> {
  const store = local(folder).openStore()
  try {
    const loads: LoadManifest[] = []
    for (const [dataset, partition] of partitions) loads.push(...(await loadsOf(store, 'test', dataset, partition)))
    await verifyFiles(store, loads)
    const cursors = loads.some(({ dataset }) => dataset === 'c')
    const state = cursors
      ? await currentState(store, { pipeline: 'test', dataset: 'c', columns, key: ['id'], cursor: 'at' }, testContext())
      : undefined
    return {
      loads: loads.map(({ run: _, ...load }) => load),
      state: state && [await rowsOf(state.files), state.hash],
      keys: await keysOf(store),
    }
  } finally {
    await store.close()
  }
}

async function keysOf(store: Store): Promise<string[]> {
  const found: string[] = []
  for await (const key of store.list('')) found.push(key)
  return found
}

/** How far the script has come, by what has landed. */
async function stepsDone(folder: string): Promise<number> {
  const store = local(folder).openStore()
  try {
    const [windows, cursors] = [await loadsOf(store, 'test', 'w', 'p'), await loadsOf(store, 'test', 'c', '_all')]
    return windows.at(-1)?.open === false ? 3 + cursors.length : windows.length
  } finally {
    await store.close()
  }
}

// `after` is not among them: an operation that is done and then all fails is the next operation failing.
describe.each(['dead', 'once'] as const)('the Nth disk operation fails (%s)', (mode) => {
  test.each([
    [0, 'the first load'],
    [2, 'a confirmation'],
    [4, 'a delta with tombstones'],
  ])('of step %i, %s, and a rerun lands what an uninterrupted run lands', { timeout: 120_000 }, async (step) => {
    const inner = reader()
    const workspace = temporaryFolder()
    const [before, whole] = [join(temporaryFolder(), 'landing'), join(temporaryFolder(), 'landing')]
    await runScript(before, { reader: inner, run: 'run-1', workspace }, script.slice(0, step))
    await cp(before, whole, { recursive: true }).catch(() => undefined)
    await runScript(whole, { reader: inner, run: 'run-2', workspace }, script.slice(step, step + 1))
    const result = await landed(whole)
    let interrupted = 0
    let nth = 1
    for (; ; nth++) {
      const folder = join(temporaryFolder(), 'landing')
      await cp(before, folder, { recursive: true }).catch(() => undefined)
      using failing = failDisk(nth, mode)
      await runScript(folder, { reader: inner, run: 'run-2', workspace }, script.slice(step, step + 1)).catch(() => interrupted++)
      failing[Symbol.dispose]()
      if (!failing.failed) break
      // Whatever is visible is whole, before any rerun.
      await everyLoadIsIntact(folder)
      await runScript(folder, { reader: inner, run: 'run-3', workspace }, script.slice(await stepsDone(folder), step + 1))
      expect(await landed(folder), `after ${failing.operations.join('\n')}`).toEqual(result)
      await rm(folder, { recursive: true })
    }
    expect(nth).toBeGreaterThan(15)
    // A failure to remove what is not needed any more ends nothing.
    expect(interrupted).toBeGreaterThan(nth / 2)
  })
})

async function everyLoadIsIntact(folder: string): Promise<number> {
  const store = local(folder).openStore()
  try {
    let count = 0
    for (const [dataset, partition] of partitions) {
      const loads = await loadsOf(store, 'test', dataset, partition)
      await verifyFiles(store, loads)
      count += loads.length
    }
    return count
  } finally {
    await store.close()
  }
}

/** What a cut can leave of the names: only what was synced, all, those of any one folder. */
const survivals = (cut: PowerCut): Survival[] => [
  () => 'synced',
  () => 'live',
  ...cut.folders.map(
    (one): Survival =>
      (folder) =>
        folder === one ? 'live' : 'synced',
  ),
]

/** Cuts the power after every operation; gives what was wrong, one line for each image. */
async function faultsOfCuts(cut: PowerCut, from: number): Promise<string[]> {
  const faults: string[] = []
  const image = join(temporaryFolder(), 'image')
  const seen = new Set<string>()
  for (let after = from; after <= cut.operations.length; after++)
    for (const [i, survival] of survivals(cut).entries()) {
      const listing = cut
        .listing(after, survival)
        .filter((file) => file.startsWith('test/'))
        .sort()
        .join('\n')
      if (seen.has(listing)) continue
      seen.add(listing)
      await cut.image(after, survival, image)
      await everyLoadIsIntact(image).catch((error: unknown) => faults.push(`after ${after}, survival ${i}: ${error}`))
    }
  return faults
}

describe('a power cut', () => {
  test('at any instant leaves no manifest that names a file which is not whole, and takes back nothing that was reported', {
    timeout: 180_000,
  }, async () => {
    const folder = join(temporaryFolder(), 'landing')
    await using cut = await recordDisk(folder)
    const workspace = temporaryFolder()
    const image = join(temporaryFolder(), 'image')
    let before = 0
    for (let steps = 1; steps <= script.length; steps++) {
      await runScript(folder, { reader: reader(), run: `run-${steps}`, workspace }, script.slice(steps - 1, steps))
      expect(await faultsOfCuts(cut, before)).toEqual([])
      before = cut.operations.length
      await cut.image(before, () => 'synced', image)
      expect(await everyLoadIsIntact(image)).toBe([1, 2, 2, 3, 4][steps - 1])
    }
    expect(await landed(image)).toEqual(await landed(folder))
  })

  test('after a rerun that saw what a killed run had not made durable takes back nothing', { timeout: 180_000 }, async () => {
    const steps = script.slice(0, 1)
    const inner = reader()
    for (let nth = 1; ; nth++) {
      const [folder, workspace] = [join(temporaryFolder(), 'landing'), temporaryFolder()]
      await using cut = await recordDisk(folder)
      let failed: boolean
      {
        using failing = failDisk(nth, 'dead')
        await runScript(folder, { reader: inner, run: 'run-1', workspace }, steps).catch(() => undefined)
        failed = failing.failed
      }
      if ((await stepsDone(folder)) === 0) await runScript(folder, { reader: inner, run: 'run-2', workspace }, steps)
      const image = join(temporaryFolder(), 'image')
      await cut.image(cut.operations.length, () => 'synced', image)
      expect(await everyLoadIsIntact(image), `operation ${nth}: ${cut.operations.join('\n')}`).toBe(1)
      if (!failed) break
    }
  })

  test.each([
    ['no fsync at all', ['syncFile', 'syncFolder']],
    ['no fsync of files', ['syncFile']],
    ['no fsync of folders', ['syncFolder']],
  ] as const)('is noticed with %s', async (_, without) => {
    const folder = join(temporaryFolder(), 'landing')
    await using cut = await recordDisk(folder)
    const recorded = { ...disk }
    try {
      for (const name of without) Object.assign(disk, { [name]: async () => undefined })
      await runScript(folder, { reader: reader(), run: 'run-1', workspace: temporaryFolder() }, script.slice(0, 1))
    } finally {
      Object.assign(disk, recorded)
    }
    const image = join(temporaryFolder(), 'image')
    await cut.image(cut.operations.length, () => 'synced', image)
    const kept = await everyLoadIsIntact(image).catch(() => 0)
    const faults = await faultsOfCuts(cut, 0)
    expect({ lost: kept === 0, torn: faults.length > 0 }).toEqual({ lost: true, torn: without[0] === 'syncFile' })
  })

  test('is noticed with the manifest written before the data', async () => {
    const folder = join(temporaryFolder(), 'landing')
    await using cut = await recordDisk(folder)
    const store = local(folder).openStore()
    onTestFinished(() => store.close())
    const early: Store = {
      ...store,
      // The data come a step too late: when the manifest is there.
      put: async (key, body, options) => {
        if (!('file' in body)) {
          const info = await store.put(key, body, options)
          await late?.()
          return info
        }
        late = async () => void (await store.put(key, body, options))
        return { key, bytes: 0, version: '', crc32c: '', metadata: {} }
      },
    }
    let late: (() => Promise<void>) | undefined
    const [step] = script
    if (step) await land(step, { store: early, reader: reader() }, testContext())
    expect(await everyLoadIsIntact(folder)).toBe(1)
    expect((await faultsOfCuts(cut, 0)).length).toBeGreaterThan(0)
  })
})
