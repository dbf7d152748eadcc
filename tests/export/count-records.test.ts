import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countRecords } from '../../lib/export/verify/count-records.ts'
import { parseCsv } from '../kit/csv.ts'

const dialects = [
  { quote: '"', escape: '"' },
  { quote: "'", escape: "'" },
  { quote: '"', escape: '\\' },
]

function count(text: string, dialect: (typeof dialects)[number], size: number) {
  const counter = countRecords(dialect)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) counter.add(bytes.subarray(at, at + size))
  return { records: counter.records(), open: counter.open() }
}

test('countRecords counts what a strict reader reads, in any dialect, however the bytes are cut', () => {
  const field = fc.array(fc.constantFrom('a', '"', "'", '\\', '\n', '\r', ',', 'é'), { maxLength: 6 }).map((all) => all.join(''))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(field, field), { maxLength: 6 }),
      fc.constantFrom(...dialects),
      fc.constantFrom('\n', '\r\n'),
      fc.integer({ min: 1, max: 7 }),
      (rows, dialect, lineEnd, size) => {
        const escaped = (text: string) =>
          [...text].map((char) => (char === dialect.quote || char === dialect.escape ? dialect.escape + char : char)).join('')
        const text = rows
          .map((row) => `${row.map((value) => `${dialect.quote}${escaped(value)}${dialect.quote}`).join(',')}${lineEnd}`)
          .join('')
        const read = parseCsv(text, { ...dialect, delimiter: ',', lineEnd })
        expect(read.map((record) => record.map((each) => each.text))).toEqual(rows.map((row) => [...row]))
        expect(count(text, dialect, size)).toEqual({ records: rows.length, open: false })
      },
    ),
  )
})

test.each([
  ['', 0, false],
  ['a', 1, false],
  ['a\n', 1, false],
  ['a\nb', 2, false],
  ['\n', 1, false],
  ['"a\nb', 1, true],
  ['"a\nb"\n', 1, false],
])('countRecords of %j is %i', (text, records, open) => {
  expect(count(text, { quote: '"', escape: '"' }, 100)).toEqual({ records, open })
})
