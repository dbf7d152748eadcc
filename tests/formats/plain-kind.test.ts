import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { plainCsvCheck } from '../../lib/engines/plain-csv.ts'
import { duckdbType, parseType } from '../../lib/engines/types.ts'
import { plainKind, readCsv } from '../../lib/formats/csv.ts'
import { dialectOf } from '../../lib/formats/dialect.ts'
import { strictCast } from '../../lib/formats/strict.ts'
import { temporaryFolder } from '../kit/context.ts'

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 512 * 2 ** 20, threads: 2, temp: '/tmp/millrace-never-spills' })
})
afterAll(() => db.close())

const TYPES = [
  ...['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'float32', 'float64', 'date', 'timestamp'],
  ...['decimal(4,0)', 'decimal(9,2)', 'decimal(15,2)', 'decimal(18,6)', 'decimal(38,10)'],
]
const digits = (most: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: most })
const two = fc.integer({ min: 0, max: 70 }).map((n) => String(n).padStart(2, '0'))
const number = fc.tuple(fc.constantFrom('', '-'), digits(24), fc.constantFrom('', '.'), digits(12)).map((parts) => parts.join(''))
const date = fc
  .tuple(
    fc.integer({ min: 0, max: 9999 }).map((n) => String(n).padStart(4, '0')),
    two,
    two,
  )
  .map((parts) => parts.join('-'))
const clock = fc.tuple(two, two, two).map((parts) => parts.join(':'))
const timestamp = fc
  .tuple(
    date,
    fc.constantFrom(' ', 'T'),
    clock,
    fc.oneof(
      fc.constant(''),
      digits(7).map((d) => `.${d}`),
    ),
  )
  .map((parts) => parts.join(''))

// What the quickest way through a CSV file rests on: of a field that is plain, DuckDB's own reader makes what a strict cast of its text makes, or refuses it.
test.each(TYPES)('of plain fields the reader makes the same %s as a strict cast', async (text) => {
  const [type, dialect, file] = [parseType(text), dialectOf('x.csv', { header: false }), join(temporaryFolder(), 'x.csv')]
  const kind = plainKind(type)
  const plain = (value: string): boolean => {
    using check = plainCsvCheck({ ...dialect.csv, kinds: [kind] })
    return check.add(Buffer.from(`${value}\n`)) && check.end()
  }
  const value = kind === 'date' ? date : kind === 'timestamp' ? timestamp : number
  const values = fc.sample(value.filter(plain), { numRuns: 20_000, seed: 7 }).filter((each) => each !== '')
  writeFileSync(file, values.map((each) => `${each}\n`).join(''))
  const raw = readCsv([file], 1, dialect)
  // What the reader of the type refuses ends the way.
  const taken = `SELECT c0 FROM ${raw} WHERE TRY_CAST(c0 AS ${duckdbType(type)}) IS NOT NULL`
  const takenFile = join(temporaryFolder(), 'taken.csv')
  await db.run(`COPY (${taken}) TO '${takenFile}' (FORMAT csv, HEADER false, QUOTE '')`)
  const strict = `SELECT row_number() OVER () AS i, ${strictCast('c0', { name: 'text' }, type)} AS v FROM ${readCsv([takenFile], 1, dialect)}`
  const typed = `SELECT row_number() OVER () AS i, c0 AS v FROM ${readCsv([takenFile], [duckdbType(type)], dialect)}`
  const [found] = await db.meta(
    `SELECT count(*) AS n, count(*) FILTER (WHERE s.v IS DISTINCT FROM t.v OR s.v IS NULL) AS other FROM (${strict}) AS s JOIN (${typed}) AS t USING (i)`,
  )
  expect(found?.other).toBe('0')
  expect(Number(found?.n)).toBeGreaterThan(200)
})
