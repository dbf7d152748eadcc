import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { duckdb } from '../../lib/connectors/duckdb/index.ts'
import type { Token, Warehouse } from '../../lib/connectors/warehouse.ts'
import type { RunContext } from '../../lib/core/context.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { merge } from '../../lib/load/targets.ts'
import { type AppliedLoad, compareApplied } from '../../lib/pipeline/compare/compare-applied.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'

/** A row: its key, when it was changed, and a value. */
interface Row {
  readonly id: number
  readonly stamp: number | null
  readonly value: string
}
interface Load {
  readonly rows: readonly Row[]
  readonly gone: readonly number[]
}
interface Case {
  readonly there: readonly Row[]
  readonly later: readonly Row[]
  readonly loads: readonly Load[]
  readonly ordered: boolean
}

const COLUMNS = { id: 'int32', stamp: 'int32', value: 'text' } as const
const key = fc.integer({ min: 1, max: 5 })
const row = fc.record({ id: key, stamp: fc.constantFrom(null, 1, 2, 3), value: fc.constantFrom('a', 'b') })
const rows = fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 4 })
const load = fc.record({ rows, gone: fc.uniqueArray(key, { maxLength: 2 }) })
const cases = fc.record({ there: rows, later: rows, loads: fc.array(load, { minLength: 1, maxLength: 4 }), ordered: fc.boolean() })

const selectOf = (of: readonly Row[]) =>
  `SELECT * FROM (VALUES (0, 0, ''), ${of.map(({ id, stamp, value }) => `(${id}, ${stamp ?? 'NULL'}, '${value}')`).join(', ') || "(0, 0, '')"}) AS t(id, stamp, value) WHERE id > 0`

/** Rows of a table by key, as text; of these keys alone. */
async function read(warehouse: Warehouse, path: string, keys: ReadonlySet<number>, ctx: RunContext): Promise<ReadonlyMap<number, string>> {
  await warehouse.copyOut({ table: 't', columns: COLUMNS, path }, ctx)
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: `${path}.temp` })
  try {
    const found = await db.meta(`SELECT id, concat_ws('|', stamp, value) AS text FROM read_parquet('${path}')`)
    return new Map(found.map(({ id, text }) => [Number(id), String(text)] as const).filter(([id]) => keys.has(id)))
  } finally {
    db.close()
  }
}

/** What a comparison says, and what loading the same for real comes to. */
async function bothOf({ there, later, loads, ordered }: Case) {
  const folder = temporaryFolder()
  const ctx = { ...testContext(), workspace: folder }
  const warehouse = duckdb(join(folder, 'warehouse.duckdb')).openWarehouse({ extensions: { file: () => undefined, folder } as never })
  const target = merge('t', { key: 'id' })
  const order = ordered ? { order: 'stamp' } : {}
  let token: Token | undefined
  const apply = async ({ dataset, tombstones }: AppliedLoad, partition: string) => {
    const next = { pipeline: 'p', table: 't', partition, inputKey: String(Math.random()), loads: {} }
    const disposition = { mode: 'merge' as const, key: ['id'], ...order }
    const request = { dataset, table: 't', disposition, expected: partition === '' ? token : undefined, token: next, load: '1' }
    await warehouse.load({ ...request, ...(tombstones && { tombstones }) }, ctx)
    if (partition === '') token = next
  }
  await apply({ dataset: await datasetOf(folder, 'later', COLUMNS, selectOf(later)) }, '2024')
  const known = new Set(later.map(({ id }) => id))
  await apply({ dataset: await datasetOf(folder, 'there', COLUMNS, selectOf(there.filter(({ id }) => !known.has(id)))) }, '')
  const applied: AppliedLoad[] = []
  for (const [i, { rows: of, gone }] of loads.entries()) {
    const dataset = await datasetOf(folder, `load${i}`, COLUMNS, selectOf(of))
    const keys = gone.map((id) => ({ id, stamp: 0, value: '' }))
    const { files } = await datasetOf(folder, `gone${i}`, { id: 'int32' }, `SELECT id FROM (${selectOf(keys)})`)
    applied.push({ dataset, ...(gone.length > 0 && { tombstones: files }), ...order })
  }
  const keys = new Set(loads.flatMap(({ rows: of, gone }) => [...of.map(({ id }) => id), ...gone]))
  const before = await read(warehouse, join(folder, 'before.parquet'), keys, ctx)
  const compared = { stage: 'load' as const, dataset: 'd', partitioned: false, appliesLoadsOf: ['d'], load: target }
  const session = { pipeline: { zone: 'UTC' } as never, warehouse: () => warehouse, openEngine: openDuckDB }
  const said = await compareApplied({ session, target: compared, loads: applied, sample: join(folder, 'sample.parquet') }, ctx)
  for (const each of applied) await apply(each, '')
  const after = await read(warehouse, join(folder, 'after.parquet'), keys, ctx)
  await warehouse.close()
  const count = (one: ReadonlyMap<number, string>, holds: (id: number, text: string) => boolean) =>
    [...one].filter(([id, text]) => holds(id, text)).length
  return {
    said: { before: said.before, after: said.after, added: said.added, removed: said.removed, changed: said.changed },
    done: {
      before: before.size,
      after: after.size,
      added: count(after, (id) => !before.has(id)),
      removed: count(before, (id) => !after.has(id)),
      changed: count(after, (id, text) => before.has(id) && before.get(id) !== text),
    },
  }
}

test('compareApplied says what loading one load after the other comes to', { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (each) => {
      const { said, done } = await bothOf(each)
      expect(said).toEqual(done)
    }),
    { numRuns: 12, seed: 1 },
  )
})

test('compareApplied refuses a load that has a key twice, as the merge does', async () => {
  const twice = [1, 1].map((id) => ({ id, stamp: 1, value: 'a' }))
  await expect(bothOf({ there: [], later: [], loads: [{ rows: twice, gone: [] }], ordered: true })).rejects.toThrow(
    /merge into "t" .*twice|2 rows/,
  )
})
