import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { usageOf } from './processes.ts'

// `node bench/scan.ts --rows 2000000 --partitions 200 [--unordered]`: landing many partitions of one CSV file, with one scan for all of them and with a read for each. Both land the same bytes, which is compared.

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '2000000' },
    partitions: { type: 'string', default: '200' },
    unordered: { type: 'boolean', default: false },
  },
})
const [rows, partitions] = [Number(values.rows), Number(values.partitions)]
const checkout = resolve(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'millrace-scan-'))

const config = (each: boolean) => `import { config, duckdb, files, local } from '#millrace'
export default config({ profiles: { dev: {
  connections: { data: ${each ? "{ ...files('data'), readsWhole: undefined }" : "files('data')"} },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'), landing: local('.millrace/dev/landing'), store: local('.millrace/dev/export'),
  limits: { memory: '1GB', threads: 2 }, now: '2100-01-01T00:00:00Z',
} } })
`
const end = new Date(Date.UTC(2020, 0, 1 + partitions)).toISOString().slice(0, 10)
const PIPELINE = `import { day, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2020-01-01', to: '${end}' }),
  extract: { orders: source('data').files('orders.csv', { window: 'ordered' }) },
})
`
const SCHEMA = `export const schema = { orders: { id: 'int64', ordered: 'timestamp', customer: 'int32', item: 'text', amount: 'decimal(12,2)', note: 'text' } } as const\n`

function project(name: string, each: boolean): string {
  const path = join(folder, name)
  mkdirSync(join(path, 'pipelines/p'), { recursive: true })
  for (const [from, to] of [
    [join(checkout, 'lib'), 'lib'],
    [join(checkout, 'node_modules'), 'node_modules'],
    [join(folder, 'data'), 'data'],
  ] as const)
    symlinkSync(from, join(path, to))
  writeFileSync(join(path, 'package.json'), JSON.stringify({ type: 'module', imports: { '#millrace': './lib/index.ts' } }))
  writeFileSync(join(path, 'millrace.config.ts'), config(each))
  writeFileSync(join(path, 'pipelines/p/pipeline.ts'), PIPELINE)
  writeFileSync(join(path, 'pipelines/p/schema.ts'), SCHEMA)
  return path
}

/** Lands all partitions by the command, as a user does. */
function land(path: string): { readonly seconds: number; readonly cpuSeconds: number } {
  const [begun, before] = [performance.now(), usageOf(process.pid).cpuSeconds]
  const { status, stderr, stdout } = spawnSync(process.execPath, [join(checkout, 'bin/millrace.js'), 'run', 'p', '--only', 'land'], {
    cwd: path,
    encoding: 'utf8',
    env: { ...process.env, MILLRACE_LOG: 'off' },
    maxBuffer: 2 ** 28,
  })
  if (status !== 0) throw new Error(stderr + stdout)
  return { seconds: (performance.now() - begun) / 1000, cpuSeconds: usageOf(process.pid).cpuSeconds - before }
}

const contents = (path: string) =>
  spawnSync('sh', ['-c', 'find .millrace/dev/landing -name "*.parquet" | sort | xargs sha256sum'], {
    cwd: path,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  }).stdout

try {
  mkdirSync(join(folder, 'data'))
  const db = await openDuckDB({ memoryBytes: 2 ** 30, threads: 2, temp: join(folder, 'spill') })
  const time = values.unordered ? `hash(range) % ${partitions * 86400}` : `range * ${partitions * 86400} // ${rows}`
  await db.run(
    `COPY (SELECT range AS id, TIMESTAMP '2020-01-01' + to_seconds((${time})::BIGINT) AS ordered, (hash(range + 1) % 100000)::INT AS customer, 'item ' || hash(range + 2) % 5000 AS item, (hash(range + 3) % 1000000 / 100)::DECIMAL(12,2) AS amount, md5(range::VARCHAR) AS note FROM range(${rows})) TO '${join(folder, 'data/orders.csv')}' (HEADER)`,
  )
  db.close()
  const { size } = statSync(join(folder, 'data/orders.csv'))
  console.log(`${rows} rows, ${(size / 1e6).toFixed(0)} MB of CSV${values.unordered ? ' in no order' : ''}, ${partitions} partitions\n`)
  const [once, each] = [project('once', false), project('each', true)]
  const [one, other] = [land(once), land(each)]
  if (contents(once) !== contents(each)) throw new Error('they did not land the same')
  console.log('| | one scan | a read for each | ratio |\n| --- | --- | --- | --- |')
  for (const [what, of] of [
    ['seconds', 'seconds'],
    ['CPU-s', 'cpuSeconds'],
  ] as const)
    console.log(`| ${what} | ${one[of].toFixed(1)} | ${other[of].toFixed(1)} | ${(other[of] / one[of]).toFixed(1)} |`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
