import { expect, test } from 'vitest'
import { millrace } from '../../kit/millrace.ts'
import { type CommandResult, type TestProject, testProject } from '../../kit/project.ts'

const SQL = (select: string) => `sql\`SELECT sale.id, price${select} FROM sale JOIN item USING (item)\``
const FRAME = "({ sale, item }) => sale.join(item, { on: 'item' }).select('id', 'price')"

const files = ({ sale = '', item = '', select = '', load = '', check = '', step = SQL(select) }) => ({
  'pipelines/p/schema.ts': `export const schema = { sale: { id: 'int32', item: 'text', sold: 'timestamp'${sale} }, item: { item: 'text', price: 'int32'${item} }, worth: { id: 'int32', price: 'int32'${select && ", more: 'text'"} } } as const\n`,
  'pipelines/p/pipeline.ts': `import { day, notNull, pipeline, replacePartition, source, sql, unique } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-08' }),
  extract: { sale: source('data').files('sales.csv', { window: 'sold' }), item: source('data').files('items.csv') },
  transform: { worth: ${step} },
  check: { ${check} },
  load: { worth: replacePartition('worth')${load} },
})`,
})
const data = {
  'data/sales.csv': 'id,item,sold,note\n1,bed,2024-01-08 10:00:00,a\n2,mug,2024-01-09 10:00:00,b\n',
  'data/items.csv': 'item,price,hue\nbed,9,red\nmug,2,blue\n',
}
const project = () => testProject({ ...data, ...files({}) })
const NOTHING_DUE = /nothing to do/

async function outcomes(of: TestProject, ...argv: readonly string[]) {
  return steps(await millrace(of, ...argv, '--json'))
}

function steps({ code, stdout, stderr }: Pick<CommandResult, 'code' | 'stdout' | 'stderr'>) {
  expect(code, stdout + stderr).toBe(0)
  const { partitions } = JSON.parse(stdout) as {
    partitions: { partition: string; steps: { stage: string; dataset: string; outcome: string }[] }[]
  }
  return partitions.flatMap(({ partition, steps }) =>
    steps.flatMap((step) => (step.outcome === 'done' ? [`${partition} ${step.stage} ${step.dataset}`] : [])),
  )
}

test('columns that nothing reads change nothing: no window is read again, no target is made again', async () => {
  const sales = project()
  expect((await millrace(sales, 'run', 'p')).code).toBe(0)
  sales.write(files({ sale: ", note: 'text'", item: ", hue: 'text'" }))
  expect(await outcomes(sales, 'run', 'p', '--partition', '2024-01-08')).toEqual([])
  // The file has changed: it lands with the new column, and still nothing is made of it.
  sales.write({ 'data/items.csv': data['data/items.csv'].replace('red', 'green') })
  expect(await outcomes(sales, 'run', 'p', '--partition', '2024-01-08')).toEqual([' extract item', ' land item'])
  expect((await millrace(sales, 'run', 'p')).stdout).toMatch(NOTHING_DUE)
  // Read again, the window has the new column, and the target the same key.
  expect((await outcomes(sales, 'run', 'p', '--partition', '2024-01-08', '--refresh')).filter((each) => !each.startsWith(' '))).toEqual([
    '2024-01-08 extract sale',
    '2024-01-08 land sale',
  ])
})

test('a column that is read from now on, or whose type is another one, has its windows read again', async () => {
  const sales = project()
  expect((await millrace(sales, 'run', 'p')).code).toBe(0)
  sales.write(files({ sale: ", note: 'text'", select: ', sale.note AS more' }))
  const all = ['2024-01-08', '2024-01-09'].flatMap((day) =>
    ['extract sale', 'land sale', 'transform worth', 'load worth'].map((step) => `${day} ${step}`),
  )
  // The table has a new column.
  expect((await outcomes(sales, 'run', 'p')).filter((each) => !each.startsWith(' '))).toEqual(all)
})

test('code that reads another column of what has landed makes nothing due: it is stale; what landed since is due', async () => {
  const noted = ", note: 'text'"
  const sales = testProject({ ...data, ...files({ sale: noted }) })
  expect((await millrace(sales, 'run', 'p')).code).toBe(0)
  const other = "sql`SELECT sale.id, price FROM sale JOIN item USING (item) WHERE note <> 'z'`"
  sales.write(files({ sale: noted, step: other }))
  expect((await millrace(sales, 'run', 'p')).stdout).toMatch(/nothing is due .*[\s\S]*\n2 stale: made by other code/)
  expect((await millrace(sales, 'plan', 'p', '--stale')).stdout).toMatch(
    /2 of 2 partitions that are done are stale\n\nSQL of worth changed/,
  )
  expect(await outcomes(sales, 'run', 'p', '--stale', '--to', '2024-01-09')).toEqual([
    '2024-01-08 transform worth',
    '2024-01-08 load worth',
  ])
  // Of the day whose commit does not read the note, another note has landed, and the run that landed it was killed.
  sales.write({ 'data/sales.csv': data['data/sales.csv'].replace(',b\n', ',c\n') })
  expect((await millrace(sales, 'run', 'p', '--from', '2024-01-09', '--refresh', '--only', 'land')).code).toBe(0)
  expect(await outcomes(sales, 'run', 'p')).toEqual(['2024-01-09 transform worth', '2024-01-09 load worth'])
  expect((await millrace(sales, 'run', 'p')).stdout).toMatch(NOTHING_DUE)
})

test('other values in a column that nothing reads make nothing again; in one that is read they do', async () => {
  const sales = project()
  expect((await millrace(sales, 'run', 'p')).code).toBe(0)
  sales.write(files({ sale: ", note: 'text'" }))
  const again = ['run', 'p', '--partition', '2024-01-08', '--refresh'] as const
  await outcomes(sales, ...again)
  sales.write({ 'data/sales.csv': data['data/sales.csv'].replace(',a\n', ',changed\n') })
  expect(await outcomes(sales, ...again)).toEqual(expect.not.arrayContaining(['2024-01-08 load worth']))
  sales.write({ 'data/sales.csv': data['data/sales.csv'].replace('1,bed', '1,mug') })
  expect(await outcomes(sales, ...again)).toContain('2024-01-08 load worth')
})

test('whose whole rows go on keeps every column', async () => {
  const loads = (sale: string) => files({ sale, load: ", sale: replacePartition('sale')" })
  const sales = testProject({ ...data, ...loads('') })
  expect((await millrace(sales, 'run', 'p')).code).toBe(0)
  sales.write(loads(", note: 'text'"))
  expect((await outcomes(sales, 'run', 'p')).filter((each) => !each.startsWith(' '))).toEqual(
    ['2024-01-08', '2024-01-09'].flatMap((day) => ['extract sale', 'land sale', 'load sale'].map((step) => `${day} ${step}`)),
  )
})

test('checks depend on the columns that they name', async () => {
  const checked = (sale: string, rule = 'sql`id < 10`') => files({ sale, check: `sale: [notNull('item'), unique('id'), ${rule}]` })
  const sales = testProject({ ...data, ...checked('') })
  expect((await millrace(sales, 'run', 'p')).code).toBe(0)
  sales.write(checked(", note: 'text'"))
  expect(await outcomes(sales, 'run', 'p')).toEqual([])
  sales.write(checked(", note: 'text'", 'sql`"Note" <> item`'))
  expect(await outcomes(sales, 'run', 'p')).toContain('2024-01-08 land sale')
})

test('a frame depends on the columns that its plan needs', async () => {
  const sales = testProject({ ...data, ...files({ step: FRAME }) })
  // In a process of its own each time: a frame's text is hashed, and here it went through vitest.
  const run = async () => steps(await sales.millrace('run', 'p', '--partition', '2024-01-08', '--json'))
  expect(await run()).toContain('2024-01-08 load worth')
  // The file has changed: it lands with the new column, and nothing is made of it.
  sales.write({
    ...files({ step: FRAME, sale: ", note: 'text'", item: ", hue: 'text'" }),
    'data/items.csv': data['data/items.csv'].replace('red', 'green'),
  })
  expect(await run()).toEqual([' extract item', ' land item'])
  sales.write({ 'data/items.csv': data['data/items.csv'].replace('bed,9', 'bed,8') })
  expect(await run()).toContain('2024-01-08 load worth')
})
