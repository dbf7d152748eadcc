import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CheckError, OutrunError, TransientError } from '../../lib/core/errors.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { datasetOfLoads, verifyFiles } from '../../lib/land/datasets.ts'
import { land } from '../../lib/land/land.ts'
import { loadsOf } from '../../lib/land/loads.ts'
import type { LandRequest } from '../../lib/land/request.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { inProcessReader } from '../kit/in-process-reader.ts'
import { noRelation, rowsOf, storeElsewhere, typed } from '../kit/landing.ts'

const columns = { id: 'int64', name: 'text', at: 'int64' }

/** A machine with a cache of its own, over objects that lie elsewhere; `got` are the files that it has fetched. */
function machine(objects: string, limitBytes = 1e9) {
  const reader = inProcessReader()
  const cache = join(temporaryFolder(), 'cache')
  const got: string[] = []
  const store = storeElsewhere(objects, { folder: cache, limitBytes }, got)
  onTestFinished(async () => {
    await store.close()
    await reader.close()
  })
  let runs = 0
  return {
    cache,
    got,
    store,
    land: (rows: string, overrides: Partial<LandRequest> = {}) =>
      land(
        {
          ...{ dataset: 'd', partition: '_all', columns, readKey: 'key', open: false, relation: noRelation },
          ...{ kind: { by: 'cursor', column: 'at', key: ['id'], deletes: 'ignore', compact: 2 }, select: { sql: typed(rows, columns) } },
          ...overrides,
        },
        { store, reader },
        testContext({ run: `run-${++runs}` }),
      ),
    state: async () => {
      const of = { pipeline: 'test', dataset: 'd', columns, key: ['id'], cursor: 'at' }
      const state = await currentState(store, of, testContext())
      return { rows: await rowsOf(state.files), hash: state.hash }
    },
  }
}

test('a machine reads what it has landed from its own disk, and another one fetches each file once', async () => {
  const objects = join(temporaryFolder(), 'bucket')
  const [first, second] = [machine(objects), machine(objects)]
  await first.land(`(1, 'a', 1), (2, 'b', 1)`)
  await first.land(`(2, 'b2', 2)`, { cursorFrom: '1' })
  await first.land(`(3, 'c', 3)`, { cursorFrom: '2' })
  const state = await first.state()
  expect(state.rows).toEqual(['1|a|1', '2|b2|2', '3|c|3'])
  expect(first.got).toEqual([])
  expect(await second.state()).toEqual(state)
  // What is compacted, and the load after it: no more.
  expect(second.got).toEqual([expect.stringContaining('_compacted/000002-'), expect.stringContaining('_all/000003-')])
  expect(await second.state()).toEqual(state)
  expect(second.got).toHaveLength(2)
})

test('a cache that is too small, damaged or gone costs time alone', async () => {
  const objects = join(temporaryFolder(), 'bucket')
  const [plain, tiny] = [machine(objects), machine(objects, 1)]
  await plain.land(`(1, 'a', 1)`)
  const state = await plain.state()
  expect(await tiny.state()).toEqual(state)
  expect(await tiny.state()).toEqual(state)
  expect(tiny.got).toHaveLength(2)
  expect(readdirSync(tiny.cache)).toEqual(['locks'])
  rmSync(plain.cache, { recursive: true })
  expect(await plain.state()).toEqual(state)
  expect(plain.got).toHaveLength(1)
})

test('what is damaged in the bucket is found, whatever is kept here', async () => {
  const objects = join(temporaryFolder(), 'bucket')
  const at = machine(objects)
  const window = { kind: { by: 'window', column: 'at' }, partition: 'p' } as const
  const { manifest } = await at.land(`(1, 'a', 1)`, window)
  await verifyFiles(at.store, [manifest])
  expect(at.got).toEqual([])
  const [{ key = '' } = {}] = manifest.files
  await at.store.delete(key)
  await expect(verifyFiles(at.store, [manifest])).rejects.toThrow(/is missing/)
  // Read again it lands anew; the copy that is kept is no excuse.
  expect(await at.land(`(1, 'a', 1)`, window)).toMatchObject({ outcome: 'done', manifest: { id: 2 } })
  await at.store.put(key, { bytes: 'other bytes' })
  const fresh = machine(objects)
  await expect(datasetOfLoads(fresh.store, [manifest], testContext())).rejects.toThrow(CheckError)
})

test('of two machines that land the same at once one wins; the other one is told to run again, and finds it done', async () => {
  const objects = join(temporaryFolder(), 'bucket')
  const [one, other] = [machine(objects), machine(objects)]
  const window = { kind: { by: 'window', column: 'at' }, partition: 'p' } as const
  // They hold no lock in common: what decides is the manifest's create-if-absent.
  const results = await Promise.allSettled([one.land(`(1, 'a', 1)`, window), other.land(`(1, 'b', 1)`, window)])
  const lost = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  expect(lost).toEqual([expect.any(OutrunError)])
  expect(lost[0]).toBeInstanceOf(TransientError)
  const [load, ...more] = await loadsOf(one.store, 'test', 'd', 'p')
  expect(more).toEqual([])
  const winner = results[0]?.status === 'fulfilled' ? 'a' : 'b'
  const { files } = await datasetOfLoads(other.store, load ? [load] : [], testContext())
  expect(await rowsOf(files)).toEqual([`1|${winner}|1`])
  expect(await (winner === 'a' ? other : one).land(`(1, '${winner}', 1)`, window)).toMatchObject({ outcome: 'unchanged' })
})
