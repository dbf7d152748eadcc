import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorReport, errorText } from '../../lib/observe/error-report.ts'
import { plan } from '../../lib/pipeline/define/plan.ts'
import { openProject, type Project } from '../../lib/pipeline/project.ts'
import { makeProject, type TestProject } from '../kit/project.ts'

/** Nothing of this is ever connected to. */
const CONFIG = `import { config, duckdb, files, local, postgres } from '#millrace'
const server = { host: 'localhost', database: 'shop', user: 'u' }
const profile = (warehouse: ReturnType<typeof duckdb>) => ({
  connections: { shop: postgres(server), slow: postgres({ ...server, rowsPerSecond: 5 }), data: files('data') },
  warehouse, landing: local('.millrace/landing'), store: local('.millrace/export'), limits: { memory: '512MB', threads: 2 }, now: '2024-01-10T00:00:00Z',
})
export default config({ profiles: { dev: profile(postgres(server)), file: profile(duckdb('w.duckdb')) } })
`

/** A right pipeline; each case makes one thing wrong in it. */
const RIGHT = `import { append, csv, contract, day, merge, notNull, pipeline, references, replace, replacePartition, source, sql } from '#millrace'
const schema = { sale: { id: 'int32', sold: 'timestamptz' }, shop: { id: 'int32' }, other: { id: 'int32' } }
export default pipeline({
  name: '$NAME', schema, partition: day({ from: '2024-01-01' }),
  extract: {
    sale: source('shop').table('sale', { window: 'sold', forward: true }),
    shop: source('shop').table('shop', { forward: true }),
    other: source('data').files('other.csv'),
  },
  load: { sale: replacePartition('sale'), shop: replace('shop') },
})
`

const HINT = '\n  hint: leave `forward` away: the dataset then lands as Parquet, and everything may read it'

/** [what is wrong, what stands there, what is put in its place, the whole error that a person sees]. */
const CASES: readonly (readonly [string, string, string, string])[] = [
  [
    'cursor',
    "table('shop', {",
    "table('shop', { cursor: 'id', key: 'id',",
    `shop: "shop" is forwarded, so it is whole or has a window, not a cursor${HINT}`,
  ],
  [
    'look-back',
    "window: 'sold'",
    "window: 'sold', lookback: '1d'",
    `sale: "sale" is forwarded, so nothing sees it, and no look-back${HINT}`,
  ],
  [
    'partition',
    "table('shop', {",
    "table('shop', { where: 'at < {end}',",
    `shop: "shop" is forwarded, so its condition cannot name a partition without a window${HINT}`,
  ],
  [
    'columns',
    "shop: { id: 'int32' }, other: { id: 'int32' } }\nexport default pipeline({\n  name: '$NAME', schema, partition: day({ from: '2024-01-01' }),\n  extract: {\n    sale: source('shop').table('sale', { window: 'sold', forward: true }),\n    shop: source('shop').table('shop', {",
    "shop: { id: 'int32' }, 'shop.source': { id: 'int32' }, other: { id: 'int32' } }\nexport default pipeline({\n  name: '$NAME', schema, partition: day({ from: '2024-01-01' }),\n  extract: {\n    sale: source('shop').table('sale', { window: 'sold', forward: true }),\n    shop: source('shop').table('shop', { columns: { id: 'id' },",
    `shop: "shop" is forwarded, so its columns are what they are in the source, without \`columns\` over them${HINT}`,
  ],
  [
    'transform',
    '  load: {',
    '  transform: { big: sql`SELECT id FROM shop` },\n  load: { big: replace("big"),',
    `shop: "shop" is forwarded, so big cannot read it${HINT}`,
  ],
  ['check', '  load: {', "  check: { shop: [notNull('id')] },\n  load: {", `shop: "shop" is forwarded, so it cannot be checked${HINT}`],
  [
    'reference',
    '  load: {',
    "  check: { other: [references('id', 'shop', 'id')] },\n  load: {",
    `shop: "shop" is forwarded, so a check of other cannot read it${HINT}`,
  ],
  [
    'export',
    '  load: {',
    "  export: { shop: csv('shop.csv', { contract: contract({ formulas: 'raw', columns: { id: 'int32' }, orderBy: ['id'] }) }) },\n  load: {",
    `shop: "shop" is forwarded, so it cannot be exported${HINT}`,
  ],
  ['no-load', ", shop: replace('shop') }", ' }', 'shop: "shop" is forwarded, and no load takes it\n  hint: name its table: load: { … }'],
  [
    'merge',
    "replace('shop')",
    "merge('shop', { key: 'id' })",
    `shop: "shop" is forwarded, so "shop" takes it by replace or replacePartition, not by merge${HINT}`,
  ],
  [
    'one-of-several',
    "replacePartition('sale')",
    "[replacePartition('sale'), append('sales')]",
    `sale: "sale" is forwarded, so "sales" takes it by replace or replacePartition, not by append${HINT}`,
  ],
  [
    'another-word',
    "table('shop', { forward: true }",
    "table('shop', { forward: 'straight' as never as true }",
    'shop: unknown forward "straight"; expected true or "land"',
  ],
  [
    'rows-per-second',
    "source('shop').table('shop'",
    "source('slow').table('shop'",
    `shop: "shop" is forwarded, which connection "slow" of kind postgres cannot do: rowsPerSecond cannot be kept, since rows are not looked at${HINT}`,
  ],
]

let project: TestProject
let opened: Project

beforeAll(async () => {
  const files = CASES.map(([name, right, wrong]) => {
    const text = RIGHT.replace(right, () => wrong)
    if (text === RIGHT) throw new Error(`case ${name} changes nothing`)
    return [`pipelines/${name}/pipeline.ts`, text.replace('$NAME', name)] as const
  })
  const right = (name: string, text: string) => [`pipelines/${name}/pipeline.ts`, text.replace('$NAME', name)] as const
  const rights = [right('right', RIGHT), right('landing', RIGHT.replaceAll('forward: true', "forward: 'land'"))]
  project = makeProject({ 'millrace.config.ts': CONFIG, ...Object.fromEntries([...files, ...rights]) })
  opened = await openProject(project.folder)
})

afterAll(() => project.remove())

const refusal = async (of: Project, name: string) => {
  const error = await plan(of, name).then(
    () => undefined,
    (thrown: unknown) => errorReport(thrown),
  )
  if (!error) throw new Error('the plan held')
  expect(error.exitCode).toBe(2)
  return errorText(error)
}

describe('plan', () => {
  it('says which datasets are forwarded', async () => {
    const { datasets } = await plan(opened, 'right')
    expect(datasets.map(({ name, note }) => `${name}: ${note}`)).toEqual([
      'sale: window sold, forwarded',
      'shop: whole, forwarded',
      'other: whole',
    ])
  })

  it('says which of them land before', async () => {
    const { datasets } = await plan(opened, 'landing')
    expect(datasets.map(({ name, note }) => `${name}: ${note}`)).toEqual([
      'sale: window sold, lands undecoded, forwarded',
      'shop: whole, lands undecoded, forwarded',
      'other: whole',
    ])
  })

  it.each(CASES)('refuses a forwarded dataset that is more than loaded: %s', async (name, _right, _wrong, message) => {
    expect(await refusal(opened, name)).toBe(`error: ${name} extract ${message}`)
  })

  it('refuses a warehouse of another kind', async () => {
    const file = await openProject(project.folder, 'file')
    expect(await refusal(file, 'right')).toBe(
      `error: right extract sale: "sale" is forwarded, which a warehouse of kind duckdb cannot take${HINT}`,
    )
  })
})
