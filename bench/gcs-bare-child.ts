import { DuckDBInstance } from '@duckdb/node-api'
import { Storage } from '@google-cloud/storage'
import { crc32c } from '@node-rs/crc32'
import { quoteLiteral } from '../lib/core/quote.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// Parquet → CSV by DuckDB alone into a file, and that file up by one request of Google's SDK with a native CRC32C: started by gcs.ts, answers over IPC. Nothing of millrace is at work here.

/** What is written where. */
export interface UploadJob {
  readonly from: string
  readonly csv: string
  readonly url: string
  readonly memory: string
  readonly temp: string
}

/** The two halves of the work, and both. */
export interface UploadStretches {
  readonly write: Stretch
  readonly upload: Stretch
  readonly whole: Stretch
}

/** The SDK's own is in JavaScript, at a fifth of the speed. */
class NativeCrc {
  #crc = 0
  update(data: Buffer): void {
    this.#crc = crc32c(data, this.#crc)
  }
  validate(value: unknown): boolean {
    return String(value) === this.toString()
  }
  toString(): string {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(this.#crc >>> 0)
    return bytes.toString('base64')
  }
}

process.once('message', async ({ from, csv, url, memory, temp }: UploadJob) => {
  const now = () => ({ at: performance.timeOrigin + performance.now(), cpu: usageOf(process.pid).cpuSeconds })
  const between = (a: ReturnType<typeof now>, b: ReturnType<typeof now>): Stretch => ({ from: a.at, to: b.at, cpuSeconds: b.cpu - a.cpu })
  const storage = new Storage({ apiEndpoint: url, crc32cGenerator: () => new NativeCrc() })
  const begun = now()
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: memory, temp_directory: temp })
  const connection = await instance.connect()
  const rows = `FROM read_parquet(${quoteLiteral(from)}) ORDER BY l_orderkey, l_linenumber`
  await connection.run(`COPY (${rows}) TO ${quoteLiteral(csv)} (FORMAT csv, HEADER, USE_TMP_FILE false)`)
  connection.closeSync()
  instance.closeSync()
  const written = now()
  await storage.bucket('bucket').upload(csv, { destination: 'bare.csv', resumable: false, validation: 'crc32c' })
  const done = now()
  const stretches: UploadStretches = { write: between(begun, written), upload: between(written, done), whole: between(begun, done) }
  process.send?.(stretches)
  process.disconnect?.()
})
