import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Disposition } from '../../../lib/connectors/warehouse.ts'
import { datasetOf } from '../../kit/dataset.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { merge, ROADS, replace, replacePartition, warehouseOn } from './warehouse-kit.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({ version: 18 })
})
afterAll(() => server.stop())

const COUNT = 20_000
const cases: readonly (readonly [name: string, disposition: Disposition, indexed: boolean])[] = [
  ['replace', replace, false],
  ['replace of a table with an index', replace, true],
  ['replacePartition', replacePartition, false],
  ['merge', merge, false],
]

// What readers see does not depend on the road: of the second one case.
for (const [i, [road, extensions]] of ROADS.entries())
  for (const [name, disposition, indexed] of i === 0 ? cases : cases.slice(0, 1))
    test(`load: readers that poll during ${name} see whole states, rows and token together, ${road}`, async () => {
      const { folder, load, database } = await warehouseOn(server, {}, extensions)
      const generation = (n: number) =>
        datasetOf(folder, 'numbers', { id: 'int64', value: 'text' }, `SELECT range AS id, '${n}' AS value FROM range(${COUNT})`)
      await load('t', disposition, '', { dataset: await generation(0), partition: 'p' })
      if (indexed) await server.query(database, 'CREATE INDEX ON t (value)')
      // A reader whose snapshot is from before every load: TRUNCATE would show it an empty table.
      const old = await server.client(database)
      const polling = await server.client(database)
      try {
        await old.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1`)
        if (!indexed) await old.query('SELECT count(*) FROM t')
        const seen: string[] = []
        const attempts = new Map<string, Set<string>>()
        let done = false
        const poll = (async () => {
          while (!done) {
            const { rows } = await polling.query(
              'SELECT value, count(*)::int AS n, (SELECT count(*)::int FROM _millrace_tokens) AS tokens, (SELECT attempt FROM _millrace_tokens) AS attempt FROM t GROUP BY value',
            )
            seen.push(rows.map(({ value, n, tokens }) => `${value}:${n}:${tokens}`).join(' '))
            // Each generation has one token.
            attempts.set(rows[0].attempt, (attempts.get(rows[0].attempt) ?? new Set()).add(rows[0].value))
          }
        })()
        for (let n = 1; n <= 3; n++) await load('t', disposition, '', { dataset: await generation(n), partition: 'p' })
        done = true
        await poll
        expect([...new Set(seen)].filter((state) => !/^[0-3]:20000:1$/.test(state))).toEqual([])
        expect(new Set(seen).size).toBeGreaterThan(1)
        for (const values of attempts.values()) expect(values.size).toBe(1)
        expect((await old.query('SELECT value, count(*)::int AS n FROM t GROUP BY value')).rows).toEqual([{ value: '0', n: COUNT }])
      } finally {
        await old.end()
        await polling.end()
      }
    })
