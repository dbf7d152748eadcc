import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import pl from 'nodejs-polars'
import { quoteLiteral } from '../lib/core/quote.ts'
import { duckdbTypeFromText } from '../lib/engines/types.ts'
import { LINEITEM } from './lineitem.ts'
import type { StageName, Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// One stage's work done by its engine alone, in a process of its own: started by road.ts with a BareJob, answers over IPC. Nothing of millrace is at work here.

/** What a bare engine reads and writes. */
export interface BareJob {
  readonly stage: StageName
  readonly from: string
  readonly to: string
  readonly memory: string
  readonly threads: number
  readonly temp: string
  /** Of an export: false writes an ordinary file, to be looked at. */
  readonly drain?: false
}

const PARQUET = '(FORMAT parquet, COMPRESSION zstd)'

async function withDuckDB(job: BareJob, file: string, work: (run: (sql: string) => Promise<unknown>) => Promise<unknown>): Promise<void> {
  const instance = await DuckDBInstance.create(file, { threads: String(job.threads), memory_limit: job.memory, temp_directory: job.temp })
  const connection = await instance.connect()
  try {
    await work((sql) => connection.run(sql))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const stages: Readonly<Record<StageName, (job: BareJob) => Promise<void>>> = {
  land: (job) => {
    const types = Object.entries(LINEITEM).map(([name, type]) => `'${name}': '${duckdbTypeFromText(type)}'`)
    const csv = `read_csv(${quoteLiteral(job.from)}, auto_detect = false, header = true, delim = ',', quote = '"', columns = {${types.join(', ')}})`
    return withDuckDB(job, ':memory:', (run) => run(`COPY (FROM ${csv}) TO ${quoteLiteral(job.to)} ${PARQUET}`))
  },
  sql: async (job) => {
    const sql = await readFile(new URL('./road/pipelines/road/priced.sql', import.meta.url), 'utf8')
    const select = `WITH lineitem AS (FROM read_parquet(${quoteLiteral(job.from)})) ${sql}`
    await withDuckDB(job, ':memory:', (run) => run(`COPY (${select}) TO ${quoteLiteral(job.to)} ${PARQUET}`))
  },
  frame: async (job) => {
    const frame = pl.scanParquet(job.from).withColumns(pl.col('l_comment').str.toUpperCase(), pl.col('l_shipmode').str.toLowerCase())
    await frame.sinkParquet(job.to, { compression: 'zstd' }).collect({ streaming: true })
  },
  load: (job) =>
    withDuckDB(job, job.to, async (run) => {
      await run(`CREATE TABLE lineitem AS SELECT *, '' AS _partition, 'load' AS _load FROM read_parquet(${quoteLiteral(job.from)})`)
      await run('CHECKPOINT')
    }),
  export: async (job) => {
    await rm(job.to, { force: true })
    if (job.drain === false) return writeCsv(job)
    execFileSync('mkfifo', [job.to])
    const drain = spawn('sh', ['-c', `exec cat < ${quoteLiteral(job.to)} > /dev/null`], { stdio: 'ignore' })
    const drained = once(drain, 'exit')
    await writeCsv(job)
    await drained
  },
}

function writeCsv(job: BareJob): Promise<void> {
  const rows = `FROM read_parquet(${quoteLiteral(job.from)}) ORDER BY l_orderkey, l_linenumber`
  return withDuckDB(job, ':memory:', (run) => run(`COPY (${rows}) TO ${quoteLiteral(job.to)} (FORMAT csv, HEADER, USE_TMP_FILE false)`))
}

process.once('message', async (job: BareJob) => {
  // What a process pays once, and millrace's has paid before the stage begins.
  if (job.stage === 'frame') pl.DataFrame({ a: [1] })
  const [from, cpu] = [performance.timeOrigin + performance.now(), usageOf(process.pid).cpuSeconds]
  await stages[job.stage](job)
  const to = performance.timeOrigin + performance.now()
  const stretch: Stretch = { from, to, cpuSeconds: usageOf(process.pid).cpuSeconds - cpu }
  process.send?.(stretch)
  process.disconnect?.()
})
