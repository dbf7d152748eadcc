import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { quoteIdentifier, quoteLiteral } from '../../lib/core/quote.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import { parseCsv } from '../kit/csv.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'
import { TOTAL, TRAVELLING, type Travelling } from './types-values.ts'

// The whole road for every carried type: a source file → Parquet → SQL, and SQL and a frame → the warehouse, and CSV → that CSV read back. Each value is compared with what types-values.ts says by the letter.

const NAMES = Object.keys(TRAVELLING)
const ALL = { id: 'int64', ...Object.fromEntries(Object.entries(TRAVELLING).map(([name, { type }]) => [name, type])) }
/** A frame reads no interval: those stay in SQL. */
const FRAMED = Object.fromEntries(Object.entries(ALL).filter(([, type]) => type !== 'interval'))
const DIALECT = { delimiter: '|', quote: "'", null: '\\N', lineEnd: '\r\n' } as const

/** The third row is NULL throughout. */
const ROWS = [0, 1, undefined] as const
const at = (column: Travelling | undefined, of: 'csv' | 'json' | 'delivered' | 'duckdb', row: 0 | 1 | undefined): string | null => {
  if (row === undefined || !column) return null
  const { csv, json, delivered = csv, duckdb = delivered } = column
  return { csv, json: json ?? csv.map((text) => JSON.stringify(text)), delivered, duckdb }[of][row] ?? null
}

const SOURCES = {
  csv: ['id', ...NAMES].join(',').concat(
    '\n',
    ...ROWS.map((row, i) => {
      const fields = NAMES.map((name) => at(TRAVELLING[name], 'csv', row)).map((text) =>
        text === null ? '' : `"${text.replaceAll('"', '""')}"`,
      )
      return `${[i + 1, ...fields].join(',')}\n`
    }),
  ),
  ndjson: ROWS.map((row, i) => {
    const fields = NAMES.map((name) => `${JSON.stringify(name)}: ${at(TRAVELLING[name], 'json', row) ?? 'null'}`)
    return `{"id": ${i + 1}, ${fields.join(', ')}}\n`
  }).join(''),
}

const PIPELINE = (format: string) => `import { contract, csv, pipeline, replace, source, sql } from '#millrace'
import { schema } from './schema.ts'

const promised = (columns) => contract({
  columns, orderBy: ['id'], formulas: 'raw',
  delimiter: '|', quote: "'", null: '\\\\N', lineEnd: '\\r\\n',
})

export default pipeline({
  name: 'types', schema,
  extract: { table: source('data').files('table.${format}') },
  transform: {
    whole: sql\`SELECT *, CAST(sum(big) OVER () AS DECIMAL(38, 0)) AS total FROM "table"\`,
    plain: sql\`SELECT * EXCLUDE (span) FROM "table"\`,
    backwards: { frame: ({ plain }) => plain.sort('id', true) },
    framed: sql\`SELECT * REPLACE (
      CAST(id128 AS UUID) AS id128, CAST(doc AS JSON) AS doc, CAST(deep AS STRUCT(u UUID, j JSON)[]) AS deep
    ) FROM backwards\`,
  },
  load: { whole: replace('whole'), framed: replace('framed') },
  export: {
    whole: csv('whole.csv', { contract: promised(schema.whole), plain: true }),
    framed: csv('framed.csv', { contract: promised(schema.framed), plain: true }),
  },
})
`

function projectOf(format: keyof typeof SOURCES): TestProject {
  const results = { whole: { ...ALL, total: 'decimal(38,0)' }, plain: FRAMED, framed: FRAMED }
  return testProject({
    [`data/table.${format}`]: SOURCES[format],
    'pipelines/types/pipeline.ts': PIPELINE(format),
    'pipelines/types/schema.ts': `export const schema = ${JSON.stringify({ table: ALL, ...results })} as const\n`,
  })
}

describe.each(Object.keys(SOURCES) as (keyof typeof SOURCES)[])('every carried type, from %s', (format) => {
  test('arrives in the warehouse and in the delivered file as it was, by SQL alone and by a frame', async () => {
    const project = projectOf(format)
    expect((await millrace(project, 'plan', 'types')).error).toBe('')
    const { code, error } = await millrace(project, 'run', 'types')
    expect(code, error).toBe(0)
    for (const [table, columns, more] of [
      ['whole', ALL, { total: TOTAL }],
      ['framed', FRAMED, {}],
    ] as const) {
      const names = Object.keys(columns).filter((name) => name !== 'id')
      const expected = (of: 'delivered' | 'duckdb') =>
        ROWS.map((row, i) => ({
          id: String(i + 1),
          ...Object.fromEntries(names.map((name) => [name, at(TRAVELLING[name], of, row)])),
          ...more,
        }))
      const texts = ['id', ...names, ...Object.keys(more)]

      const loaded = await project.warehouse(`SELECT ${texts.map((name) => `${quoteIdentifier(name)}::VARCHAR`)} FROM ${table} ORDER BY id`)
      expect(named(texts, loaded), `${table} in the warehouse`).toEqual(expected('duckdb'))

      const file = project.path('.millrace/dev/export', `${table}.csv`)
      const [header = [], ...records] = parseCsv(readFileSync(file, 'utf8'), DIALECT)
      expect(header.map(({ text }) => text)).toEqual(texts)
      const fields = records.map((record) => record.map(({ text, quoted }) => (text === DIALECT.null && !quoted ? null : text)))
      expect(named(texts, fields), `${table}.csv by RFC 4180`).toEqual(expected('delivered'))
      expect(await readBack(file, texts), `${table}.csv by DuckDB`).toEqual(expected('duckdb'))
    }
  })
})

const named = (names: readonly string[], rows: readonly (readonly (string | null)[])[]) =>
  rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))

/** A delivered file's rows as DuckDB reads them by the contract's dialect, made values of the contract's types again, as text. */
async function readBack(file: string, names: readonly string[]) {
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: `${file}.tmp`, zone: 'UTC' })
  try {
    const columns = names.map((name) => `${quoteLiteral(name)}: 'VARCHAR'`)
    const from = `read_csv(${quoteLiteral(file)}, auto_detect = false, header = true, delim = '|', quote = '''', escape = '''', nullstr = '\\N', new_line = '\\r\\n', allow_quoted_nulls = false, columns = {${columns}})`
    const values = names.map((name) => {
      const { type = 'decimal(38,0)', back = (v: string) => `CAST(${v} AS ${duckdbTypeFromText(type)})` } =
        name === 'id' ? { type: 'int64' } : (TRAVELLING[name] ?? {})
      return `${back(quoteIdentifier(name))}::VARCHAR AS ${quoteIdentifier(name)}`
    })
    return await db.meta(`SELECT ${values} FROM ${from} ORDER BY id`)
  } finally {
    db.close()
  }
}
