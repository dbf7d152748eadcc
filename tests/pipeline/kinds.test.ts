import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const HEAD =
  "import { append, contract, csv, day, hour, keys, merge, notNull, pipeline, replace, replacePartition, source, sql } from '#millrace'\nimport { schema } from './schema.ts'\n"

/** A project with one pipeline `p`, planned: its schema is what `plan` would write. */
async function planned(body: string, schema: string, data: Readonly<Record<string, string>>): Promise<TestProject> {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  return testProject({
    'pipelines/p/pipeline.ts': `${HEAD}export default pipeline({ name: 'p', schema, ${body} })\n`,
    'pipelines/p/schema.ts': `export const schema = ${schema} as const\n`,
    ...Object.fromEntries(Object.entries(data).map(([name, text]) => [`data/${name}`, text])),
  })
}

async function run(project: TestProject, ...args: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await millrace(project, 'run', 'p', '--json', ...args)
  const report = JSON.parse(stdout) as { partitions: { partition: string; outcome: string; error?: { message: string } }[] }
  expect(code, stderr + stdout).toBe(0)
  return report.partitions.map(({ partition, outcome }) => `${partition || 'shared'} ${outcome}`)
}

/** How often a dataset's partition has landed. */
const loads = (project: TestProject, dataset: string, partition: string) =>
  readdirSync(project.path('.millrace/dev/landing/p', dataset, partition, '_manifests')).filter((name) => /^\d+\.json$/.test(name)).length

describe('partitions by key', () => {
  it('read the file that the partition names, and only those that are not done', async () => {
    const project = await planned(
      `partition: keys(['north', 'south']),
       extract: { sale: source('data').files('{partition}.csv') },
       transform: { named: sql\`SELECT $partition AS region, id FROM sale\` },
       load: { named: replacePartition('sale') }, export: { named: csv('sale-{partition}.csv', { contract: contract({ formulas: 'raw', columns: { region: 'text', id: 'int32' }, orderBy: ['id'] }), plain: true }) }`,
      "{ sale: { id: 'int32' }, named: { region: 'text', id: 'int32' } }",
      { 'north.csv': 'id\n1\n2\n', 'south.csv': 'id\n3\n' },
    )
    expect(await run(project)).toEqual(['north done', 'south done'])
    expect(await project.warehouse('SELECT region, id, _partition FROM sale ORDER BY id')).toEqual([
      ['north', '1', 'north'],
      ['north', '2', 'north'],
      ['south', '3', 'south'],
    ])
    expect(readFileSync(project.path('.millrace/dev/export/sale-south.csv'), 'utf8')).toBe('region,id\nsouth,3\n')
    expect(await run(project)).toEqual([])
    project.write({ 'data/south.csv': 'id\n4\n' })
    expect(await run(project, '--partition', 'south')).toEqual(['south done'])
    expect(await project.warehouse('SELECT id FROM sale ORDER BY id')).toEqual([['1'], ['2'], ['4']])
  })
})

describe('a cursor dataset', () => {
  it('reads again as far back as its overlap, and takes a late row once', async () => {
    const project = await planned(
      `extract: { event: source('data').files('events.csv', { cursor: 'at_time', key: 'id', overlap: '1h' }) },
       load: { event: merge('event', { key: 'id' }) }`,
      "{ event: { id: 'int32', at_time: 'timestamp' } }",
      { 'events.csv': 'id,at_time\n1,2024-01-01 10:00:00\n2,2024-01-01 12:00:00\n' },
    )
    await run(project)
    // One within the overlap, one before it.
    project.write({
      'data/events.csv': 'id,at_time\n1,2024-01-01 10:00:00\n2,2024-01-01 12:00:00\n3,2024-01-01 11:30:00\n4,2024-01-01 10:30:00\n',
    })
    await run(project)
    expect(await project.warehouse('SELECT id, _load FROM event ORDER BY id')).toEqual([
      ['1', '1'],
      ['2', '1'],
      ['3', '2'],
    ])
    expect(await run(project)).toEqual(['shared unchanged'])
    expect(loads(project, 'event', '_all')).toBe(2)
    await run(project, '--refresh')
    expect(await project.warehouse('SELECT id FROM event ORDER BY id')).toEqual([['1'], ['2'], ['3'], ['4']])
  })

  it('shows a frame its changes, load by load, and everybody else its current state', async () => {
    const project = await planned(
      `extract: { customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }) },
       transform: {
         audit: ({ 'customer.changes': delta }) => delta.select('id', 'name'),
         names: sql\`SELECT name, count(*) AS n FROM customer GROUP BY ALL\`,
       },
       check: { audit: [notNull('name')] },
       load: { audit: append('audit'), names: replace('names') }`,
      "{ customer: { id: 'int32', name: 'text', changed: 'date' }, audit: { id: 'int32', name: 'text' }, names: { name: 'text', n: 'int64' } }",
      { 'customers.csv': 'id,name,changed\n1,Ann,2024-01-01\n2,Bob,2024-01-01\n' },
    )
    await run(project)
    project.write({ 'data/customers.csv': 'id,name,changed\n1,Zoe,2024-01-02\n2,Bob,2024-01-01\n' })
    await run(project)
    expect(await project.warehouse('SELECT id, name FROM audit ORDER BY id, name')).toEqual([
      ['1', 'Ann'],
      ['1', 'Zoe'],
      ['2', 'Bob'],
    ])
    expect(await project.warehouse('SELECT name, n FROM names ORDER BY name')).toEqual([
      ['Bob', '1'],
      ['Zoe', '1'],
    ])
  })
})

describe('changes', () => {
  it('of loads that landed before a column was added have it as NULL', async () => {
    const extract = "extract: { c: source('data').files('c.csv', { cursor: 'changed', key: 'id' }) },"
    const project = await planned(`${extract} load: { c: merge('c', { key: 'id' }) }`, "{ c: { id: 'int32', changed: 'date' } }", {
      'c.csv': 'id,name,changed\n1,Ann,2024-01-01\n2,Bob,2024-01-02\n',
    })
    await run(project)
    project.write({
      'pipelines/p/schema.ts': "export const schema = { c: { id: 'int32', changed: 'date', name: 'text' } } as const\n",
      'pipelines/p/pipeline.ts': `${HEAD}export default pipeline({ name: 'p', schema, ${extract}
        transform: { log: sql\`SELECT id, name FROM c.changes\` }, load: { c: merge('c', { key: 'id' }), log: append('log') } })\n`,
    })
    const plan = await millrace(project, 'plan', 'p')
    expect(plan.code, plan.stderr).toBe(0)
    await run(project)
    expect(await project.warehouse('SELECT id, name FROM log ORDER BY ALL')).toEqual([
      ['1', 'Ann'],
      ['1', null],
      ['2', 'Bob'],
      ['2', null],
    ])
  })
})

describe('a merge of what is computed from changes', () => {
  it('keeps keys that are gone, of which plan warns, while a merge of the dataset deletes them', async () => {
    const of = (deletes: string) => `extract: { c: source('data').files('c.csv', { cursor: 'changed', key: 'id'${deletes} }) },
      transform: { shouted: sql\`SELECT id, upper(name) AS name FROM c.changes\`, state: sql\`SELECT id FROM c\` },
      load: { c: merge('c', { key: 'id' }), shouted: merge('shouted', { key: 'id' }), state: replace('state') }`
    const schema = "{ c: { id: 'int32', name: 'text', changed: 'date' }, shouted: { id: 'int32', name: 'text' }, state: { id: 'int32' } }"
    const project = await planned(of(", deletes: 'keys'"), schema, { 'c.csv': 'id,name,changed\n1,Ann,2024-01-01\n2,Bob,2024-01-02\n' })
    const warnings = async (there: TestProject) => JSON.parse((await millrace(there, 'plan', 'p', '--json')).stdout).warnings
    expect(await warnings(project)).toEqual([
      "shouted: merge('shouted') keeps the rows of keys that are gone from c, since it is computed from c.changes; merge c itself, or compute it from c and load it by replace('shouted')",
    ])
    expect(await warnings(await planned(of(''), schema, { 'c.csv': 'id,name,changed\n1,Ann,2024-01-01\n' }))).toEqual([])
    await run(project)
    project.write({ 'data/c.csv': 'id,name,changed\n2,Bob,2024-01-02\n' })
    await run(project)
    const ids = async (table: string) => (await project.warehouse(`SELECT id FROM ${table} ORDER BY id`)).flat()
    expect([await ids('c'), await ids('shouted'), await ids('state')]).toEqual([['2'], ['1', '2'], ['2']])
  })
})

describe('a check of what is computed from changes', () => {
  it('holds up the loads behind one that fails, and says how to go on', async () => {
    const body = (rule: string) =>
      `extract: { c: source('data').files('c.csv', { cursor: 'changed', key: 'id' }) }, transform: { log: sql\`SELECT id, name FROM c.changes\` },
       check: { log: [${rule}] }, load: { log: append('log') }`
    const project = await planned(
      body("notNull('name')"),
      "{ c: { id: 'int32', name: 'text', changed: 'date' }, log: { id: 'int32', name: 'text' } }",
      { 'c.csv': 'id,name,changed\n1,Ann,2024-01-01\n' },
    )
    await run(project)
    for (const name of ['', 'Bob']) {
      project.write({ 'data/c.csv': `id,name,changed\n1,Ann,2024-01-01\n2,${name},2024-01-02\n` })
      const { code, stdout } = await project.millrace('run', 'p')
      expect(code).toBe(3)
      expect(stdout).toContain('hint: load 2 of "c" has landed so, and later ones wait for it: let the step leave such rows out')
    }
    project.write({
      'pipelines/p/pipeline.ts': `${HEAD.replace('append,', 'append, warn,')}export default pipeline({ name: 'p', schema, ${body("warn(notNull('name'))")} })\n`,
    })
    await run(project)
    expect(await project.warehouse('SELECT id, name FROM log ORDER BY ALL')).toEqual([
      ['1', 'Ann'],
      ['2', 'Bob'],
      ['2', null],
    ])
  })
})

describe('a window dataset', () => {
  it('lands what its look-back needs first, from the first partition on', async () => {
    const project = await planned(
      `partition: day({ from: '2024-01-02' }),
       extract: { sale: source('data').files('sales.csv', { window: 'sold', lookback: '3d' }) },
       transform: { seen: sql.with({ window: 'day' })\`SELECT max(CAST(sold AS DATE)) AS day, count(*) AS n FROM sale\` },
       load: { seen: replacePartition('seen') }`,
      "{ sale: { id: 'int32', sold: 'timestamp' }, seen: { day: 'date', n: 'int64' } }",
      { 'sales.csv': 'id,sold\n1,2024-01-01 10:00:00\n2,2024-01-02 10:00:00\n3,2024-01-03 10:00:00\n4,2024-01-04 10:00:00\n' },
    )
    expect(await run(project, '--partition', '2024-01-04')).toEqual(['2024-01-04 done'])
    // 1 January is before the pipeline's first partition.
    expect(await project.warehouse('SELECT day, n FROM seen')).toEqual([['2024-01-04', '3']])
    expect(
      ['2024-01-01', '2024-01-02', '2024-01-03', '2024-01-04'].map((each) =>
        existsSync(project.path('.millrace/dev/landing/p/sale', each)),
      ),
    ).toEqual([false, true, true, true])
    const runs = project.path('.millrace/dev/runs')
    const record = JSON.parse(readFileSync(`${runs}/${readdirSync(runs)[0]}/run.json`, 'utf8')) as { manifests: readonly string[] }
    expect(record.manifests).toEqual([2, 3, 4].map((n) => `p/sale/2024-01-0${n}/_manifests/000001.json`))
  })

  it('is cut in the zone of the partitions, and naive timestamps are taken in it', async () => {
    const project = await planned(
      `partition: day({ from: '2024-01-01', to: '2024-01-03', zone: 'America/New_York' }),
       extract: { sale: source('data').files('sales.csv', { window: 'sold' }), ping: source('data').files('pings.csv', { window: 'seen' }) },
       load: { sale: replacePartition('sale'), ping: replacePartition('ping') }`,
      "{ sale: { id: 'int32', sold: 'timestamp' }, ping: { id: 'int32', seen: 'timestamptz' } }",
      {
        'sales.csv': 'id,sold\n1,2024-01-01 23:59:59\n2,2024-01-02 00:00:00\n',
        'pings.csv': 'id,seen\n1,2024-01-02T04:59:59Z\n2,2024-01-02T05:00:00Z\n',
      },
    )
    await run(project)
    for (const table of ['sale', 'ping'])
      expect(await project.warehouse(`SELECT id, _partition FROM ${table} ORDER BY id`)).toEqual([
        ['1', '2024-01-01'],
        ['2', '2024-01-02'],
      ])
  })

  it('is read anew when what is asked of the source is another thing', async () => {
    const project = await planned(
      `partition: day({ from: '2024-01-01', to: '2024-01-02' }),
       extract: { sale: source('data').files('sales.csv', { window: 'sold' }) }, load: { sale: replacePartition('sale') }`,
      "{ sale: { id: 'int32', sold: 'timestamp' } }",
      { 'sales.csv': 'id,sold,shop\n1,2024-01-01 10:00:00,a\n' },
    )
    await run(project)
    project.write({
      'pipelines/p/schema.ts': "export const schema = { sale: { id: 'int32', sold: 'timestamp', shop: 'text' } } as const\n",
    })
    expect(await run(project)).toEqual(['2024-01-01 done'])
    expect(await project.warehouse('SELECT id, shop FROM sale')).toEqual([['1', 'a']])
    expect(loads(project, 'sale', '2024-01-01')).toBe(2)
  })
})

describe('the input key', () => {
  it('does not see comments and spacing, and sees what changes the result', async () => {
    const body = (text: string) =>
      `extract: { shop: source('data').files('shops.csv') }, transform: { shops: sql\`${text}\` }, load: { shops: replace('shops') }`
    const project = await planned(body('SELECT code FROM shop'), "{ shop: { code: 'text' }, shops: { code: 'text' } }", {
      'shops.csv': 'code\na\n',
    })
    const rewrite = (text: string) =>
      project.write({ 'pipelines/p/pipeline.ts': `${HEAD}export default pipeline({ name: 'p', schema, ${body(text)} })\n` })
    await run(project)
    rewrite('SELECT code -- the same\n   FROM   shop')
    expect(await run(project)).toEqual(['shared unchanged'])
    rewrite('SELECT upper(code) AS code FROM shop')
    expect(await run(project)).toEqual(['shared done'])
    // Another file with the same rows in another order restates nothing.
    project.write({ 'data/shops.csv': 'code\nb\na\n' })
    await run(project)
    project.write({ 'data/shops.csv': 'code\na\nb\n' })
    expect(await run(project)).toEqual(['shared unchanged'])
    expect(loads(project, 'shop', '_all')).toBe(2)
  })
})
