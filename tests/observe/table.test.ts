import { expect, test } from 'vitest'
import { columnsOf, datasetColumns, table } from '../../lib/observe/table.ts'
import { displayWidth, truncate } from '../../lib/observe/width.ts'

test('table aligns names, types, numbers and wide characters', () => {
  const text = table(datasetColumns({ name: 'text', amount: 'decimal(10,2)', day: 'date' }), [
    ['Łódź', '1.50', '2018-02-04'],
    ['東京 🗼', '1234.00', '2018-02-05'],
    ['e\u0301', null, null],
  ])
  expect(text).toBe(
    [
      'name            amount  day',
      'text     decimal(10,2)  date',
      '───────  ─────────────  ──────────',
      'Łódź              1.50  2018-02-04',
      '東京 🗼        1234.00  2018-02-05',
      'e\u0301                 null  null',
    ].join('\n'),
  )
})

test("table keeps null, the text null, '' and blanks apart", () => {
  const lines = table([{ name: 'v' }], [[null], ['null'], [''], [' a'], ['a '], ['a'], ["'a'"]])
    .split('\n')
    .slice(2)
  expect(lines).toEqual(['null', "'null'", "''", "' a'", "'a '", 'a', "''a''"])
  expect(new Set(lines).size).toBe(lines.length)
})

test('table escapes what could break a line or steer the terminal', () => {
  const text = table([{ name: 'v' }], [['a\nb\tc'], ['\x1b[31mred'], ['a\u202eb']])
  expect(text.split('\n').slice(2)).toEqual(['a\\nb\\tc', '\\u001b[31mred', 'a\\u202eb'])
})

test('table cuts long cells and ends no line with blanks', () => {
  const text = table(
    [{ name: 'v' }, { name: 'w' }],
    [
      ['x'.repeat(100), 'y'],
      ['東'.repeat(40), ''],
    ],
    { maxCell: 10, indent: '  ' },
  )
  expect(text.split('\n').slice(2)).toEqual(['  xxxxxxxxx…  y', "  東東東東…   ''"])
  expect(text).not.toMatch(/ $/m)
})

test('table cuts the last column to the width of a line', () => {
  const columns = [{ name: 'day' }, { name: 'reason' }]
  const rows = [['2024-01-01', 'no file matches "sales.csv"']]
  expect(table(columns, rows, { width: 30 })).toBe(`day         reason
──────────  ──────────────────
2024-01-01  no file matches "…`)
  expect(table(columns, rows, { width: 5 })).toContain('\n2024-01-01  no file mat…')
  expect(table(columns, rows, { width: 80 })).toBe(table(columns, rows))
})

test('table of no rows has its heading', () => {
  expect(table([{ name: 'a' }, { name: 'bc' }], [])).toBe('a  bc\n─  ──')
})

test('columnsOf leaves empty cells empty', () => {
  expect(
    columnsOf(
      [
        ['run', '1'],
        ['', '22'],
      ],
      ['left', 'right'],
    ),
  ).toBe('run   1\n     22')
})

test.each([
  ['abc', 3],
  ['', 0],
  ['東京', 4],
  ['ｶﾅ', 2],
  ['ＡＢ', 4],
  ['한글', 4],
  ['👩‍👩‍👧', 2],
  ['🇩🇪', 2],
  ['❤️', 2],
  ['e\u0301', 1],
  ['a\u200bb', 2],
])('displayWidth of %j', (text, width) => {
  expect(displayWidth(text)).toBe(width)
})

test('displayWidth and truncate take the characters of our own texts as they take them beside others', () => {
  const letters = Array.from({ length: 0x2600 }, (_, code) => String.fromCharCode(code))
  expect(letters.filter((letter) => displayWidth(`${letter}.`) !== displayWidth(`${letter}.漢`) - 2)).toEqual([])
  expect(['→ naïve…', '→ naïve漢'].map((text) => truncate(text, 5))).toEqual(['→ na…', '→ na…'])
  expect(truncate('→→', 1)).toBe('…')
})
