import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../lib/core/context.ts'
import { CheckError } from '../../lib/core/errors.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { changesOf } from '../../lib/land/datasets.ts'
import { loadsOf } from '../../lib/land/loads.ts'
import type { LandRequest } from '../../lib/land/request.ts'
import { testContext } from '../kit/context.ts'
import { forgetKept, type Landing, noRelation, rowsOf, testLanding, typed } from '../kit/landing.ts'

const columns = { id: 'int64', name: 'text', at: 'int64' }
const every = (compact: number, deletes: 'ignore' | 'keys' = 'ignore') =>
  ({ columns, kind: { by: 'cursor', column: 'at', key: ['id'], deletes, compact } }) as const
const NEVER = 1_000_000

async function stateOf(landing: Landing, wanted: Record<string, string> = columns, events: RunEvent[] = []) {
  const of = { pipeline: 'test', dataset: 'd', columns: wanted, key: ['id'], cursor: 'at' }
  const state = await currentState(landing.store, of, testContext({ emit: (event) => events.push(event) }))
  return { rows: await rowsOf(state.files), hash: state.hash, manifests: state.manifests }
}
const filesIn = (landing: Landing, folder: string) => readdirSync(join(landing.folder, 'test/d', folder)).sort()
const compactions = (landing: Landing) => filesIn(landing, '_compacted').filter((name) => name.endsWith('.json'))
const warnings = (events: readonly RunEvent[]) => events.flatMap((each) => (each.type === 'warning' ? [each.message] : []))
const keysOf = (ids: readonly number[]): Partial<LandRequest> => ({
  keys: {
    select: { sql: ids.length > 0 ? typed(ids.map((id) => `(${id})`).join(', '), { id: 'int64' }) : 'SELECT 0::BIGINT AS id WHERE false' },
    relation: noRelation,
  },
})

/** Lands loads of one row each. */
async function landLoads(landing: Landing, from: number, to: number, overrides: Partial<LandRequest> = {}): Promise<void> {
  for (let n = from; n <= to; n++)
    await landing.land(`(${n % 3}, 'n${n}', ${n})`, { ...(n > 1 && { cursorFrom: String(n - 1) }), ...overrides })
}

test('land compacts at each multiple of `compact`, and the loads stay as they are', async () => {
  const [landing, plain] = [testLanding(every(4)), testLanding(every(NEVER))]
  await landLoads(landing, 1, 9)
  await landLoads(plain, 1, 9)
  expect(filesIn(landing, '_compacted').map((name) => name.replace(/-[0-9a-f]{12}\./, '-sha.'))).toEqual([
    ...['000004-sha.parquet', '000004.json', '000008-sha.parquet', '000008.json'],
  ])
  expect(filesIn(landing, '_all')).toEqual(filesIn(plain, '_all'))
  const loads = async (each: Landing) => (await loadsOf(each.store, 'test', 'd', '_all')).map(({ run: _, ...load }) => load)
  expect(await loads(landing)).toEqual(await loads(plain))
})

test('currentState reads the newest compaction and the loads after it, to the same rows and the same hash', async () => {
  const [landing, plain] = [testLanding(every(4)), testLanding(every(NEVER))]
  for (const each of [landing, plain]) await landLoads(each, 1, 9)
  const state = await stateOf(landing)
  expect(state).toMatchObject({ rows: ['0|n9|9', '1|n7|7', '2|n8|8'], hash: (await stateOf(plain)).hash })
  expect(state.manifests).toEqual(['test/d/_all/_manifests/000009.json', 'test/d/_compacted/000008.json'])
  for (const name of filesIn(landing, '_all')) if (/^00000[1-8]-/.test(name)) rmSync(join(landing.folder, 'test/d/_all', name))
  expect(await stateOf(landing)).toEqual(state)
})

test('the manifest of the newest load is named where all loads are compacted: a run is current by it', async () => {
  const landing = testLanding(every(2))
  await landLoads(landing, 1, 4)
  expect((await stateOf(landing)).manifests).toEqual(['test/d/_all/_manifests/000004.json', 'test/d/_compacted/000004.json'])
})

test('each load is still seen by readers of changes', async () => {
  const landing = testLanding(every(2))
  await landLoads(landing, 1, 5)
  const seen = []
  for (const load of await loadsOf(landing.store, 'test', 'd', '_all'))
    seen.push(...(await rowsOf((await changesOf(landing.store, load, columns, testContext())).dataset.files)))
  expect(seen).toEqual(['1|n1|1', '2|n2|2', '0|n3|3', '1|n4|4', '2|n5|5'])
})

test('the state is the same with compactions at any loads, whatever a source does', { timeout: 120_000 }, async () => {
  const act = fc.oneof(fc.record({ id: fc.nat(4), v: fc.nat(3) }), fc.record({ id: fc.nat(4), gone: fc.constant(true) }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(act, { maxLength: 3 }), { minLength: 4, maxLength: 7 }),
      fc.integer({ min: 2, max: 3 }),
      async (reads, n) => {
        const [landing, plain] = [testLanding(every(n, 'keys')), testLanding(every(NEVER, 'keys'))]
        const source = new Map<number, { at: number; v: number }>()
        let [time, from]: [number, string | undefined] = [0, undefined]
        for (const acts of reads) {
          for (const each of acts) {
            if ('gone' in each) source.delete(each.id)
            else source.set(each.id, { at: ++time, v: each.v })
          }
          const rows = [...source].filter(([, { at }]) => from === undefined || at >= Number(from))
          const asked: Partial<LandRequest> = { ...keysOf([...source.keys()]), ...(from !== undefined && { cursorFrom: from }) }
          const values = rows.map(([id, { at, v }]) => `(${id}, 'v${v}', ${at})`).join(', ')
          const [one, other] = [await landing.land(values, asked), await plain.land(values, asked)]
          expect({ ...one.manifest, run: 0 }).toEqual({ ...other.manifest, run: 0 })
          from = one.manifest.cursor?.to
          const [state, expected] = [await stateOf(landing), await stateOf(plain)]
          expect({ rows: state.rows, hash: state.hash }).toEqual({ rows: expected.rows, hash: expected.hash })
        }
      },
    ),
    { numRuns: 5 },
  )
})

test('loads with other columns are compacted as they are: no value is cast or lost', async () => {
  const older = { id: 'int64', name: 'text', extra: 'int32', at: 'int64' }
  const states = []
  for (const compact of [2, NEVER]) {
    const landing = testLanding({ ...every(compact), columns: older })
    await landing.land(`(1, 'a', 10, 1), (2, 'b', 20, 1)`)
    await landing.land(`(1, 'a2', 11, 2)`, { cursorFrom: '1' })
    const changed = { columns, readKey: 'other', cursorFrom: '2' }
    await landing.land('', { ...changed, select: { sql: typed(`(3, 'c', 3)`, columns) } })
    await landing.land('', { ...changed, select: { sql: typed(`(1, 'a3', 4)`, columns) } })
    await landing.land('', { ...changed, select: { sql: typed(`(4, 'd', 5)`, columns) } })
    await landing.land('', { ...changed, select: { sql: typed(`(5, 'e', 6)`, columns) } })
    const { rows, hash } = await stateOf(landing, older)
    states.push({ rows, hash })
    if (compact === 2) expect(filesIn(landing, '_compacted').filter((name) => name.startsWith('000006-'))).toHaveLength(2)
  }
  expect(states[0]).toEqual(states[1])
  expect(states[0]?.rows).toEqual(['1|a3|∅|4', '2|b|20|1', '3|c|∅|3', '4|d|∅|5', '5|e|∅|6'])
})

test('loads whose cursor has another type are not compacted, nor is a compaction by another key used', async () => {
  const landing = testLanding({ ...every(2), columns: { ...columns, at: 'int32' } })
  await landLoads(landing, 1, 3)
  expect(compactions(landing)).toEqual(['000002.json'])
  await landLoads(landing, 4, 4, { columns, select: { sql: typed(`(1, 'n4', 4)`, columns) } })
  expect(compactions(landing)).toEqual(['000002.json'])
  expect((await stateOf(landing)).rows).toEqual(['0|n3|3', '1|n4|4', '2|n2|2'])
})

test('a compaction that is damaged is told of and not used, and the next one is made from the loads', async () => {
  const landing = testLanding(every(2))
  await landLoads(landing, 1, 3)
  const expected = (await stateOf(landing)).rows
  const [file = ''] = filesIn(landing, '_compacted').filter((name) => name.endsWith('.parquet'))
  const path = join(landing.folder, 'test/d/_compacted', file)
  const bytes = readFileSync(path)
  bytes[8] = (bytes[8] ?? 0) ^ 1
  rmSync(path)
  writeFileSync(path, bytes)
  const events: RunEvent[] = []
  const fresh = { ...landing, store: { ...landing.store } }
  expect((await stateOf(fresh, columns, events)).rows).toEqual(expected)
  expect(warnings(events)).toEqual([
    expect.stringMatching(
      /_compacted\/000002-.* has other bytes than were landed .*; the loads that are compacted there are read themselves/,
    ),
  ])
  rmSync(join(landing.folder, 'test/d/_compacted', file))
  writeFileSync(join(landing.folder, 'test/d/_compacted/000002.json'), '{')
  await landLoads(landing, 4, 4)
  expect(compactions(landing)).toEqual(['000002.json', '000004.json'])
  expect((await stateOf(landing)).manifests).toContain('test/d/_compacted/000004.json')
})

test('a compaction of loads that somebody removed is not used', async () => {
  const landing = testLanding(every(2))
  await landLoads(landing, 1, 2)
  for (const name of filesIn(landing, '_all')) if (name.endsWith('.parquet')) rmSync(join(landing.folder, 'test/d/_all', name))
  for (const name of filesIn(landing, '_all/_manifests')) rmSync(join(landing.folder, 'test/d/_all/_manifests', name))
  await landing.land(`(7, 'x', 7)`)
  await landing.land(`(8, 'y', 8)`, { cursorFrom: '7' })
  expect((await stateOf(landing)).rows).toEqual(['7|x|7', '8|y|8'])
})

test('a whole read that finds the history damaged begins it anew, before and after a compaction', async () => {
  const landing = testLanding(every(2))
  await landLoads(landing, 1, 2)
  for (const folder of ['_compacted', '_all'])
    for (const name of filesIn(landing, folder)) if (name.endsWith('.parquet')) rmSync(join(landing.folder, 'test/d', folder, name))
  forgetKept(landing)
  await expect(landing.land(`(1, 'n3', 3)`, { cursorFrom: '2' })).rejects.toThrow(CheckError)
  const { manifest } = await landing.land(`(5, 'new', 5)`)
  expect(manifest).toMatchObject({ id: 3, base: true })
  expect((await stateOf(landing)).rows).toEqual(['5|new|5'])
  await landLoads(landing, 6, 6)
  expect(compactions(landing)).toEqual(['000002.json', '000004.json'])
  expect((await stateOf(landing)).rows).toEqual(['0|n6|6', '5|new|5'])
})

test('two that compact the same loads at once come to one', async () => {
  const landing = testLanding(every(4))
  await landLoads(landing, 1, 3)
  // Another machine, which holds no lock of ours, is first by a moment.
  const put = landing.store.put
  const store = {
    ...landing.store,
    put: async (...args: Parameters<typeof put>) => {
      if (args[0].endsWith('_compacted/000004.json')) await put(args[0], args[1], args[2])
      return put(...args)
    },
  }
  Object.assign(landing.store, store)
  await landLoads(landing, 4, 4)
  expect(compactions(landing)).toEqual(['000004.json'])
  expect((await stateOf(landing)).rows).toEqual(['0|n3|3', '1|n4|4', '2|n2|2'])
})

test('a compaction that fails is told of, and the landing stands', async () => {
  const landing = testLanding(every(2))
  await landLoads(landing, 1, 1)
  const { put } = landing.store
  Object.assign(landing.store, {
    put: async (...args: Parameters<typeof put>) => {
      if (args[0].includes('_compacted/')) throw new Error('no more room')
      return put(...args)
    },
  })
  const events: RunEvent[] = []
  const landed = await landing.land(`(2, 'n2', 2)`, { cursorFrom: '1' }, { emit: (event) => events.push(event) })
  expect(landed).toMatchObject({ outcome: 'done', manifest: { id: 2 } })
  expect(landed.compacted).toBeUndefined()
  expect(warnings(events)).toEqual(['the loads of "d" were not compacted: no more room'])
  Object.assign(landing.store, { put })
  // What is due is made up for, even where nothing is new.
  expect(await landing.land('', { cursorFrom: '2' })).toMatchObject({ outcome: 'unchanged', compacted: { to: 2 } })
})
