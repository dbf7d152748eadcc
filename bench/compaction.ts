import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { local } from '../lib/connectors/local/index.ts'
import type { Store } from '../lib/connectors/store.ts'
import { systemClock } from '../lib/core/clock.ts'
import type { RunContext } from '../lib/core/context.ts'
import { type DuckDB, openDuckDB } from '../lib/engines/duckdb.ts'
import { copyStatement } from '../lib/formats/parquet.ts'
import { commitLoad } from '../lib/land/commit.ts'
import { compactLoads } from '../lib/land/compact.ts'
import { contentOf } from '../lib/land/content-hash.ts'
import { currentState } from '../lib/land/current-state.ts'
import { median } from './measured.ts'

// `node bench/compaction.ts --rows 100000 --changes 100 --loads 10,1000 --rounds 5`: how long the current state of a cursor dataset takes to read, with and without compaction, from two copies of the same loads.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    changes: { type: 'string', default: '100' },
    loads: { type: 'string', default: '10,1000' },
    rounds: { type: 'string', default: '5' },
  },
})
const [rows, changes, rounds] = [Number(values.rows), Number(values.changes), Number(values.rounds)]
const COLUMNS = { id: 'int64', name: 'text', amount: 'decimal(12,2)', changed: 'timestamp' }
const OF = { pipeline: 'bench', dataset: 'customer', columns: COLUMNS, key: ['id'], cursor: 'changed' }
const folder = mkdtempSync(join(tmpdir(), 'millrace-compaction-'))

function context(run: string): RunContext {
  const workspace = join(folder, 'workspace', run)
  mkdirSync(workspace, { recursive: true })
  const limits = { memoryBytes: 2 ** 30, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
  return { pipeline: 'bench', run, clock: systemClock, signal: new AbortController().signal, workspace, limits, emit: () => {} }
}

/** The rows of load n: all of them in the first, then some that have changed, each time others. */
function rowsOfLoad(n: number): string {
  const range =
    n === 1 ? `range(${rows})` : `(SELECT DISTINCT (hash(range * 7919 + ${n}) % ${rows})::BIGINT AS range FROM range(${changes}))`
  return `SELECT range AS id, 'customer ' || range || ' of load ${n}' AS name, (hash(range + ${n}) % 100000 / 100)::DECIMAL(12,2) AS amount, TIMESTAMP '2024-01-01' + to_seconds(${n}) AS changed FROM ${range} ORDER BY id`
}

/** Lands a load as landing commits it, without a source. */
async function landLoad(id: number, store: Store, db: DuckDB, ctx: RunContext): Promise<void> {
  const file = join(ctx.workspace, 'load.parquet')
  await db.run(copyStatement(rowsOfLoad(id), file))
  const { rows: count, ...name } = await contentOf(db, [file], COLUMNS)
  const draft = {
    ...{ dataset: 'customer', partition: '_all', id, columns: COLUMNS, readKey: 'key', open: false },
    ...{ contentHash: name.hash, hashName: name.hashName, cursor: { column: 'changed', to: String(id) } },
  }
  await commitLoad(draft, [{ file, rows: count, kind: '' }], store, ctx)
}

/** A reader in a process of its own would know no file yet: so each round opens the store anew. */
async function readState(landing: string, run: string): Promise<{ readonly ms: number; readonly hash: string }> {
  const store = local(landing).openStore()
  const begun = performance.now()
  const { hash } = await currentState(store, OF, context(run))
  const ms = performance.now() - begun
  await store.close()
  return { ms, hash }
}

try {
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: join(folder, 'spill') })
  console.log(`${rows} rows, ${changes} changes a load, ${rounds} rounds; median of the read of the current state\n`)
  console.log('| loads | alone | compacted | alone ÷ compacted | compacting itself |\n| --- | --- | --- | --- | --- |')
  for (const count of values.loads.split(',').map(Number)) {
    const [alone, compacted] = [join(folder, `alone-${count}`), join(folder, `compacted-${count}`)]
    let compactMs = 0
    for (const landing of [alone, compacted]) {
      const store = local(landing).openStore()
      for (let id = 1; id <= count; id++) {
        // Each load by a run of its own, so that its file is compared with its manifest by whoever reads it.
        const ctx = context(`load-${id}`)
        await landLoad(id, store, db, ctx)
        const begun = performance.now()
        // As every landing does at its end; the last of few loads is compacted too, or there would be nothing to compare.
        if (landing === compacted) await compactLoads(OF, Math.min(64, count), { store }, { folder: ctx.workspace, db, ctx })
        if (landing === compacted) compactMs += performance.now() - begun
      }
      await store.close()
    }
    const times = { alone: [] as number[], compacted: [] as number[] }
    for (let round = 0; round <= rounds; round++) {
      const [one, other] = [await readState(alone, `a-${count}-${round}`), await readState(compacted, `c-${count}-${round}`)]
      if (one.hash !== other.hash) throw new Error(`the states differ: ${one.hash}, ${other.hash}`)
      // The first round warms up.
      if (round > 0) times.alone.push(one.ms)
      if (round > 0) times.compacted.push(other.ms)
    }
    const [a, c] = [median(times.alone), median(times.compacted)]
    console.log(
      `| ${count} | ${a.toFixed(0)} ms | ${c.toFixed(0)} ms | ${(a / c).toFixed(2)} | ${(compactMs / count).toFixed(1)} ms a load |`,
    )
  }
  db.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
