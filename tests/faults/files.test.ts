import { readFileSync, rmSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { makeProject, type TestProject } from '../kit/project.ts'
import { committed, expectNothingToSee, expectNothingWritten, reset, seenByReaders } from './kit.ts'

/** One pipeline for each format; all else the same. */
const pipelineOf = (name: string, file: string) => ({
  [`pipelines/${name}/pipeline.ts`]: `import { contract, csv, notNull, pipeline, replace, source, sql } from '#millrace'
import { schema } from '../schema.ts'
export default pipeline({
  name: '${name}', schema,
  extract: { line: source('data').files('${file}') },
  transform: {
    total: sql\`SELECT shop, count(*) AS n, CAST(sum(amount) AS DECIMAL(18,2)) AS amount FROM line GROUP BY ALL\`,
    named: ({ line }) => line.select('id', 'shop', 'note'),
  },
  check: { line: [notNull('id')] },
  load: { line: replace('line'), total: replace('total') },
  export: { named: csv('named.csv', { contract: contract({ formulas: 'raw', columns: { id: 'int64', shop: 'text', note: 'text' }, orderBy: ['id'] }), plain: true }) },
})
`,
})

const SCHEMA = `export const schema = {
  line: { id: 'int64', shop: 'text', amount: 'decimal(9,2)', note: 'text' },
  total: { shop: 'text', n: 'int64', amount: 'decimal(18,2)' },
  named: { id: 'int64', shop: 'text', note: 'text' },
} as const
`

const CSV = 'id,shop,amount,note\n1,a,1.50,\n2,b,2.50,x\n3,a,4.00,"y, z"\n'
const JSON_TEXT = JSON.stringify([
  { id: 1, shop: 'a', amount: 1.5, note: null },
  { id: 2, shop: 'b', amount: 2.5, note: 'x' },
  { id: 3, shop: 'a', amount: 4, note: 'y, z' },
])
const GOOD: Readonly<Record<string, string | Uint8Array>> = {
  'in.csv': CSV,
  'in.json': JSON_TEXT,
  'in.csv.gz': gzipSync(CSV),
}
const FILES: Readonly<Record<string, string>> = { lines: 'in.csv', docs: 'in.json', packed: 'in.csv.gz' }

/** What is wrong, in which pipeline, what the file holds (null: there is none), the error after `failed shared datasets: `, the exit code. */
const BAD: readonly (readonly [what: string, pipeline: string, content: string | Uint8Array | null, error: string, code: number])[] = [
  [
    'a missing file',
    'lines',
    null,
    'lines extract line: no file matches "in.csv" in <project>/data\n  hint: put it there, or correct the path',
    1,
  ],
  [
    'an empty file',
    'lines',
    '',
    'lines extract line: in.csv is empty: it has no header\n  hint: put the whole file there; where lines begin with data, say header: false',
    3,
  ],
  [
    'a truncated file',
    'packed',
    gzipSync(CSV).subarray(0, -10),
    'packed extract line: in.csv.gz is cut off: its gzip stream has no end',
    3,
  ],
  [
    'a broken quote',
    'lines',
    CSV.replace('b,2.50', '"b,2.50'),
    'lines land line: line 3 of in.csv has a quote that is not closed, or text after one',
    3,
  ],
  ['a short row', 'lines', CSV.replace('2,b,2.50,x', '2,b'), 'lines land line: line 3 of in.csv has 2 columns, not 4', 3],
  ['a wrong type', 'lines', CSV.replace('2.50', 'two'), 'lines land line: column "amount" row 2 of in.csv: "two" is not a decimal(9,2)', 3],
  [
    'bytes that are no UTF-8',
    'lines',
    Buffer.from(CSV.replace(',x', ',\xff'), 'latin1'),
    "lines land line: line 3 of in.csv is not UTF-8 text\n  hint: say how the file is written: encoding: 'latin-1' or 'utf-16'",
    3,
  ],
  [
    'a missing column',
    'lines',
    CSV.replace('amount', 'amt'),
    'lines extract line: in.csv has no column "amount"; it has "id", "shop", "amt", "note"\n  hint: where the files are other ones now, millrace plan … --discover asks them; a column under another name: columns: { … }',
    3,
  ],
  ['JSON that ends early', 'docs', JSON_TEXT.slice(0, -20), 'docs extract line: in.json ends early: its JSON array has no end', 3],
]

let project: TestProject
const clean = new Map<string, object>()
const readers = new Map<string, object>()
beforeAll(async () => {
  project = makeProject({
    ...Object.assign({}, ...Object.entries(FILES).map(([name, file]) => pipelineOf(name, file))),
    'pipelines/schema.ts': SCHEMA,
    ...Object.fromEntries(Object.entries(GOOD).map(([name, text]) => [`data/${name}`, text])),
  })
  for (const name of Object.keys(FILES)) {
    const { code, stdout, stderr } = await millrace(project, 'run', name)
    expect(code, stdout + stderr).toBe(0)
    clean.set(name, await committed(project))
    readers.set(name, await seenByReaders(project))
    reset(project)
  }
})
afterAll(() => project.remove())
afterEach(() => {
  reset(project)
  for (const [name, content] of Object.entries(GOOD)) project.write({ [`data/${name}`]: content })
})

describe('run refuses, commits nothing, and works when it is mended:', () => {
  it.each(BAD)('%s', async (_what, name, content, error, code) => {
    const file = FILES[name] ?? ''
    if (content === null) rmSync(project.path('data', file))
    else project.write({ [`data/${file}`]: content })
    const bad = await millrace(project, 'run', name)
    expect({ code: bad.code, error: bad.error }).toEqual({ code, error: `failed shared datasets: ${error}` })
    expectNothingWritten(project)
    project.write({ [`data/${file}`]: GOOD[file] ?? '' })
    const mended = await millrace(project, 'run', name)
    expect(mended.code, mended.error).toBe(0)
    expect(await committed(project)).toEqual(clean.get(name))
  })

  it('a key that no object of a JSON file has: NULL, which a check refuses', async () => {
    project.write({ 'data/in.json': JSON_TEXT.replaceAll('"id"', '"ident"') })
    const bad = await millrace(project, 'run', 'docs')
    expect({ code: bad.code, error: bad.error }).toEqual({
      code: 3,
      error:
        'failed shared datasets: docs check line: notNull(id) failed for 3 of 3 rows: id=NULL shop=a amount=1.50 note=NULL, id=NULL shop=b amount=2.50 note=x, id=NULL shop=a amount=4.00 note=y, z (column "id")\n  hint: mend the data at its source and run again with --refresh, or change the check',
    })
    expectNothingToSee(project)
    project.write({ 'data/in.json': JSON_TEXT })
    const mended = await millrace(project, 'run', 'docs')
    expect(mended.code, mended.error).toBe(0)
    expect(await seenByReaders(project)).toEqual(readers.get('docs'))
  })
})

describe('run takes, and changes nothing of,', () => {
  /** Runs `lines` over a file; gives the loaded rows as text, and what was delivered. */
  async function through(content: string): Promise<{ readonly loaded: unknown; readonly delivered: string }> {
    project.write({ 'data/in.csv': content })
    const { code, error } = await millrace(project, 'run', 'lines')
    expect(code, error).toBe(0)
    return {
      loaded: await project.warehouse('SELECT id, shop, amount, note FROM line ORDER BY id'),
      delivered: readFileSync(project.path('.millrace/dev/export/named.csv'), 'utf8'),
    }
  }

  it('CRLF between rows, and within a value', async () => {
    expect(await through(CSV.replace('y, z', 'y\nz').replaceAll('\n', '\r\n'))).toEqual({
      loaded: [
        ['1', 'a', '1.50', null],
        ['2', 'b', '2.50', 'x'],
        ['3', 'a', '4.00', 'y\r\nz'],
      ],
      delivered: 'id,shop,note\n1,a,\n2,b,x\n3,a,"y\r\nz"\n',
    })
  })

  it('a field of 1 MB', async () => {
    const field = 'a "quoted", long\nfield é '.repeat(50_000)
    expect(Buffer.byteLength(field)).toBeGreaterThan(2 ** 20)
    const quoted = `"${field.replaceAll('"', '""')}"`
    const { loaded, delivered } = await through(CSV.replace('"y, z"', quoted))
    expect((loaded as string[][])[2]?.[3] === field).toBe(true)
    expect(delivered === `id,shop,note\n1,a,\n2,b,x\n3,a,${quoted}\n`).toBe(true)
  })

  it('columns that are all NULL, and texts that are all digits: they keep their types', async () => {
    const { loaded, delivered } = await through('id,shop,amount,note\n1,007,,\n2,0010,,\n')
    expect(loaded).toEqual([
      ['1', '007', null, null],
      ['2', '0010', null, null],
    ])
    expect(delivered).toBe('id,shop,note\n1,007,\n2,0010,\n')
    expect(
      await project.warehouse("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'line' AND column_index < 5"),
    ).toEqual([
      ['id', 'BIGINT'],
      ['shop', 'VARCHAR'],
      ['amount', 'DECIMAL(9,2)'],
      ['note', 'VARCHAR'],
    ])
  })
})
