import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { local } from '../../lib/connectors/local/index.ts'
import type { Store } from '../../lib/connectors/store.ts'
import type { Dataset } from '../../lib/core/dataset.ts'
import { CheckError, DamagedError, type MillraceError } from '../../lib/core/errors.ts'
import { quoteLiteral } from '../../lib/core/quote.ts'
import { checkContract } from '../../lib/export/contract/check-contract.ts'
import { arrow, excel, ndjson, parquet } from '../../lib/export/contract/export.ts'
import type { Gate } from '../../lib/export/contract/gate-options.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { beyondGate, percent } from '../../lib/export/gate/gate.ts'
import { Held } from '../../lib/export/manifest.ts'
import { namedBy } from '../../lib/export/named.ts'
import { pointerLayout } from '../../lib/export/pointer-layout.ts'
import { type Staged, stage } from '../../lib/export/stage.ts'
import { switchSet } from '../../lib/export/switch-set.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { connectToTestEngine } from '../kit/engine.ts'
import { contentOf, delivered, exportOf, followLatest, freshStore, idName, keyOf, keysOf, readBytes, readText, requestOf } from './kit.ts'

const FOLDER = 'names/2018-02-04'
const LATEST = `${FOLDER}/latest.json`

/** `n` rows, of which those below `changed` have another name, beginning with `from`. */
const rows = (n: number, changed = 0, from = 0): Promise<Dataset> =>
  datasetOf(
    temporaryFolder(),
    'names',
    idName,
    `SELECT range AS id, CASE WHEN range < ${changed} THEN 'new ' ELSE 'name ' END || range AS name FROM range(${from}, ${from + n})`,
  )
const gated = (gate: Gate, more: object = {}, delivery?: string) =>
  exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'], ...more, gate } as never, delivery === undefined, delivery)
const noEngine = () => {
  throw new Error('nothing should be written or compared')
}

/** Delivers what is held, or not; gives the error. */
async function attempt(store: Store, dataset: Dataset, gate: Gate, key: string, more: object = {}): Promise<MillraceError | undefined> {
  const request = requestOf(dataset, { export: gated(gate, more), inputKey: keyOf(key) })
  return deliver(request, store, testContext(), connectToTestEngine).then(
    () => undefined,
    (error: MillraceError) => error,
  )
}

const heldOf = async (store: Store, folder = FOLDER) => Held.parse(JSON.parse(await readText(store, `${folder}/held.json`)))

async function sampleOf(store: Store, key: string) {
  const db = await connectToTestEngine()
  const file = join(temporaryFolder(), 'sample.parquet')
  const { writeFile } = await import('node:fs/promises')
  await writeFile(file, await readBytes(store, key))
  try {
    return await db.meta(
      `SELECT kind, key.id AS id, columns, before.name AS old, after.name AS new FROM read_parquet(${quoteLiteral(file)})`,
    )
  } finally {
    db.close()
  }
}

test('a delivery beyond its gate is held: the last one stays, the error says what and how it is accepted, a sample shows the rows', async () => {
  const store = freshStore()
  const gate = { removed: 0.1, changed: 0.5, columns: { name: 0.05 } }
  expect(await attempt(store, await rows(100), gate, 'a')).toBeUndefined()
  const error = await attempt(store, await rows(59, 3), gate, 'b')
  expect(error).toBeInstanceOf(CheckError)
  expect(error?.message).toBe(
    'held, since it differs too much from the last delivery, which stays: removed 41 of 100 rows (41 %), the contract allows 10 %; name changed in 3 of 59 rows (5.08 %), the contract allows 5 %',
  )
  const held = await heldOf(store)
  expect(error?.hint).toBe(
    `look at ${held.samples[0]}; if it is right: millrace deliver accept p 'names/{partition}.csv' --partition 2018-02-04 --reason '…'`,
  )
  expect((await followLatest(store, LATEST))?.rows).toBe(100)
  expect(await readText(store, 'names/2018-02-04.csv')).toContain('99,name 99')
  const sample = await sampleOf(store, held.samples[0] ?? '')
  expect(sample).toHaveLength(44)
  expect(sample.slice(0, 2)).toEqual([
    { kind: 'changed', id: '0', columns: "['name']", old: 'name 0', new: 'new 0' },
    { kind: 'changed', id: '1', columns: "['name']", old: 'name 1', new: 'new 1' },
  ])
  expect(sample.find(({ id }) => id === '99')).toEqual({ kind: 'removed', id: '99', columns: null, old: 'name 99', new: null })
  // Prune keeps it.
  const { keys } = await namedBy(store, pointerLayout(FOLDER), 1)
  for (const key of [`${FOLDER}/held.json`, held.manifest, ...held.samples]) expect(keys.has(key)).toBe(true)
})

test('the same input is still held without a look at its rows; another gate or another input is compared anew', async () => {
  const store = freshStore()
  await attempt(store, await rows(100), { removed: 0.1 }, 'a')
  const few = await rows(50)
  const first = await attempt(store, few, { removed: 0.1 }, 'b')
  const before = await contentOf(store)
  const request = requestOf(few, { export: gated({ removed: 0.1 }), inputKey: keyOf('b') })
  await expect(deliver(request, store, testContext(), noEngine)).rejects.toThrow(first?.message)
  expect(await contentOf(store)).toEqual(before)
  expect((await attempt(store, few, { removed: 0.2 }, 'b'))?.message).toContain('the contract allows 20 %')
  // A passing one takes its place, and the record goes.
  expect(await attempt(store, await rows(95), { removed: 0.1 }, 'c')).toBeUndefined()
  expect((await followLatest(store, LATEST))?.rows).toBe(95)
  expect(await keysOf(store, `${FOLDER}/held`)).toEqual([])
  expect(await attempt(store, few, {}, 'b')).toBeUndefined()
})

test('what passes: the first delivery, one after none, thresholds that are just met', async () => {
  const store = freshStore()
  const strict = { added: 0, removed: 0, changed: 0 }
  expect(await attempt(store, await rows(0), strict, 'a', { zeroRows: 'noFile' })).toBeUndefined()
  expect(await attempt(store, await rows(100), strict, 'b')).toBeUndefined()
  expect(await attempt(store, await rows(100), strict, 'c')).toBeUndefined()
  expect(await attempt(store, await rows(129, 7, 0), { added: 0.29, changed: 0.07 }, 'd')).toBeUndefined()
  expect((await attempt(store, await rows(259), { added: 1 }, 'e'))?.message).toContain('added 130 of 129 rows (100.78 %)')
})

test('a last delivery that comes damaged once is compared, one that does so again is held', async () => {
  const store = freshStore()
  await attempt(store, await rows(10), { removed: 1 }, 'a')
  const damaged = (times: number): Store => {
    let left = times
    const get = async (key: string) => {
      const stream = await store.get(key)
      if (!key.endsWith('.csv') || left-- <= 0) return stream
      return Readable.from(
        (async function* () {
          yield* stream
          throw new DamagedError(`s3://b/${key} was read with crc32c 00000000`)
        })(),
      )
    }
    return { ...store, localPath: () => undefined, get }
  }
  expect(await attempt(damaged(1), await rows(9), { removed: 1 }, 'b')).toBeUndefined()
  expect((await attempt(damaged(2), await rows(8), { removed: 1 }, 'c'))?.message).toContain('the last delivery cannot be read: s3://b/')
})

test.each(['headerOnly', 'noFile'] as const)('a delivery without rows removes all: zeroRows %s', async (zeroRows) => {
  const store = freshStore()
  await attempt(store, await rows(10), { removed: 0.99 }, 'a', { zeroRows })
  expect((await attempt(store, await rows(0), { removed: 0.99 }, 'b', { zeroRows }))?.message).toContain('removed 10 of 10 rows (100 %)')
  expect(await attempt(store, await rows(0), { removed: 1 }, 'b', { zeroRows })).toBeUndefined()
})

test('a last delivery that is damaged, or has not the key, cannot be compared: it is held', async () => {
  const store = freshStore()
  await attempt(store, await rows(10), { removed: 1 }, 'a')
  const file = (await followLatest(store, LATEST))?.files[0]?.key ?? ''
  await store.delete(file)
  expect((await attempt(store, await rows(10), { removed: 1 }, 'b'))?.message).toContain('the last delivery cannot be read:')
  expect((await heldOf(store)).samples).toEqual([])
})

test('a delivery that is killed at any instant of being held comes to the same', async () => {
  const prepared = join(temporaryFolder(), 'store')
  const opened = local(prepared).openStore()
  await attempt(opened, await rows(20), { removed: 0.1 }, 'a')
  await opened.close()
  const few = await rows(10)
  const copied = async () => {
    const folder = join(temporaryFolder(), 'store')
    await cp(prepared, folder, { recursive: true })
    const store = local(folder).openStore()
    onTestFinished(() => store.close())
    return store
  }
  const reference = await copied()
  await attempt(reference, few, { removed: 0.1 }, 'b')
  const wanted = await contentOf(reference)
  for (let n = 1; ; n++) {
    const store = await copied()
    let asked = 0
    const dying: Store = { ...store }
    for (const name of ['put', 'copy', 'delete'] as const) {
      const operation = store[name] as (...args: unknown[]) => Promise<never>
      Object.assign(dying, {
        [name]: async (...args: unknown[]) => {
          if (++asked >= n) throw new Error('dead')
          return operation(...args)
        },
      })
    }
    await attempt(dying, few, { removed: 0.1 }, 'b')
    expect((await followLatest(store, LATEST))?.rows).toBe(20)
    expect(await attempt(store, few, { removed: 0.1 }, 'b')).toBeInstanceOf(CheckError)
    expect(await contentOf(store)).toEqual(wanted)
    if (asked < n) break
  }
})

test.each([
  ['ndjson', (contract: never) => ndjson('names/{partition}.ndjson', { contract, bigNumbers: 'number', compression: 'gzip' })],
  ['parquet', (contract: never) => parquet('names/{partition}.parquet', { contract })],
  ['arrow', (contract: never) => arrow('names/{partition}.arrow', { contract })],
])('other formats have gates, too: %s', async (_, exportIn) => {
  const store = freshStore()
  const contract = tableContract({ columns: idName, orderBy: ['id'], gate: { added: 0, removed: 0, columns: { name: 0.1 } } }) as never
  const target = exportIn(contract) as never
  const send = async (dataset: Dataset, key: string) =>
    deliver(requestOf(dataset, { export: target, inputKey: keyOf(key) }), store, testContext(), connectToTestEngine)
  await send(await rows(20), 'a')
  expect(await send(await rows(20, 2), 'b')).toMatchObject({ outcome: 'delivered' })
  await expect(send(await rows(19, 5), 'c')).rejects.toThrow(
    /removed 1 of 20 rows \(5 %\), the contract allows 0 %; name changed in 3 of 19 rows/,
  )
})

test('an Excel workbook has none: its contract is refused', () => {
  const gated = tableContract({ columns: idName, orderBy: ['id'], gate: { removed: 0 } })
  expect(() => checkContract(excel('names.xlsx', { contract: gated, bigNumbers: 'text' }).contract, idName)).toThrow(
    'Excel workbooks cannot be compared',
  )
})

const stageOf = async (store: Store, target: ReturnType<typeof gated>, dataset: Dataset, key: string, partition?: string) =>
  stage(requestOf(dataset, { export: target, inputKey: keyOf(key), partition }), store, testContext(), connectToTestEngine)
const switchTo = (store: Store, staged: readonly Staged[], engine = connectToTestEngine, force = false) =>
  switchSet(
    {
      pipeline: 'p',
      delivery: 'all',
      partition: undefined,
      pointer: pointerLayout('all'),
      paths: staged.map((each) => each.export.path),
      staged,
      force,
      notify: [],
    },
    store,
    testContext(),
    engine,
  )

test('of a named delivery one member beyond its gate holds all, with a sentence of each that is', async () => {
  const store = freshStore()
  const names = gated({ removed: 0.1 }, {}, 'all')
  const free = exportOf('free.csv', { columns: idName, orderBy: ['id'] }, false, 'all')
  const both = async (n: number, key: string) => [
    await stageOf(store, names, await rows(n), key, '2018-02-04'),
    await stageOf(store, names, await rows(100), key, '2018-02-05'),
    await stageOf(store, free, await rows(n), key),
  ]
  await switchTo(store, await both(100, 'a'))
  const staged = await both(50, 'b')
  const error = await switchTo(store, staged).catch((each: MillraceError) => each)
  expect(error).toBeInstanceOf(CheckError)
  expect(String((error as MillraceError).message)).toMatch(
    /stays: names\/2018-02-04: removed 50 of 100 rows \(50 %\), the contract allows 10 %$/,
  )
  expect((error as MillraceError).hint).toContain("millrace deliver accept p all --reason '…'")
  expect((await delivered(store, names, '2018-02-04'))?.switch).toBe(1)
  // Still, without a comparison.
  await expect(switchTo(store, staged, noEngine as never)).rejects.toThrow('removed 50 of 100 rows')
  // But with force, also the rows that differ are written again.
  const [sample = ''] = await keysOf(store, 'all/names/2018-02-04/sample-')
  await store.delete(sample)
  await expect(switchTo(store, staged, connectToTestEngine, true)).rejects.toThrow('removed 50 of 100 rows')
  expect(await keysOf(store, 'all/names/2018-02-04/sample-')).toEqual([sample])
  expect(await switchTo(store, await both(95, 'c'))).toMatchObject({ outcome: 'delivered' })
  expect(await keysOf(store, 'all/held')).toEqual([])
})

test('beyondGate has a sentence for each threshold, in the order rows, columns', () => {
  const comparison = {
    ...{ key: ['id'], before: 1000, after: 900, added: 1, removed: 101, kept: 899, changed: 400, newColumns: [], goneColumns: [] },
    columns: [{ name: 'amount', changed: 315 }],
  }
  expect(beyondGate({ added: 0, removed: 0.1, changed: 0.5, columns: { amount: 0.02, gone: 0 } }, comparison)).toEqual([
    'removed 101 of 1000 rows (10.1 %), the contract allows 10 %',
    'added 1 of 1000 rows (0.1 %), the contract allows 0 %',
    'amount changed in 315 of 899 rows (35 %), the contract allows 2 %',
  ])
})

test('percent is exact enough to compare by, and never says none or all where it is not', () => {
  expect([0, 0.00001, 0.005, 0.1, 0.3504, 0.99999, 1, 2.5].map(percent)).toEqual([
    ...['0 %', '< 0.01 %', '0.5 %', '10 %', '35 %', '> 99.99 %', '100 %', '250 %'],
  ])
})
