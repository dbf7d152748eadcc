import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../lib/core/quote.ts'
import { duckdbTypeFromText } from '../lib/engines/types.ts'
import { LINEITEM } from './lineitem.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// The same partitions by DuckDB alone: each is landed as Parquet, and what is computed of it enters a table, in a transaction of its own. Started by backfill.ts, answers over IPC. Nothing of millrace is at work here.

export interface BareBackfill {
  readonly data: string
  readonly folder: string
  readonly memory: string
  readonly threads: number
}

process.once('message', async ({ data, folder, memory, threads }: BareBackfill) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'landing'), { recursive: true })
  const [from, cpu] = [performance.timeOrigin + performance.now(), usageOf(process.pid).cpuSeconds]
  const sql = await readFile(new URL('./backfill/pipelines/history/history.sql', import.meta.url), 'utf8')
  const settings = { threads: String(threads), memory_limit: memory, temp_directory: join(folder, 'spill') }
  const instance = await DuckDBInstance.create(join(folder, 'warehouse.duckdb'), settings)
  const connection = await instance.connect()
  const types = Object.entries(LINEITEM).map(([name, type]) => `'${name}': '${duckdbTypeFromText(type)}'`)
  for (const [i, file] of readdirSync(data).toSorted().entries()) {
    const partition = file.replace('.csv', '')
    const landed = quoteLiteral(join(folder, 'landing', `${partition}.parquet`))
    const csv = `read_csv(${quoteLiteral(join(data, file))}, auto_detect = false, header = true, delim = ',', quote = '"', columns = {${types.join(', ')}})`
    await connection.run(`COPY (FROM ${csv}) TO ${landed} (FORMAT parquet, COMPRESSION zstd)`)
    const select = `SELECT *, ${quoteLiteral(partition)} AS _partition, 'bare' AS _load FROM (WITH lineitem AS (FROM read_parquet(${landed})) ${sql})`
    await connection.run(i === 0 ? `CREATE TABLE priced AS ${select}` : `INSERT INTO priced ${select}`)
  }
  await connection.run('CHECKPOINT')
  connection.closeSync()
  instance.closeSync()
  const stretch: Stretch = { from, to: performance.timeOrigin + performance.now(), cpuSeconds: usageOf(process.pid).cpuSeconds - cpu }
  process.send?.(stretch)
  process.disconnect?.()
})
