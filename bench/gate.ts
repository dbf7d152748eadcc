import { mkdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { local } from '../lib/connectors/local/index.ts'
import { systemClock } from '../lib/core/clock.ts'
import type { Dataset } from '../lib/core/dataset.ts'
import { quoteLiteral } from '../lib/core/quote.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { contract } from '../lib/export/contract/contract.ts'
import { csv, type Export } from '../lib/export/contract/export.ts'
import { deliver } from '../lib/export/deliver.ts'
import { compareSides } from '../lib/export/gate/compare.ts'
import { sideOfDataset } from '../lib/export/gate/side.ts'
import { withSides } from '../lib/export/gate/with-sides.ts'
import { DeliveryManifest } from '../lib/export/manifest.ts'
import { readJson } from '../lib/export/objects.ts'
import { LINEITEM, lineitemSql } from './lineitem.ts'
import { table } from './postgres-report.ts'

// `node bench/gate.ts`: a delivery on a disk, read back and compared by key with a dataset in which 1 % of the rows changed, 0.5 % are gone and 1 % are new. Options: --rows 1000000 --rounds 3 --memory 256.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'string', default: '256' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})
const rows = Number(values.rows)
const work = join(resolve(values.folder), 'gate-work')
rmSync(work, { recursive: true, force: true })
mkdirSync(work, { recursive: true })
const limits = { memoryBytes: Number(values.memory) * 2 ** 20, threads: 2, readerMemoryBytes: 0, readerTimeoutMs: 0 }
const about = { pipeline: 'bench', run: 'bench', clock: systemClock, signal: new AbortController().signal, emit: () => undefined, limits }
const ctx = { ...about, workspace: join(work, 'run') }

async function datasetOf(name: string, select: string): Promise<Dataset> {
  const file = join(work, `${name}.parquet`)
  const db = await openDuckDB({ ...limits, temp: join(work, 'spill') })
  try {
    await db.run(`COPY (${select}) TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd)`)
    const [row] = await db.meta(`SELECT count(*) AS n FROM read_parquet(${quoteLiteral(file)})`)
    return { name, columns: LINEITEM, files: [file], rows: Number(row?.n), hash: name }
  } finally {
    db.close()
  }
}

const kept = contract({ columns: LINEITEM, orderBy: ['l_orderkey', 'l_linenumber'], formulas: 'raw' })
const target = csv('lineitem.csv', { contract: kept }) as unknown as Export
const tax = 'CASE WHEN hash(l_orderkey, l_linenumber) % 100 = 3 THEN CAST(l_tax + 0.01 AS DECIMAL(15,2)) ELSE l_tax END AS l_tax'
const before = await datasetOf('before', lineitemSql(rows))
const after = await datasetOf(
  'after',
  `SELECT * REPLACE (${tax}) FROM (${lineitemSql(rows + rows / 100)}) WHERE hash(l_orderkey, l_linenumber, 1) % 200 <> 7`,
)
const store = local(join(work, 'store')).openStore()
const request = { pipeline: 'bench', dataset: before, export: target, partition: undefined, inputKey: 'a'.repeat(64) }
const { manifest } = await deliver(request, store, ctx)
const delivered = DeliveryManifest.parse((await readJson(store, manifest ?? '', 'DeliveryManifest'))?.value)
const unreadable = (error: unknown): never => {
  throw error
}
let [wall, cpu, rss] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
const timer = setInterval(() => {
  rss = Math.max(rss, process.memoryUsage.rss())
}, 20)
for (let round = 0; round < Number(values.rounds); round++) {
  const [since, cpuSince] = [performance.now(), process.cpuUsage()]
  const sides = { before: delivered, after: sideOfDataset(after, kept) ?? delivered, zone: 'UTC', unreadable }
  const found = await withSides(sides, { store, ctx, openEngine: openDuckDB }, (db, old, now) =>
    compareSides(db, old, now, ['l_orderkey', 'l_linenumber'], ctx.signal),
  )
  const { user, system } = process.cpuUsage(cpuSince)
  wall = Math.min(wall, (performance.now() - since) / 1000)
  cpu = Math.min(cpu, (user + system) / 1e6)
  if (round === 0) process.stderr.write(`removed ${found.removed}, added ${found.added}, changed ${found.changed}\n`)
}
clearInterval(timer)
await store.close()
rmSync(work, { recursive: true, force: true })
const each = (seconds: number) => ((seconds / rows) * 1e6).toFixed(2)
process.stdout.write(
  `${table(
    ['rows', 's', 's/M rows', 'CPU-s/M rows', `RSS MiB at ${values.memory}MB`, 'load'],
    [[String(rows), wall.toFixed(2), each(wall), each(cpu), (rss / 2 ** 20).toFixed(0), (loadavg()[0] ?? 0).toFixed(1)]],
  )}\n`,
)
