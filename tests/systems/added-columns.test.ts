import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type TestProject, testProject } from '../kit/project.ts'

/** A source's dataset of each kind gains a column `note`. */
interface Files {
  readonly extract: string
  readonly transform: string
  readonly load: string
  readonly more?: string
  readonly schema: (note: string) => string
}

const files = ({ extract, transform, load, more = '', schema }: Files, note = false) => ({
  'pipelines/p/schema.ts': `export const schema = { ${schema(note ? ", note: 'text'" : '')} } as const\n`,
  'pipelines/p/pipeline.ts': `import { append, contract, csv, day, merge, notNull, pipeline, replace, replacePartition, source, sql, unique } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema, partition: day({ from: '2024-01-08' }),
  extract: { ${extract} }, transform: { ${transform} }, ${more}
  load: { ${load} } })\n`,
})

async function run(project: TestProject, ...more: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await project.millrace('run', 'p', ...more, '--json')
  expect(code, stdout + stderr.slice(-2000)).toBe(0)
  const { partitions } = JSON.parse(stdout) as {
    partitions: { partition: string; steps: { stage: string; dataset: string; outcome: string }[] }[]
  }
  return partitions.flatMap(({ partition, steps }) =>
    steps.flatMap(({ stage, dataset, outcome }) => (outcome === 'done' ? [`${partition || 'shared'} ${stage} ${dataset}`] : [])),
  )
}

async function stale(project: TestProject): Promise<readonly string[]> {
  const { code, stdout, stderr } = await project.millrace('plan', 'p', '--stale', '--json')
  expect(code, stdout + stderr.slice(-2000)).toBe(0)
  const report = JSON.parse(stdout) as { causes: { name: string; what: string }[]; partitions: string[]; due: string[] }
  return [...report.causes.map(({ name, what }) => `${name}: ${what}`), ...report.partitions, ...report.due]
}

const ALL = ['--from', '2024-01-08'] as const
const rowsOf = (project: TestProject, load: number) =>
  (JSON.parse(readFileSync(project.path(`.millrace/dev/landing/p/customer/_all/_manifests/00000${load}.json`), 'utf8')) as { rows: number })
    .rows

test('a cursor dataset goes on from where it was, and is read whole once something reads the new column', async () => {
  const cursor = (select = 'sale.id, city') => ({
    extract: `sale: source('data').files('sales.csv', { window: 'sold' }), customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' })`,
    transform: `where_sold: sql\`SELECT ${select} FROM sale JOIN customer ON customer.id = buyer\`, cities: sql\`SELECT city, count(*) AS customers FROM customer GROUP BY city\`, log: sql\`SELECT id, city FROM customer.changes\``,
    load: `where_sold: replacePartition('where_sold'), cities: replace('cities'), log: append('log')`,
    schema: (note: string) =>
      `sale: { id: 'int32', buyer: 'int32', sold: 'timestamp' }, customer: { id: 'int32', city: 'text', changed: 'timestamp'${note} }, where_sold: { id: 'int32', city: 'text' }, cities: { city: 'text', customers: 'int64' }, log: { id: 'int32', city: 'text' }`,
  })
  const customers = 'id,city,changed,note\n1,Paris,2024-01-01 00:00:00,a\n2,Rome,2024-01-02 00:00:00,b\n'
  const project = testProject({
    'data/sales.csv': 'id,buyer,sold\n1,1,2024-01-08 10:00:00\n2,2,2024-01-09 10:00:00\n',
    'data/customers.csv': customers,
    ...files(cursor()),
  })
  await run(project)
  project.write(files(cursor(), true))
  expect(await stale(project)).toEqual([])
  // The file is read from its last value on; nothing in it is new, and nothing is made of it.
  expect(await run(project, ...ALL)).toEqual(['shared extract customer'])
  project.write({ 'data/customers.csv': `${customers}3,Oslo,2024-01-03 00:00:00,c\n` })
  expect(await run(project)).toEqual([
    'shared extract customer',
    'shared land customer',
    'shared transform cities',
    'shared load cities',
    'shared transform log',
    'shared load log',
  ])
  expect([rowsOf(project, 2), (await project.warehouse('FROM log')).length]).toEqual([1, 3])
  // Those that have landed before have no value in it.
  project.write(files(cursor("sale.id, city || coalesce(note, '?') AS city"), true))
  expect(await stale(project)).toContain('customer: note: new, text')
  await run(project, ...ALL)
  expect(await project.warehouse('SELECT id, city FROM where_sold ORDER BY id')).toEqual([
    ['1', 'Parisa'],
    ['2', 'Romeb'],
  ])
})

test('a look-back is not read again, and shows days with the column beside days without it, to SQL, frames, checks, loads and exports', async () => {
  const lookback = (select = 'id'): Files => ({
    extract: `sale: source('data').files('sales.csv', { window: 'sold', lookback: '1d' })`,
    transform: `two_days: sql.with({ window: 'day' })\`SELECT $start::TIMESTAMP AS day, count(${select}) AS sales FROM sale\`,
    framed: { window: 'sold', frame: ({ sale }) => sale.select('id', 'sold') },
    past: sql.with({ window: 'day' })\`SELECT $start::TIMESTAMP AS day, sum(id)::BIGINT AS ids FROM framed\``,
    load: `two_days: replacePartition('two_days'), framed: replacePartition('framed'), past: replacePartition('past')`,
    more: `check: { sale: [notNull('id'), unique('id')] },
  export: { two_days: csv('{partition}.csv', { contract: contract({ formulas: 'raw', columns: { sales: 'int64' }, orderBy: ['sales'] }) }) },`,
    schema: (note) =>
      `sale: { id: 'int32', sold: 'timestamp'${note} }, two_days: { day: 'timestamp', sales: 'int64' }, framed: { id: 'int32', sold: 'timestamp' }, past: { day: 'timestamp', ids: 'int64' }`,
  })
  const project = testProject({
    'data/sales.csv': 'id,sold,note\n1,2024-01-08 10:00:00,a\n2,2024-01-09 10:00:00,b\n',
    ...files(lookback()),
  })
  const first = ['--partition', '2024-01-08'] as const
  await run(project, ...first)
  project.write(files(lookback(), true))
  expect([await run(project, ...first), await stale(project)]).toEqual([[], []])

  expect((await run(project)).filter((each) => / (extract|land|load|export) /.test(each))).toEqual(
    ['extract sale', 'land sale', 'load two_days', 'load framed', 'load past', 'export two_days'].map((each) => `2024-01-09 ${each}`),
  )
  expect(await project.warehouse('SELECT day::DATE::VARCHAR, sales, ids FROM two_days JOIN past USING (day) ORDER BY ALL')).toEqual([
    ['2024-01-08', '1', '1'],
    ['2024-01-09', '2', '3'],
  ])
  expect(await run(project, ...ALL)).toEqual([])

  // Once something reads the column, a day that lacks it is read again where it is looked back on.
  project.write(files(lookback('note'), true))
  expect((await run(project, '--partition', '2024-01-09')).filter((each) => / (land|load) /.test(each))).toEqual(
    ['land sale', 'load two_days'].map((each) => `2024-01-09 ${each}`),
  )
})

test('a column more among expressions has nothing read again that has landed', async () => {
  const expressions = (select = 'id', more = '', own = ''): Files => ({
    extract: `sale: source('data').files('sales.csv', { window: 'sold', columns: { id: 'id', sold: 'sold'${more} } })`,
    transform: `ids: sql\`SELECT ${select} FROM sale\``,
    load: `ids: replacePartition('ids')`,
    schema: (note) =>
      `'sale.source': { id: 'int32', sold: 'timestamp', note: 'text'${own} }, sale: { id: 'int32', sold: 'timestamp'${note} }, ids: { id: 'int32' }`,
  })
  const project = testProject({
    'data/sales.csv': 'id,sold,note,hue\n1,2024-01-08 10:00:00,a,red\n2,2024-01-09 10:00:00,b,blue\n',
    ...files(expressions()),
  })
  await run(project)
  project.write(files(expressions('id', ", note: 'upper(note)'"), true))
  expect([await run(project, ...ALL), await stale(project)]).toEqual([[], []])
  // Nor does a column more of the source itself, which no expression names.
  project.write(files(expressions('id', ", note: 'upper(note)'", ", hue: 'text'"), true))
  expect([await run(project, ...ALL), await stale(project)]).toEqual([[], []])
  project.write(files(expressions('id + length(note)::INTEGER AS id', ", note: 'upper(note)'"), true))
  expect((await run(project)).filter((each) => / land /.test(each))).toEqual(['2024-01-08 land sale', '2024-01-09 land sale'])
})
