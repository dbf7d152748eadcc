import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { quoteLiteral } from '../lib/core/quote.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { answerOf } from './children.ts'
import type { DeliveryJob } from './delivery-child.ts'
import { lineitemCsv, lineitemSql } from './lineitem.ts'
import { least, type Measured, mostRss, type Stretch } from './measured.ts'
import { table } from './postgres-report.ts'

// `node bench/delivery.ts`: a proved delivery into a folder beside the same without the proof, the engine's CSV into /dev/null, a plain upload of the finished file, and pigz where it is there. Options: --rows 6000000 --rounds 3.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '6000000' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: resolve(import.meta.dirname, '../.millrace/bench') },
  },
})
const [rows, rounds] = [Number(values.rows), Number(values.rounds)]
const cache = resolve(values.folder)
const work = join(cache, 'delivery-work')
const MEMORY = { wide: 2 ** 30, narrow: 256 * 1_000_000 }
// `times` gives what the shell's children took: minutes and seconds, user and system, on its second line.
const PIGZ = 'pigz -1 -p 2 < "$0" > "$1" && times'

async function parquetFile(): Promise<string> {
  const folder = join(cache, `lineitem-parquet-${rows}`)
  const file = join(folder, 'lineitem.parquet')
  if (statSync(file, { throwIfNoEntry: false })) return file
  mkdirSync(folder, { recursive: true })
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: join(folder, 'spill') })
  try {
    await db.run(`COPY (${lineitemSql(rows)}) TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd)`)
  } finally {
    db.close()
  }
  return file
}

const parquet = await parquetFile()
const { file: csv, bytes } = await lineitemCsv(cache, rows)

async function measured(job: Pick<DeliveryJob, 'work'> & Partial<DeliveryJob>): Promise<Measured> {
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const whole: DeliveryJob = { compression: 'none', parquet, rows, csv, folder: work, memoryBytes: MEMORY.wide, ...job }
  const { message, rss } = await answerOf<Stretch>('./delivery-child.ts', {}, whole)
  const { from, to, cpuSeconds } = message
  return { wallSeconds: (to - from) / 1000, cpuSeconds, peakRssBytes: rss.peakBytes(from, to) }
}

function pigz(): Measured | undefined {
  mkdirSync(work, { recursive: true })
  const begun = performance.now()
  const { status, stdout } = spawnSync('bash', ['-c', PIGZ, csv, join(work, 'plain.csv.gz')], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  if (status !== 0) return undefined
  const wallSeconds = (performance.now() - begun) / 1000
  const taken = [...(stdout.trim().split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  return {
    wallSeconds,
    cpuSeconds: taken.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0),
    peakRssBytes: 0,
  }
}

const works: Readonly<Record<string, Pick<DeliveryJob, 'work'> & Partial<DeliveryJob>>> = {
  'delivered and proved': { work: 'proved' },
  'the same without the proof': { work: 'written' },
  'engine to /dev/null': { work: 'engine' },
  'plain upload': { work: 'upload' },
  'gzip, delivered and proved': { work: 'proved', compression: 'gzip' },
  'gzip, without the proof': { work: 'written', compression: 'gzip' },
  'delivered and proved, 256 MB': { work: 'proved', memoryBytes: MEMORY.narrow },
}
const figures = new Map<string, Measured[]>()
const packed: Measured[] = []
for (let round = 1; round <= rounds; round++) {
  // Who goes first changes: whatever drifts in a sitting falls on all.
  const order = Object.entries(works)
  for (const [name, job] of round % 2 === 1 ? order : order.reverse())
    figures.set(name, [...(figures.get(name) ?? []), await measured(job)])
  const one = pigz()
  if (one) packed.push(one)
  process.stderr.write(`round ${round} of ${rounds}, load ${loadavg()[0]?.toFixed(1)}\n`)
}
rmSync(work, { recursive: true, force: true })

const of = (name: string) => figures.get(name) ?? []
const wall = (name: string) => least(of(name), 'wallSeconds')
const cpu = (name: string) => least(of(name), 'cpuSeconds')
const lines = [...figures].map(([name, all]) => [
  name,
  least(all, 'wallSeconds').toFixed(2),
  least(all, 'cpuSeconds').toFixed(2),
  (mostRss(all) / 2 ** 20).toFixed(0),
])
if (packed.length > 0) lines.push(['pigz -1 -p 2', least(packed, 'wallSeconds').toFixed(2), least(packed, 'cpuSeconds').toFixed(2), ''])
process.stdout.write(`${table([`${(bytes / 1e6).toFixed(0)} MB of CSV`, 's', 'CPU-s', 'RSS MiB'], lines)}\n`)

const engine = wall('engine to /dev/null')
/** Seconds that two cores need at least for both of a delivery's halves: the CPU of the engine and that of what stores or packs its bytes. */
const together = (other: number) => (cpu('engine to /dev/null') + other) / 2
const gzipPeers = [engine, ...(packed.length > 0 ? [least(packed, 'wallSeconds')] : [])]
const ratios = [
  ['delivered ÷ the slower of engine and upload', wall('delivered and proved') / Math.max(engine, wall('plain upload')), '1.15'],
  ['without the proof ÷ the same', wall('the same without the proof') / Math.max(engine, wall('plain upload')), ''],
  ['without the proof ÷ engine and upload together on two cores', wall('the same without the proof') / together(cpu('plain upload')), ''],
  [
    `gzip ÷ the slower of engine and ${packed.length > 0 ? 'pigz' : 'nothing: no pigz here'}`,
    wall('gzip, delivered and proved') / Math.max(...gzipPeers),
    '1.15',
  ],
  ...(packed.length > 0
    ? [
        [
          'gzip without the proof ÷ engine and pigz together on two cores',
          wall('gzip, without the proof') / together(least(packed, 'cpuSeconds')),
          '',
        ] as const,
      ]
    : []),
  ['proof, wall', wall('delivered and proved') / wall('the same without the proof'), '1.35'],
  ['proof, CPU', cpu('delivered and proved') / cpu('the same without the proof'), '1.35'],
  ['proof with gzip, wall', wall('gzip, delivered and proved') / wall('gzip, without the proof'), '1.35'],
  ['proof with gzip, CPU', cpu('gzip, delivered and proved') / cpu('gzip, without the proof'), '1.35'],
] as const
process.stdout.write(
  `${table(
    ['', '×', 'at most'],
    ratios.map(([what, ratio, most]) => [what, ratio.toFixed(2), most]),
  )}\n`,
)
