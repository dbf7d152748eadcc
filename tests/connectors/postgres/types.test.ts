import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CheckError } from '../../../lib/core/errors.ts'
import { quoteIdentifier } from '../../../lib/core/quote.ts'
import type { Reader } from '../../../lib/engines/reader.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf, ROADS, testReader, testRun, valuesOf } from './kit.ts'
import { REFUSED, TORTURE, TORTURE_TYPES } from './torture.ts'

let server: TestPostgres
let reader: Reader
let database: string
const rows = Math.max(...TORTURE.map(({ values }) => values.length)) + 1

beforeAll(async () => {
  ;[server, reader] = [await testPostgres(), testReader()]
  database = await server.createDatabase()
  await server.query(database, TORTURE_TYPES)
  const columns = TORTURE.map(({ type }) => `${quoteIdentifier(type)} ${type}`)
  await server.query(database, `CREATE TABLE torture (row int4, ${columns.join(', ')})`)
  // The last row of every column is null, as are those that it has no value for.
  const literal = (value: string | undefined, type: string) =>
    value === undefined ? 'NULL' : `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'::${type}`
  const lines = Array.from({ length: rows }, (_, row) => [row, ...TORTURE.map(({ values, type }) => literal(values[row], type))].join(', '))
  await server.query(database, lines.map((line) => `INSERT INTO torture VALUES (${line})`).join('; '))
})
afterAll(async () => {
  await reader.close()
  await server.stop()
})

/** A landed value in a form that the server reads back: what differs is DuckDB's own way to print. */
function printed(column: string, type: string): string {
  if (type === 'bytes') return `'\\x' || lower(hex(${column}))`
  // Its printing of instants is a millisecond off in far years.
  if (type === 'timestamptz')
    return `CASE WHEN isfinite(${column}) THEN CAST(make_timestamp(epoch_us(${column})) AS VARCHAR) || '+00' ELSE CAST(${column} AS VARCHAR) END`
  if (type.startsWith('list')) return `CAST(to_json(list_transform(${column}, lambda e: CAST(e AS VARCHAR))) AS VARCHAR)`
  return `CAST(${column} AS VARCHAR)`
}

/** A printed value through the server's own input. */
function readBack(value: string, type: string, described: string): string {
  if (!described.startsWith('list')) return `${value}::${type}`
  return `CASE WHEN ${value} IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(${value}::jsonb))::text[]::${type} END`
}

type Table = readonly (readonly (string | null)[])[]

/** Expressions as the server prints them, row by row. */
async function printedByDatabase(
  list: readonly string[],
  from = 'torture',
  order = 'row',
  values: readonly unknown[] = [],
): Promise<Table> {
  const client = await server.client(database)
  try {
    await client.query(`SET TimeZone = 'UTC'; SET extra_float_digits = 1`)
    const text = `SELECT ${list.map((each, i) => `(${each})::text AS c${i}`).join(', ')} FROM ${from} ORDER BY ${order}`
    const { rows } = await client.query({ text, rowMode: 'array', values: [...values] })
    return rows as Table
  } finally {
    await client.end()
  }
}

/** What differs, with the types and values of the torture table. */
function differencesOf(came: Table, want: Table): string[] {
  expect([came.length, want.length]).toEqual([rows, rows])
  return TORTURE.flatMap(({ type, values }, i) =>
    want.flatMap((row, n) =>
      came[n]?.[i] === row[i] ? [] : [`${type} ${values[n]}: ${JSON.stringify(row[i])} came as ${JSON.stringify(came[n]?.[i])}`],
    ),
  )
}

const beforeChrist = (text: string) => text.replace(/^(\S+) \(BC\)(.*)$/, '$1$2 BC')

describe.each(ROADS)('by %s', (road) => {
  it('describe says the type that holds every value', async () => {
    const run = testRun(server, database, reader, { road })
    const columns = await run.source.describe({ dataset: 'd', request: { method: 'table', table: 'torture' } }, run.ctx)
    await run.close()
    expect(columns).toEqual({ row: 'int32', ...Object.fromEntries(TORTURE.map(({ type, described }) => [type, described])) })
  })

  it('every value of every type is what the database itself prints', async () => {
    const run = testRun(server, database, reader, { road })
    const landed = await run.land({ method: 'table', table: 'torture' })
    await run.close()
    expect(landed.rows).toBe(rows)
    const came = await valuesOf(landed, 't."row"', printed)
    const want = await printedByDatabase(TORTURE.map(({ type }) => quoteIdentifier(type)))
    const columns = came.map((row) => row.slice(1).map((value) => value && beforeChrist(value)))
    const back = await printedByDatabase(
      TORTURE.map(({ type, described }, i) => (described === 'text' ? `c[${i + 1}]` : readBack(`c[${i + 1}]`, type, described))),
      `(SELECT ARRAY(SELECT jsonb_array_elements_text(e)) AS c, n FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS x(e, n)) AS came`,
      'n',
      [JSON.stringify(columns)],
    )
    expect(differencesOf(back, want)).toEqual([])
  })

  it('every type comes as the exact text of the database where the column is declared text', async () => {
    const run = testRun(server, database, reader, { road })
    const columns = Object.fromEntries(['row', ...TORTURE.map(({ type }) => type)].map((name) => [name, 'text']))
    const landed = await run.land({ method: 'table', table: 'torture' }, { columns })
    await run.close()
    const want = await printedByDatabase(TORTURE.map(({ type }) => quoteIdentifier(type)))
    const came = await valuesOf(landed, 'CAST(t."row" AS INT)')
    expect(
      differencesOf(
        came.map((row) => row.slice(1)),
        want,
      ),
    ).toEqual([])
  })

  it('a NaN that a column of decimals cannot hold is found among many columns, and is nothing to a column that is not read', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `n${i}`)
    await server.query(database, `CREATE TABLE many_${road} (id int4, ${names.map((name) => `${name} numeric(9,2)`).join(', ')})`)
    await server.query(
      database,
      `INSERT INTO many_${road} (id, n3, n7, n118) VALUES (1, 0, NULL, 1.5), (2, 0, 1, 'NaN'), (3, 2.25, 'NaN', 0)`,
    )
    const request = { method: 'table', table: `many_${road}` } as const
    const run = testRun(server, database, reader, { road })
    const columns = await run.source.describe({ dataset: 'd', request }, run.ctx)
    const error = await errorOf(run.land(request, { columns }))
    const { n7: _, n118: __, ...others } = columns
    const landed = await run.land(request, { columns: others })
    await run.close()
    expect(error).toMatchObject({ place: { column: 'n118', row: 2, value: 'NaN' } })
    expect(await valuesOf({ ...landed, columns: { n3: 'decimal(9,2)' } }, 'id')).toEqual([['0.00'], ['0.00'], ['2.25']])
  })

  it.each(REFUSED)(
    'a value $value of $type is not $declared, and the error says where it is',
    async ({ type, declared, value, said = value }) => {
      await server.query(database, `DROP TABLE IF EXISTS refused; CREATE TABLE refused (id int4, v ${type})`)
      await server.query(database, `INSERT INTO refused VALUES (1, NULL), (2, $1::text::${type}), (3, NULL)`, [value])
      const run = testRun(server, database, reader, { road })
      const error = await errorOf(run.land({ method: 'table', table: 'refused' }, { columns: { id: 'int32', v: declared } }))
      await run.close()
      expect(error).toBeInstanceOf(CheckError)
      expect((error as CheckError).message).toContain(`column "v" row 2 of public.refused: ${JSON.stringify(said)} is not `)
      expect((error as CheckError).place).toMatchObject({ dataset: 'd', column: 'v', row: 2, value: said })
    },
  )
})
