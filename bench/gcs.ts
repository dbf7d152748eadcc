import { mkdirSync, rmSync, statSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Storage } from '@google-cloud/storage'
import { quoteLiteral } from '../lib/core/quote.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { startGcsProcess } from '../tests/kit/gcs-process.ts'
import { answerOf } from './children.ts'
import { requireSameContent } from './content.ts'
import type { UploadJob, UploadStretches } from './gcs-bare-child.ts'
import { lineitemSql } from './lineitem.ts'
import { least, type Measured, mostRss, type Stretch } from './measured.ts'
import { table } from './postgres-report.ts'
import type { RssSamples } from './processes.ts'

// `node bench/gcs.ts`: Parquet → CSV → bucket beside DuckDB's CSV in a file and a plain upload of it, in one sitting, against the fault server of the tests, in a process of its own. Options: --rows 6000000 --rounds 3 --memory 256MB.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '6000000' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'string', default: '256MB' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})
const [rows, rounds] = [Number(values.rows), Number(values.rounds)]
const cache = resolve(values.folder)
const data = join(cache, `lineitem-parquet-${rows}`)
const work = join(cache, 'gcs-work')
const say = (text: string) => process.stderr.write(`${text}\n`)

function fresh(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

async function parquetFile(): Promise<string> {
  const file = join(data, 'lineitem.parquet')
  if (statSync(file, { throwIfNoEntry: false })) return file
  fresh(data)
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: join(data, 'spill') })
  try {
    await db.run(`COPY (${lineitemSql(rows)}) TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd)`)
  } finally {
    db.close()
  }
  return file
}

function measured({ from, to, cpuSeconds }: Stretch, rss: RssSamples): Measured {
  return { wallSeconds: (to - from) / 1000, cpuSeconds, peakRssBytes: rss.peakBytes(from, to) }
}

async function millrace(url: string): Promise<Measured> {
  fresh(join(work, 'run'))
  const env = { BENCH_DATA: data, BENCH_WORK: join(work, 'run'), BENCH_GCS: url, BENCH_MEMORY: values.memory }
  const { message, rss } = await answerOf<Stretch>('./gcs-child.ts', env)
  return measured(message, rss)
}

async function bare(url: string, from: string): Promise<Readonly<Record<keyof UploadStretches, Measured>>> {
  const job: UploadJob = { from, csv: join(work, 'bare.csv'), url, memory: values.memory, temp: join(work, 'spill') }
  const { message, rss } = await answerOf<UploadStretches>('./gcs-bare-child.ts', {}, job)
  rmSync(job.csv)
  return { write: measured(message.write, rss), upload: measured(message.upload, rss), whole: measured(message.whole, rss) }
}

/** Both objects of the bucket, brought back. Gives their bytes. */
async function verify(url: string): Promise<number> {
  const bucket = new Storage({ apiEndpoint: url }).bucket('bucket')
  const [objects] = await bucket.getFiles({ prefix: 'millrace/' })
  const found = objects.filter(({ name }) => name.endsWith('.csv'))
  const [only] = found
  if (!only || found.length !== 1) throw new Error(`${found.length} CSV files were delivered: ${found.map(({ name }) => name).join(', ')}`)
  const [ours, theirs] = [join(work, 'ours.csv'), join(work, 'theirs.csv')]
  await only.download({ destination: ours, validation: false })
  await bucket.file('bare.csv').download({ destination: theirs, validation: false })
  await requireSameContent('Parquet → CSV → bucket', { kind: 'csv', file: ours }, { kind: 'csv', file: theirs }, work)
  const { size } = statSync(ours)
  rmSync(ours)
  rmSync(theirs)
  return size
}

fresh(work)
const from = await parquetFile()
say(`${rows} rows, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}`)
const ours: Measured[] = []
const theirs: Awaited<ReturnType<typeof bare>>[] = []
let bytes = 0
for (let round = 1; round <= rounds; round++) {
  fresh(join(work, 'bucket'))
  const server = await startGcsProcess(['--folder', join(work, 'bucket')])
  try {
    // Who goes first changes: whatever drifts in a sitting falls on both.
    if (round % 2 === 1) ours.push(await millrace(server.url))
    theirs.push(await bare(server.url, from))
    if (round % 2 === 0) ours.push(await millrace(server.url))
    if (round === 1) bytes = await verify(server.url)
  } finally {
    await server.stop()
  }
  say(`round ${round} of ${rounds} done`)
}
rmSync(work, { recursive: true, force: true })

const whole = theirs.map((each) => each.whole)
const line = (what: string, of: readonly Measured[]) => [
  what,
  least(of, 'wallSeconds').toFixed(2),
  (least(of, 'wallSeconds') / least(whole, 'wallSeconds')).toFixed(2),
  (bytes / 1e6 / least(of, 'wallSeconds')).toFixed(0),
  ((least(of, 'cpuSeconds') / rows) * 1e6).toFixed(2),
  (mostRss(of) / 2 ** 20).toFixed(0),
]
const head = [`${(bytes / 1e6).toFixed(0)} MB of CSV`, 's', '÷ plain', 'MB/s', 'CPU-s/M rows', `RSS MiB at ${values.memory}`]
const lines = [
  line('millrace: export into the gcs store', ours),
  line('DuckDB to a file, then a plain upload', whole),
  line(
    '– the file alone',
    theirs.map(({ write }) => write),
  ),
  line(
    '– the upload alone',
    theirs.map(({ upload }) => upload),
  ),
]
process.stdout.write(`${table(head, lines)}\n`)
