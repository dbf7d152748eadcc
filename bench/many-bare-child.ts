import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../lib/core/quote.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// Many small tables into Parquet files by DuckDB and its extension alone, one connection, nothing made durable: started by postgres.ts, answers over IPC. Nothing of millrace is at work here.

/** What the bare engine reads and writes. */
export interface ManyJob {
  readonly extension: string
  readonly port: number
  readonly password: string
  readonly tables: number
  readonly memory: string
  readonly folder: string
}

process.once('message', async ({ extension, port, password, tables, memory, folder }: ManyJob) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: memory, temp_directory: join(folder, 'spill') })
  const connection = await instance.connect()
  const [from, cpu] = [performance.timeOrigin + performance.now(), usageOf(process.pid).cpuSeconds]
  const login = `host=127.0.0.1 port=${port} dbname=shop user=postgres password=${password}`
  for (const sql of [`LOAD ${quoteLiteral(extension)}`, `ATTACH ${quoteLiteral(login)} AS shop (TYPE postgres, READ_ONLY)`, 'BEGIN'])
    await connection.run(sql)
  for (let i = 0; i < tables; i++)
    await connection.run(`COPY (FROM shop.t${i}) TO ${quoteLiteral(join(folder, `t${i}.parquet`))} (FORMAT parquet, COMPRESSION zstd)`)
  await connection.run('COMMIT')
  const to = performance.timeOrigin + performance.now()
  const stretch: Stretch = { from, to, cpuSeconds: usageOf(process.pid).cpuSeconds - cpu }
  process.send?.(stretch)
  process.disconnect?.()
})
