import { closeSync, fsyncSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../lib/core/quote.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// Many small CSV files by DuckDB alone, one connection: started by small-exports.ts, answers over IPC. Nothing of millrace is at work here.

/** What the bare engine writes. */
export interface BareExports {
  readonly folder: string
  readonly exports: number
  /** Each file and its folder by fsync, as whoever says "delivered" must. */
  readonly durable: boolean
}

process.once('message', async ({ folder, exports, durable }: BareExports) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' })
  const connection = await instance.connect()
  const parquet = join(folder, 'small.parquet')
  await connection.run(
    `COPY (SELECT i AS id, 'name ' || i AS name, DATE '2018-02-04' AS day FROM range(10) AS r(i)) TO ${quoteLiteral(parquet)} (FORMAT parquet)`,
  )
  const [from, cpu] = [performance.timeOrigin + performance.now(), usageOf(process.pid).cpuSeconds]
  for (let i = 0; i < exports; i++) {
    const file = join(folder, `p${i}.csv`)
    await connection.run(
      `COPY (FROM read_parquet(${quoteLiteral(parquet)}) ORDER BY id) TO ${quoteLiteral(file)} (FORMAT csv, USE_TMP_FILE false)`,
    )
    if (durable) for (const each of [file, dirname(file)]) sync(each)
  }
  const to = performance.timeOrigin + performance.now()
  const stretch: Stretch = { from, to, cpuSeconds: usageOf(process.pid).cpuSeconds - cpu }
  process.send?.(stretch)
  process.disconnect?.()
})

function sync(path: string): void {
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}
