import { rmSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteLiteral } from '../lib/core/quote.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// One table out of PostgreSQL into a Parquet file, or back, by DuckDB and its extension alone: started by postgres.ts, answers over IPC. Nothing of millrace is at work here: decimals come as the extension gives them (a NaN as 0.00), on two
// snapshots of one table nobody insists, nothing is hashed or made durable.

/** What the bare engine reads and writes. */
export interface BareTableJob {
  readonly extension: string
  readonly port: number
  readonly password: string
  readonly database: string
  readonly memory: string
  readonly temp: string
  /** A Parquet file: written in `pull`, read in `push`. */
  readonly file: string
  /** `push` adds to a table that is there. */
  readonly table: string
  readonly way: 'pull' | 'push'
}

process.once('message', async ({ extension, port, password, database, memory, temp, file, table, way }: BareTableJob) => {
  if (way === 'pull') rmSync(file, { force: true })
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: memory, temp_directory: temp })
  const connection = await instance.connect()
  await connection.run(`LOAD ${quoteLiteral(extension)}`)
  const [from, cpu] = [performance.timeOrigin + performance.now(), usageOf(process.pid).cpuSeconds]
  const login = `host=127.0.0.1 port=${port} dbname=${database} user=postgres password=${password}`
  await connection.run(`ATTACH ${quoteLiteral(login)} AS server (TYPE postgres${way === 'pull' ? ', READ_ONLY' : ''})`)
  await connection.run(
    way === 'pull'
      ? `COPY (FROM server.${table}) TO ${quoteLiteral(file)} (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1)`
      : `INSERT INTO server.${table} FROM read_parquet(${quoteLiteral(file)})`,
  )
  const to = performance.timeOrigin + performance.now()
  const stretch: Stretch = { from, to, cpuSeconds: usageOf(process.pid).cpuSeconds - cpu }
  process.send?.(stretch)
  process.disconnect?.()
})
