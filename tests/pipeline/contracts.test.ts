import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'
import { millrace } from '../kit/millrace.ts'
import { CHECKOUT, type TestProject, testProject } from '../kit/project.ts'

// A command makes the project's folder the working folder, which then is removed.
afterEach(() => process.chdir(CHECKOUT))

const contractsOf = (one: string, two: string) => `import { contract } from '#millrace'
export const one = contract({ formulas: 'raw', ${one} })
export const two = contract({ formulas: 'raw', ${two} })
`
const ONE = "columns: { item: 'text', left: 'int64' }, orderBy: ['item']"
const TWO =
  "version: 2, columns: { item: 'text', worth: 'decimal(9,2)', left: 'int64' }, notNull: ['item'], orderBy: ['item'], delimiter: ';'"

/** One dataset that is delivered under two versions of its contract side by side, by two keys, and as a whole. */
const stock = () =>
  testProject({
    'data/krakow.csv': 'item,left,worth\nlamp,3,9.50\n',
    'data/wien.csv': 'item,left,worth\nlamp,4,9.00\nbed,5,120.00\n',
    'pipelines/stock/schema.ts': "export const schema = { stock: { item: 'text', left: 'int64', worth: 'decimal(9,2)' } } as const\n",
    'pipelines/stock/contracts.ts': contractsOf(ONE, TWO),
    'pipelines/stock/pipeline.ts': `import { csv, keys, pipeline, source } from '#millrace'
import { one, two } from './contracts.ts'
import { schema } from './schema.ts'
export default pipeline({
  name: 'stock', schema, partition: keys(['krakow', 'wien']),
  extract: { stock: source('data').files('{partition}.csv') },
  export: { stock: [csv('stock/{partition}.csv', { contract: one, plain: true }), csv('stock-v2/{partition}.csv', { contract: two, plain: true })] },
})`,
  })

const read = (project: TestProject, path: string) => readFileSync(project.path('.millrace/dev/export', path), 'utf8')
const json = async <T>(project: TestProject, ...argv: readonly string[]) =>
  JSON.parse((await millrace(project, 'contract', ...argv, '--json')).stdout) as T

/** Files of consumers, in a repository of their own. */
function consumers(files: Readonly<Record<string, object>>): string {
  const folder = temporaryFolder()
  for (const [name, value] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), JSON.stringify(value))
  }
  return folder
}

test('two versions of a contract are delivered side by side; the next change of one is told before it is made', async () => {
  const project = stock()
  expect(await millrace(project, 'contract', 'check')).toMatchObject({
    code: 0,
    stdout: '✓ stock/{partition}.csv: version 1; nothing is delivered yet\n✓ stock-v2/{partition}.csv: version 2; nothing is delivered yet',
  })
  expect((await millrace(project, 'run', 'stock')).code).toBe(0)
  expect(read(project, 'stock/wien.csv')).toBe('item,left\nbed,5\nlamp,4\n')
  expect(read(project, 'stock-v2/wien.csv')).toBe('item;worth;left\nbed;120.00;5\nlamp;9.00;4\n')
  expect((await millrace(project, 'contract', 'check', 'stock')).stdout).toBe(
    '✓ stock/{partition}.csv: version 1; version 1 is delivered for 2 partitions\n✓ stock-v2/{partition}.csv: version 2; version 2 is delivered for 2 partitions',
  )
  expect((await millrace(project, 'contract', 'diff', 'stock', 'stock/{partition}.csv')).stdout.split('\n')[0]).toBe(
    'stock/{partition}.csv: version 1, against version 1 as delivered for krakow and 1 more: nothing differs',
  )
  const whole = consumers({ 'v1.json': await json(project, 'show', 'stock', 'stock/{partition}.csv') })
  expect(await millrace(project, 'contract', 'diff', 'stock', '--against', join(whole, 'v1.json'))).toMatchObject({
    code: 0,
    stdout: `stock/{partition}.csv: version 1, against version 1 in ${join(whole, 'v1.json')}: nothing differs`,
  })
  const folder = consumers({
    'billing.json': {
      millrace: { consumer: 'billing', export: 'stock/{partition}.csv' },
      schema: { fields: [{ name: 'item', type: 'string' }] },
    },
    'depot/stock.json': { schema: { fields: [{ name: 'left', type: 'integer' }, { name: 'item' }] } },
  })
  expect(await millrace(project, 'contract', 'verify', '--expect', folder)).toMatchObject({
    code: 0,
    stdout: `✓ billing reads stock/{partition}.csv (${folder}/billing.json): holds
✓ stock reads stock/{partition}.csv (${folder}/depot/stock.json): holds

2 expectations, all of them hold`,
  })

  project.write({ 'pipelines/stock/contracts.ts': contractsOf("columns: { item: 'text', worth: 'decimal(9,2)' }, orderBy: ['item']", TWO) })
  const refused = await millrace(project, 'contract', 'check')
  expect(refused.code).toBe(2)
  expect(refused.stdout.split('\n').slice(0, 3)).toEqual([
    '✗ stock/{partition}.csv: version 1',
    '  error: stock export stock partition krakow: the contract breaks what readers were promised: "left" is gone',
    expect.stringContaining('  hint: add columns at the end only; else tell the readers, and give the contract version: 2'),
  ])
  expect(await millrace(project, 'run', 'stock', '--partition', 'krakow')).toMatchObject({
    code: 2,
    error: expect.stringContaining('the contract breaks what readers were promised: "left" is gone'),
  })
  const diff = await millrace(project, 'contract', 'diff', 'stock', '--against', join(whole, 'v1.json'))
  expect(diff.code).toBe(2)
  expect(diff.stdout.split('\n').slice(1)).toEqual([
    '  ! "left" is gone (breaking)',
    '    "worth" (decimal(9,2)) is new, column 2',
    expect.stringContaining(
      '  a run refuses it: the contract breaks what readers were promised: "left" is gone; add columns at the end only',
    ),
  ])
  const verified = await millrace(project, 'contract', 'verify', 'stock', '--expect', folder)
  expect(verified).toMatchObject({
    code: 3,
    stdout: `✓ billing reads stock/{partition}.csv (${folder}/billing.json): holds
✗ stock reads stock/{partition}.csv (${folder}/depot/stock.json): breaks
  column "left" is gone
    → contract: columns: "left" again, or the version that has it delivered too, at a path of its own

1 of 2 expectations broken`,
  })
})

test('contract show prints a contract as it is delivered, and as JSON one object for one export, a list for several', async () => {
  const project = stock()
  expect(
    (await millrace(project, 'contract', 'show', 'stock', 'stock-v2/{partition}.csv')).stdout,
  ).toBe(`stock-v2/{partition}.csv (csv), version 2: stock of stock

column  type          NULL    as delivered
──────  ────────────  ──────  ────────────────
item    text          never   as it is
worth   decimal(9,2)  may be  2 decimal places
left    int64         may be  digits

order      item
header     the names of the columns
delimiter  ";"
quotes     " where they are needed, doubled inside
null       nothing between the delimiters
line end   "\\n"
encoding   utf-8
formulas   raw
zero rows  headerOnly`)
  expect(await json(project, 'show', 'stock', 'stock/{partition}.csv')).toMatchObject({ name: 'stock', millrace: { version: 1 } })
  expect(await json(project, 'show', 'stock')).toMatchObject([{ name: 'stock' }, { name: 'stock-v2', dialect: { delimiter: ';' } }])
  expect(await millrace(project, 'contract', 'show', 'stock', 'stok/{partition}.csv')).toMatchObject({
    code: 2,
    stderr: `error: stock export: no export to "stok/{partition}.csv"; did you mean "stock/{partition}.csv"?
  hint: there are: stock/{partition}.csv, stock-v2/{partition}.csv`,
  })
})

test('contract verify says what nobody can tell, and what no export is', async () => {
  const project = stock()
  const schema = { fields: [{ name: 'item' }] }
  const folder = consumers({
    'gone.json': { path: 'orders.csv', schema },
    'other.json': { millrace: { pipeline: 'orders' }, schema },
  })
  const { consumers: found } = await json<{
    consumers: readonly { consumer: string; holds: boolean; breaches: readonly { what: string }[] }[]
  }>(project, ...['verify', 'stock', '--expect', folder])
  expect(found).toMatchObject([
    {
      ...{ consumer: 'gone', export: 'orders.csv', holds: false },
      breaches: [{ what: 'nothing is exported to orders.csv; there are: stock/{partition}.csv, stock-v2/{partition}.csv' }],
    },
  ])
  expect(await millrace(project, 'contract', 'verify', 'stock', '--expect', join(folder, 'other.json'))).toMatchObject({
    ...{ code: 0, stdout: 'nothing is expected; 1 of other pipelines left out' },
  })
  const values = consumers({ 'stock.json': { schema: { fields: [{ name: 'item', constraints: { minimum: 'a' } }] } } })
  expect(await millrace(project, 'contract', 'verify', '--expect', values)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`error: a contract does not promise minimum "a" of column "item", which is text`),
  })
  const partial = await millrace(project, 'contract', 'diff', 'stock', '--against', join(folder, 'gone.json'))
  expect(partial).toMatchObject({ code: 2, stderr: expect.stringContaining('does not say which export it is of') })
})

test.each([
  [['show'], 'contract show needs a pipeline'],
  [['verify'], 'contract verify needs --expect'],
  [['check', 'stock', 'stock.csv'], 'contract check takes no stock.csv'],
  [['show', 'stock', '--expect', 'a', '--against', 'b'], 'contract show takes no --against and --expect'],
  [['diff', 'stock', '--against', 'nowhere.json'], 'nowhere.json cannot be read: it is not there'],
])('contract %j is refused', async (argv, message) => {
  const { code, stderr } = await millrace(testProject({}), 'contract', ...argv)
  expect([code, stderr]).toEqual([2, expect.stringContaining(`error: ${message}`)])
  // Said once.
  expect(stderr).not.toContain('ENOENT')
})

test('contract check and verify go on where one pipeline cannot be read', async () => {
  const project = stock()
  project.write({ 'pipelines/broken/pipeline.ts': 'export default 5' })
  const checked = await millrace(project, 'contract', 'check')
  expect([checked.code, checked.stdout]).toEqual([
    2,
    expect.stringContaining('nothing is delivered yet\nbroken: cannot be read\n  error: broken: '),
  ])
  const folder = consumers({ 'stock.json': { schema: { fields: [{ name: 'item' }] } } })
  const { code, stdout } = await millrace(project, 'contract', 'verify', '--expect', folder)
  expect([code, stdout]).toEqual([
    2,
    expect.stringContaining(`✓ stock reads stock/{partition}.csv (${folder}/stock.json): holds\nbroken: cannot`),
  ])

  // What the broken one may export breaks nobody: nobody can tell.
  project.write({ 'pipelines/stock/pipeline.ts': 'export default 5' })
  const unread = await millrace(project, 'contract', 'verify', '--expect', folder, '--json')
  expect([unread.code, JSON.parse(unread.stdout)]).toMatchObject([2, { consumers: [{ holds: false, unknown: true, breaches: [] }] }])
})
