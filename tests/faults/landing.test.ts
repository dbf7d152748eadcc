import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filesUnder } from '../kit/files-under.ts'
import { millrace, type Seen } from '../kit/millrace.ts'
import { makeProject, type TestProject } from '../kit/project.ts'
import { reset, seenByReaders } from './kit.ts'

/** Every kind of dataset, so that every road from the landing zone is walked. */
const PIPELINE = `import { append, contract, csv, day, merge, pipeline, replace, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
const perDay = contract({ formulas: 'raw', columns: { day: 'date', shop: 'text', amount: 'decimal(18,2)' }, orderBy: ['day', 'shop'] })
export default pipeline({
  name: 'sales', schema, partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold' }),
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }),
    shop: source('data').files('shops.csv'),
  },
  transform: {
    daily: sql\`SELECT CAST(sold AS DATE) AS day, s.name AS shop, CAST(sum(amount) AS DECIMAL(18,2)) AS amount FROM sale JOIN shop s ON s.code = sale.shop GROUP BY ALL\`,
    audit: sql\`SELECT id, name FROM customer.changes\`,
    shops: ({ shop }) => shop.select('code', 'name'),
  },
  load: { daily: replacePartition('daily'), customer: merge('customer', { key: 'id' }), audit: append('audit'), shops: replace('shop') },
  export: { daily: csv('daily/{partition}.csv', { contract: perDay, plain: true }) },
})
`
const SCHEMA = `export const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)' },
  customer: { id: 'int32', name: 'text', changed: 'date' },
  shop: { code: 'text', name: 'text' },
  daily: { day: 'date', shop: 'text', amount: 'decimal(18,2)' },
  audit: { id: 'int32', name: 'text' },
  shops: { code: 'text', name: 'text' },
} as const
`
const DATA = {
  'data/sales.csv': 'id,sold,shop,amount\n1,2024-01-01 10:00:00,a,1.50\n2,2024-01-02 10:00:00,a,2.50\n3,2024-01-02 11:00:00,b,4.00\n',
  'data/customers.csv': 'id,name,changed\n1,Ann,2024-01-01\n2,Bob,2024-01-02\n',
  'data/shops.csv': 'code,name\na,Alpha\nb,Beta\n',
}

let project: TestProject
let clean: object
beforeAll(async () => {
  project = makeProject({ ...DATA, 'pipelines/sales/pipeline.ts': PIPELINE, 'pipelines/sales/schema.ts': SCHEMA })
  await run('sales', '--only', 'land')
  cpSync(project.path('.millrace'), project.path('landed'), { recursive: true })
  await run('sales')
  cpSync(project.path('.millrace'), project.path('done'), { recursive: true })
  clean = await seenByReaders(project)
})
afterAll(() => project.remove())

/** A run that works. */
async function run(...args: readonly string[]): Promise<Seen> {
  const seen = await millrace(project, 'run', ...args)
  expect(seen.code, seen.error).toBe(0)
  return seen
}

/** The profile as it was after `run --only land`, or after the whole run. */
function restore(state: 'landed' | 'done'): void {
  reset(project)
  cpSync(project.path(state), project.path('.millrace'), { recursive: true, preserveTimestamps: true })
}

/** The one landed file of a dataset's partition. */
function landedFile(dataset: string, partition: string): string {
  const [file] = filesUnder(project, '.millrace/dev/landing/sales', dataset, partition).filter((name) => name.endsWith('.parquet'))
  return project.path('.millrace/dev/landing/sales', dataset, partition, file ?? '')
}

const DAMAGE: Readonly<Record<string, (file: string) => void>> = {
  deleted: (file) => rmSync(file),
  'changed by one bit': (file) => {
    const bytes = readFileSync(file)
    const at = Math.floor(bytes.length / 3)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(file, bytes)
  },
}

describe('a landed file that was', () => {
  it.each([
    ['deleted', 'sale', '2024-01-02', 'is missing'],
    ['changed by one bit', 'sale', '2024-01-02', 'has other bytes than were landed (its SHA-256 differs)'],
    ['changed by one bit', 'shop', '_all', 'has other bytes than were landed (its SHA-256 differs)'],
    ['deleted', 'customer', '_all', 'is missing'],
    ['changed by one bit', 'customer', '_all', 'has other bytes than were landed (its SHA-256 differs)'],
  ])('%s (%s %s) is named before anything is made of it, and read again as the hint says', async (damage, dataset, partition, what) => {
    restore('landed')
    const file = landedFile(dataset, partition)
    DAMAGE[damage]?.(file)
    const unit = partition === '_all' ? 'shared datasets' : partition
    const again = partition === '_all' ? ['sales', '--refresh'] : ['sales', '--partition', partition, '--refresh']
    const bad = await millrace(project, 'run', 'sales')
    expect({ code: bad.code, error: bad.error.split('\nfailed ')[0] }).toEqual({
      code: 3,
      error: [
        `failed ${unit}: sales land ${dataset}${partition === '_all' ? '' : ` partition ${partition}`}: the landed file ${file.split('/landing/')[1]} ${what}`,
        `  hint: read the source again: millrace run ${again.join(' ')}`,
      ].join('\n'),
    })
    await run(...again)
    expect(await seenByReaders(project)).toEqual(clean)
  })

  it('deleted after its load was applied costs nothing but a warning that appended rows come again', async () => {
    restore('done')
    DAMAGE.deleted?.(landedFile('customer', '_all'))
    expect((await millrace(project, 'run', 'sales')).code).toBe(3)
    const { stdout } = await run('sales', '--refresh')
    expect(stdout).toContain('load 2 of "customer" begins its history anew with all of its rows: those that "audit" has already come again')
    const [readers, before] = [await seenByReaders(project), clean] as Record<string, unknown[]>[]
    expect(readers?.['table audit']).toHaveLength(4)
    expect({ ...readers, 'table audit': [] }).toEqual({ ...before, 'table audit': [] })
  })
})

describe('a warehouse file that was deleted', () => {
  it('is made anew from what has landed, and status says that it has to be', async () => {
    restore('done')
    rmSync(project.path('data'), { recursive: true })
    rmSync(project.path('.millrace/dev/warehouse.duckdb'))
    expect((await millrace(project, 'status', 'sales')).stdout).toMatch(/^sales \(dev\): 0 done; 2 due \(2024-01-01, 2024-01-02\)/)
    await run('sales', '--only', 'load')
    expect(await seenByReaders(project)).toEqual(clean)
  })
})
