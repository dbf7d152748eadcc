import { globSync, readFileSync, rmSync } from 'node:fs'
import { FILES_CONFIG, makeProject, type TestProject } from '../../kit/project.ts'

/** What befalls a partition when its sales are read: `kill` kills the process, `fail` fails for good, `busy` in a way that may pass, `slow` takes two seconds, `hog` holds 800 MB for three; `once`: the first time only. */
export type Fault = 'kill' | 'kill once' | 'fail' | 'fail once' | 'busy' | 'busy once' | 'slow' | 'hog'

const CONFIG = FILES_CONFIG.replace(
  "import { config, duckdb, files, local } from '#millrace'\n",
  `import { config, duckdb, files, local } from '#millrace'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { PermanentError, TransientError } from './lib/core/errors.ts'
const data = files('data')
async function befall({ dataset, partition }) {
  if (dataset !== 'sale' || !existsSync('faults.json')) return
  const [what, once] = (JSON.parse(readFileSync('faults.json', 'utf8'))[partition] ?? '').split(' ')
  const mark = 'befallen-' + partition
  if (once && existsSync(mark)) return
  writeFileSync(mark, String(process.pid))
  if (what === 'kill') process.kill(process.pid, 'SIGKILL')
  if (what === 'fail') throw new PermanentError('the shop is closed')
  if (what === 'busy') throw new TransientError('the shop is busy')
  if (what === 'slow') await sleep(2000)
  if (what === 'hog') {
    globalThis.hog = Buffer.alloc(800e6, 1)
    await sleep(3000)
    globalThis.hog = undefined
  }
}
`,
).replace(
  "data: files('data')",
  // A pass for all partitions would know nothing of faults of one.
  `data: { ...data, readsWhole: undefined, openSource: (tools) => {
    const source = data.openSource(tools)
    return { ...source, read: async (read, ctx) => {
      await befall(read)
      return source.read(read, ctx)
    } }
  } }`,
)

const PIPELINE = `import { contract, csv, day, merge, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
const columns = { day: 'date', shop: 'text', owner: 'text', amount: 'decimal(18,2)' } as const
const perDay = contract({ formulas: 'raw', columns, orderBy: ['day', 'shop'] })
export default pipeline({
  name: 'sales', schema, partition: day({ from: '2024-01-01', to: '2024-01-06' }),
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold' }),
    shop: source('data').files('shops.csv', { cursor: 'changed', key: 'shop' }),
  },
  transform: {
    daily: sql\`SELECT CAST(sold AS DATE) AS day, shop, owner, CAST(sum(amount) AS DECIMAL(18,2)) AS amount FROM sale JOIN shop USING (shop) GROUP BY ALL\`,
  },
  load: { daily: replacePartition('daily'), shop: merge('shop', { key: 'shop' }), sale: merge('sale', { key: 'id' }) },
  export: { daily: csv('daily/{partition}.csv', { contract: perDay, plain: true }), sale: csv('sale/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { id: 'int32', shop: 'text' }, orderBy: ['id'] }), delivery: 'book' }) },
})
`

export const DAYS = ['2024-01-01', '2024-01-02', '2024-01-03', '2024-01-04', '2024-01-05'] as const

export interface SalesProject extends TestProject {
  befall(faults: Readonly<Record<string, Fault>>): void
  /** All that was made goes, and no fault is left. */
  clear(): void
}

/** Sales of five days: a window and a cursor; loads by partition, by key and of what is shared; plain copies and one named delivery of all days. */
export function salesProject(): SalesProject {
  const sales = DAYS.flatMap((day, i) => [0, 1, 2].map((n) => `${i * 10 + n},${day} 1${n}:00:00,${'ab'[n % 2]},${i + 1}.${n}0`))
  const project = makeProject({
    'millrace.config.ts': CONFIG,
    'pipelines/sales/pipeline.ts': PIPELINE,
    'pipelines/sales/schema.ts': `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)' },
  shop: { shop: 'text', owner: 'text', changed: 'date' },
  daily: { day: 'date', shop: 'text', owner: 'text', amount: 'decimal(18,2)' },
} as const
`,
    'data/sales.csv': `id,sold,shop,amount\n${sales.join('\n')}\n`,
    'data/shops.csv': 'shop,owner,changed\na,Ann,2024-01-01\nb,Bob,2024-01-01\n',
  })
  const befall: SalesProject['befall'] = (faults) => {
    for (const name of globSync('befallen-*', { cwd: project.folder })) rmSync(project.path(name))
    project.write({ 'faults.json': JSON.stringify(faults) })
  }
  const clear = () => {
    befall({})
    rmSync(project.path('.millrace'), { recursive: true, force: true })
  }
  return { ...project, befall, clear }
}

/** All that a run has made that people read. */
export async function madeBy(project: TestProject): Promise<unknown> {
  const tables = ['daily', 'shop', 'sale'].map((table) => project.warehouse(`SELECT * EXCLUDE (_load) FROM "${table}" ORDER BY ALL`))
  const files = DAYS.map((day) => readFileSync(project.path(`.millrace/dev/export/daily/${day}.csv`), 'utf8'))
  const { inputKey } = JSON.parse(readFileSync(project.path('.millrace/dev/export/book/latest.json'), 'utf8'))
  return { tables: await Promise.all(tables), files, book: inputKey }
}
