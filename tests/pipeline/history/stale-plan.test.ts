import { readFileSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { StaleReport } from '../../../lib/pipeline/stale-report.ts'
import { millrace } from '../../kit/millrace.ts'
import { type TestProject, testProject } from '../../kit/project.ts'

const given = {
  least: '1',
  shout: 'texts.map((text) => String(text).toUpperCase())',
  tidy: "frame.filter(pl.col('id').gt(pl.lit(0)))",
  header: '',
  mode: "replacePartition('big')",
  tell: 'SELECT item, hue FROM priced',
}
const files = (other: Partial<typeof given> = {}) => {
  const { least, shout, tidy, header, mode, tell } = { ...given, ...other }
  return {
    'pipelines/p/tidy.ts': `import pl, { type LazyDataFrame } from 'nodejs-polars'\nexport const tidy = (frame: LazyDataFrame) => ${tidy}\n`,
    'pipelines/p/tell.sql': `${tell}\n`,
    'pipelines/p/pipeline.ts': `import { contract, csv, day, merge, pipeline, replacePartition, source, sql, udf } from '#millrace'
import { schema } from './schema.ts'
import { tidy } from './tidy.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-08' }), parameters: { least: ${least} },
  extract: { sale: source('data').files('sales.csv', { window: 'sold' }), item: source('data').files('items.csv') },
  transform: {
    big: sql\`SELECT id, item FROM sale WHERE id >= $least\`,
    tidied: ({ sale }) => tidy(sale),
    loud: sql.with({ udf: { shout: udf(['text'], 'text', (texts) => ${shout}) } })\`SELECT id, shout(item) AS item FROM sale\`,
    priced: sql\`SELECT id, item, hue FROM sale JOIN item USING (item)\`,
    told: sql.file('tell.sql'),
  },
  load: { big: ${mode}, tidied: replacePartition('tidied'), loud: replacePartition('loud') },
  export: {
    big: csv('big/{partition}.csv', { contract: contract({ formulas: 'raw', ${header} columns: { id: 'int32' }, orderBy: ['id'] }) }),
    told: csv('told/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { item: 'text', hue: 'text' }, orderBy: ['item'] }) }),
  },
})`,
  }
}
const schema = (id = 'int32') => ({
  'pipelines/p/schema.ts': `export const schema = {
  sale: { id: '${id}', item: 'text', sold: 'timestamp' }, item: { item: 'text', hue: 'text' }, big: { id: '${id}', item: 'text' }, tidied: { id: '${id}', item: 'text', sold: 'timestamp' },
  loud: { id: '${id}', item: 'text' }, priced: { id: '${id}', item: 'text', hue: 'text' }, told: { item: 'text', hue: 'text' },
} as const\n`,
})
const data = {
  'data/sales.csv': 'id,item,sold\n1,bed,2024-01-08 10:00:00\n2,mug,2024-01-09 10:00:00\n',
  'data/items.csv': 'item,hue\nbed,red\nmug,blue\n',
}
const days = ['2024-01-08', '2024-01-09']
const project = () => testProject({ ...data, ...files(), ...schema() })

async function ran(of: TestProject, ...argv: readonly string[]) {
  const { code, stdout, stderr } = await millrace(of, ...argv)
  expect(code, stdout + stderr).toBe(0)
  return stdout
}
/** In a process of its own: a frame's text is hashed, and in this one it went through vitest. */
async function apart(of: TestProject, ...argv: readonly string[]) {
  const { code, stdout, stderr } = await of.millrace(...argv)
  expect(code, stdout + stderr).toBe(0)
  return stdout
}
const planned = async (of: TestProject, how = ran): Promise<StaleReport> => JSON.parse(await how(of, 'plan', 'p', '--stale', '--json'))

const load = (target: string) => ({ stage: 'load', target, partitions: days })
const exported = (target: string) => ({ stage: 'export', target, partitions: days })
const alone = (dataset: string, ...targets: object[]) => ({ dataset, targets, derived: [] })

test('plan --stale names what changed and what follows from it; run --stale makes that again, and no more', {
  timeout: 120_000,
}, async () => {
  const sales = project()
  await apart(sales, 'run', 'p')
  sales.write({
    ...files({
      least: '2',
      shout: "texts.map((text) => String(text) + '!')",
      tidy: "frame.filter(pl.col('id').gt(pl.lit(1)))",
      header: "delimiter: ';', version: 2,",
      mode: "merge('big', { key: 'id' })",
      tell: 'SELECT lower(item) AS item, hue FROM priced',
    }),
    'data/items.csv': data['data/items.csv'].replace('red', 'green'),
  })
  await apart(sales, 'run', 'p', '--only', 'land')
  const report = await planned(sales, apart)
  const causes = [
    { kind: 'parameter', name: 'least', what: '', follows: [alone('big', load('big'), exported('big/{partition}.csv'))] },
    { kind: 'table', name: 'big', what: 'mode, key', follows: [alone('big', load('big'))] },
    { kind: 'module', name: './tidy.ts', what: '', follows: [alone('tidied', load('tidied'))] },
    { kind: 'function', name: 'shout', what: '', follows: [alone('loud', load('loud'))] },
    { kind: 'contract', name: 'big/{partition}.csv', what: 'delimiter, version', follows: [alone('big', exported('big/{partition}.csv'))] },
    { kind: 'sql', name: 'told', what: 'its text', follows: [alone('told', exported('told/{partition}.csv'))] },
    {
      ...{ kind: 'input', name: 'item', what: 'its content' },
      follows: [
        {
          dataset: 'item',
          targets: [],
          derived: [{ dataset: 'priced', targets: [], derived: [alone('told', exported('told/{partition}.csv'))] }],
        },
      ],
    },
  ]
  const sorted = (all: readonly { kind: string; name: string }[]) => [...all].sort((a, b) => (a.kind + a.name < b.kind + b.name ? -1 : 1))
  expect(sorted(report.causes)).toEqual(sorted(causes))
  expect(report).toMatchObject({ partitions: days, due: [], done: 2, again: 'millrace run p --stale' })
  await apart(sales, 'run', 'p', '--stale', '--to', '2024-01-09')
  // What is left is the other day alone.
  expect(await apart(sales, 'run', 'p', '--stale')).toMatch(/partitions: 1 done/)
  expect(await planned(sales, apart)).toEqual({
    pipeline: 'p',
    profile: 'dev',
    byInputs: [],
    causes: [],
    partitions: [],
    due: [],
    done: 2,
    waiting: 0,
    made: true,
  })
})

test('plan --stale draws the tree, and says in words what it is without recipes', async () => {
  const sales = project()
  await ran(sales, 'run', 'p')
  sales.write({ 'pipelines/p/tell.sql': 'select lower(item) as item, hue\nfrom priced' })
  expect(await ran(sales, 'plan', 'p', '--stale')).toBe(
    `p (dev): 2 of 2 partitions that are done are stale

SQL of told changed: its text
└─ told
   └─ export told/{partition}.csv: 2 partitions (2024-01-08, 2024-01-09)

those 2 partitions are made again by: millrace run p --stale`.replace('those 2', 'only those 2'),
  )
  // The ledger is no part of it.
  for (const file of ['ledger.sqlite', 'recipes']) rmSync(sales.path('.millrace/dev', file), { recursive: true })
  expect(await ran(sales, 'plan', 'p', '--stale')).toContain(`made by other code: what it was is not recorded
└─ told
   └─ export told/{partition}.csv: 2 partitions`)
})

test('comments, spacing and the case of keywords make nothing stale', async () => {
  const sales = project()
  await apart(sales, 'run', 'p')
  const pipeline = readFileSync(sales.path('pipelines/p/pipeline.ts'), 'utf8')
  sales.write({
    'pipelines/p/tell.sql': '-- what is told\nselect item, -- which\n  hue /* and how */\nFrom   priced\n;\n',
    'pipelines/p/tidy.ts': `// Tidies.\nimport pl, { type LazyDataFrame } from 'nodejs-polars'\nexport const tidy =\n  (frame: LazyDataFrame) =>\n    ${given.tidy} // rows\n`,
    'pipelines/p/pipeline.ts': pipeline
      .replace('SELECT id, item FROM sale WHERE', 'select id, item\nfrom sale /* all */ where')
      .replace('(texts) =>', '(texts) => // loudly\n'),
  })
  expect(await planned(sales, apart)).toMatchObject({ causes: [], partitions: [], done: 2 })
})

test('another type of a column is named, with what is read again for it', async () => {
  const sales = project()
  await ran(sales, 'run', 'p')
  sales.write({
    ...schema('int64'),
    ...files(),
    'pipelines/p/pipeline.ts': files()['pipelines/p/pipeline.ts'].replace("columns: { id: 'int32' }", "columns: { id: 'int64' }"),
  })
  const { causes, due, partitions } = await planned(sales)
  expect({ due, partitions }).toEqual({ due: days, partitions: [] })
  expect(causes).toMatchObject([{ kind: 'columns', name: 'sale', what: 'id: int32 → int64', follows: [{ dataset: 'sale' }] }])
})

test('a day that its source restated makes those stale whose look-back sees it', async () => {
  const sales = testProject({
    'data/sales.csv': 'id,sold\n1,2024-01-07 10:00:00\n2,2024-01-08 10:00:00\n3,2024-01-09 10:00:00\n',
    'pipelines/p/schema.ts':
      "export const schema = { sale: { id: 'int32', sold: 'timestamp' }, seen: { sold: 'timestamp', ids: 'int64' } } as const\n",
    'pipelines/p/pipeline.ts': `import { day, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-07' }),
  extract: { sale: source('data').files('sales.csv', { window: 'sold', lookback: '1d' }) },
  transform: { seen: sql.with({ window: 'sold' })\`SELECT sold, sum(id) OVER (ORDER BY sold)::BIGINT AS ids FROM sale\` },
  load: { seen: replacePartition('seen') },
})`,
  })
  await ran(sales, 'run', 'p')
  sales.write({ 'data/sales.csv': 'id,sold\n1,2024-01-07 10:00:00\n5,2024-01-08 10:00:00\n3,2024-01-09 10:00:00\n' })
  await ran(sales, 'run', 'p', '--partition', '2024-01-08', '--refresh')
  const { causes, partitions } = await planned(sales)
  expect(partitions).toEqual(['2024-01-09'])
  expect(causes).toMatchObject([
    {
      kind: 'input',
      name: 'sale',
      what: 'an earlier partition that its look-back sees',
      follows: [{ dataset: 'sale', derived: [{ dataset: 'seen' }] }],
    },
  ])
  await ran(sales, 'run', 'p', '--stale')
  expect(await sales.warehouse('SELECT ids FROM seen ORDER BY sold')).toEqual([['1'], ['6'], ['8']])
})

test('--stale is refused where it means nothing', async () => {
  const sales = project()
  expect(await millrace(sales, 'plan', 'p', '--stale', '--frozen')).toMatchObject({
    code: 2,
    error: expect.stringContaining('--stale and --frozen exclude each other'),
  })
  expect(await ran(sales, 'plan', 'p', '--stale')).toBe('p (dev): no partition is done; 2 are due, which every run takes')
})

test('plan --stale of a pipeline without partitions says whether it is made', async () => {
  const p = testProject({
    'data/items.csv': 'item\nbed\n',
    'pipelines/p/schema.ts': "export const schema = { item: { item: 'text' } } as const\n",
    'pipelines/p/pipeline.ts': `import { pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema, extract: { item: source('data').files('items.csv') }, load: { item: replace('item') } })`,
  })
  expect(await ran(p, 'plan', 'p', '--stale')).toBe('p (dev): nothing is made yet')
  await ran(p, 'run', 'p')
  expect(await ran(p, 'plan', 'p', '--stale')).toBe('p (dev): nothing changed since it was made')
})
