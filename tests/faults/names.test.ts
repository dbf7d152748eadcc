import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quoteIdentifier } from '../../lib/core/quote.ts'
import { filesUnder } from '../kit/files-under.ts'
import { millrace } from '../kit/millrace.ts'
import { makeProject, type TestProject } from '../kit/project.ts'

/** Names with all that SQL, shells, paths and CSV give a meaning to. */
const DATASET = `select "the" d'été, %s`
const COMPUTED = 'group by 😀'
const FRAMED = 'from; --'
const TABLE = `order "by" main.größe; DROP TABLE x --`
const FRAMED_TABLE = 'select'
const KEY = `north & "süd" 'o'/1`
const FILE = `in [a] 'b' "c" {partition} ünï.csv`
const COLUMNS = ['table', 'sp ace', 'q"uote', `a'b`, 'Größe, 😀', 'a.b', '$1', '{partition}'] as const
const VALUES = ['NULL', `it's`, '"', `'; DROP TABLE x; --`, 'ü, 😀', '\\', '$1', '{partition}'] as const

const quoted = (text: string) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const CSV = [COLUMNS, VALUES].map((row) => `${row.map(quoted).join(',')}\n`).join('')
const js = JSON.stringify

const PIPELINE = `import { contract, csv, keys, merge, notNull, pipeline, replacePartition, source, sql, unique } from '#millrace'
import { schema } from './schema.ts'
const columns = ${js(Object.fromEntries(COLUMNS.map((column) => [column, 'text'])))} as const
export default pipeline({
  name: 'names', schema, partition: keys([${js(KEY)}]), parameters: { 'select': 'x' },
  extract: { ${js(DATASET)}: source('data').files(${js(FILE)}) },
  transform: {
    ${js(COMPUTED)}: sql\`SELECT * FROM ${quoteIdentifier(DATASET)} WHERE "table" <> $select\`,
    ${js(FRAMED)}: (all) => all[${js(COMPUTED)}].select(...${js(COLUMNS)}),
  },
  check: { ${js(DATASET)}: [notNull(...${js(COLUMNS)}), unique(...${js(COLUMNS)})] },
  load: { ${js(DATASET)}: merge(${js(TABLE)}, { key: ['q"uote', 'table'] }), ${js(FRAMED)}: replacePartition(${js(FRAMED_TABLE)}) },
  export: { ${js(FRAMED)}: csv("it's/{partition} & \\"all\\".csv", { contract: contract({ formulas: 'raw', columns, orderBy: ['q"uote'] }), plain: true }) },
})
`

let project: TestProject
beforeAll(() => {
  project = makeProject({
    [`data/${FILE.replace('{partition}', KEY)}`]: CSV,
    'pipelines/names/pipeline.ts': PIPELINE,
    'pipelines/names/schema.ts': 'export const schema = {} as const\n',
  })
})
afterAll(() => project.remove())

test('names that need quoting go through every stage as dataset, column, table, value, partition, parameter and file', async () => {
  const planned = await project.millrace('plan', 'names', '--discover')
  expect({ code: planned.code, stderr: planned.stderr }).toEqual({ code: 0, stderr: '' })
  const run = await millrace(project, 'run', 'names')
  expect(run.code, run.error).toBe(0)

  const names = COLUMNS.map(quoteIdentifier).join(', ')
  for (const table of [TABLE, FRAMED_TABLE])
    expect(await project.warehouse(`SELECT ${names} FROM ${quoteIdentifier(table)}`)).toEqual([VALUES])
  expect(await project.warehouse(`SELECT DISTINCT _partition FROM ${quoteIdentifier(TABLE)}`)).toEqual([[KEY]])
  const plain = filesUnder(project, '.millrace/dev/export').filter((file) => file.endsWith('"all".csv'))
  expect(plain).toEqual([`it's/north & "süd" 'o'%2F1 & "all".csv`])
  expect(readFileSync(project.path('.millrace/dev/export', plain[0] ?? ''), 'utf8')).toBe(CSV)

  expect(await millrace(project, 'run', 'names')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') })
  const shown = await millrace(project, 'show', 'names', DATASET)
  expect(shown.code, shown.error).toBe(0)
  for (const text of [...COLUMNS, ...VALUES]) expect(shown.stdout).toContain(text)
  expect((await millrace(project, 'status', 'names')).stdout).toContain(`\n${KEY}  done `)
})
