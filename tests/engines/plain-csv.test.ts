import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPlainCsv, type PlainCsv, type PlainKind, plainCsvCheck } from '../../lib/engines/plain-csv.ts'
import { temporaryFolder } from '../kit/context.ts'

const base: PlainCsv = { delimiter: ',', quote: '"', escape: '"', header: false, nulls: ['', 'NA'], kinds: ['any'] }

/** Whether a text is plain that comes in pieces of `size` bytes. */
function plain(text: string, csv: Partial<PlainCsv>, size = 2 ** 16): boolean {
  using check = plainCsvCheck({ ...base, ...csv })
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) if (!check.add(bytes.subarray(at, at + size))) return false
  return check.end()
}

const field = (kind: PlainKind) => (text: string) => plain(`${text},x\n`, { kinds: [kind, 'any'] })

/** The same by patterns over the whole text. */
function expected(text: string, { delimiter, quote, escape: escaper, header, nulls, kinds }: PlainCsv): boolean {
  const own = escaper === quote
  const inside = own ? `(?:[^${quote}]|${quote}${quote})*` : `(?:[^${quote}\\${escaper}]|\\${escaper}[${quote}\\${escaper}])*`
  const bare = `[^${delimiter}${quote}${own ? '' : `\\${escaper}`}\\r\\n]*`
  const one = new RegExp(`(?:${quote}(?<quoted>${inside})${quote}|(?<bare>${bare}))(?<end>${delimiter}|\\r?\\n)`, 'y')
  const whole = text.replace(/^\uFEFF/, '')
  const all = whole === '' || whole.endsWith('\n') ? whole : `${whole}\n`
  for (let row = 0, at = 0; at < all.length; row++) {
    for (let column = 0; ; column++) {
      one.lastIndex = at
      const { groups } = one.exec(all) ?? {}
      if (!groups) return false
      at = one.lastIndex
      const last = groups.end !== delimiter
      if (last !== (column === kinds.length - 1)) return false
      if (!(header && row === 0) && !isOf(kinds[column] ?? 'any', groups.quoted ?? groups.bare ?? '', groups.quoted !== undefined, nulls))
        return false
      if (last) break
    }
  }
  return true
}

function isOf(kind: PlainKind, value: string, quoted: boolean, nulls: readonly string[]): boolean {
  if (kind === 'any' || value === '' || (!quoted && nulls.includes(value))) return true
  if (kind === 'date') return /^\d{4}-\d\d-\d\d$/.test(value)
  if (kind === 'timestamp') return /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?$/.test(value)
  return value.length <= 40 && /\d/.test(value) && new RegExp(`^-?\\d*(\\.\\d{0,${kind.scale}})?$`).test(value)
}

describe('plainCsvCheck', () => {
  it.each<[PlainKind, readonly string[], readonly string[]]>([
    [
      { scale: 0 },
      ['0', '-1', '007', '9223372036854775807', '12345678901234567', '1.', ''],
      ['1.5', '+1', ' 1', '1 ', '1e3', '1_000', '-', '.', '0x1'],
    ],
    [
      { scale: 2 },
      ['1.25', '-0.5', '.5', '-.25', '3', '123456789012345678901234567890.12'],
      ['1.255', '1.2.3', '1,5 ', '1.2500', '-.', '1-', '1e-2'],
    ],
    [
      'date',
      ['2001-02-03', '9999-99-99'],
      ['2001-2-3', '2001/02/03', '2001-02-03 ', '2001-02-03 04:05', '2001-02-0x', '12001-02-03', 'infinity', 'epoch'],
    ],
    [
      'timestamp',
      ['2001-02-03 04:05:06', '2001-02-03T04:05:06', '2001-02-03 04:05:06.7', '2001-02-03 04:05:06.123456'],
      [
        '2001-02-03',
        '2001-02-03 04:05',
        '2001-02-03 04:05:06Z',
        '2001-02-03 04:05:06.',
        '2001-02-03 04:05:06.1234567',
        '2001-02-03_04:05:06',
      ],
    ],
  ])('%j', (kind, good, bad) => {
    for (const text of ['', 'NA', ...good]) expect([text, field(kind)(text)]).toEqual([text, true])
    for (const text of ['NAN', 'N', 'A', ...bad]) expect([text, field(kind)(text)]).toEqual([text, false])
    for (const text of good) expect([text, field(kind)(`"${text}"`)]).toEqual([text, true])
    // In quotes it is no null text.
    expect(field(kind)('"NA"')).toBe(false)
  })

  it.each([
    ['a quote inside', 'a"b,1\n'],
    ['something behind a quoted field', '"a"b,1\n'],
    ['a quoted field without an end', '"a,1\n'],
    ['a carriage return alone', 'a\rb,1\n'],
    ['a field too few', 'a\n'],
    ['a field too many', 'a,1,\n'],
    ['an empty line', 'a,1\n\nb,2\n'],
    ['a record that is longer than a piece', `${'a'.repeat(2 ** 20)},1\n`],
  ])('%s is not plain', (_, text) => {
    expect(plain(text, { kinds: ['any', { scale: 0 }] })).toBe(false)
  })

  it('takes quoted fields with quotes, delimiters and lines in them, CR LF, a byte-order mark, a header, and a last line without an end', () => {
    const kinds = ['any', { scale: 0 }] as const
    expect(plain('\uFEFF"name","n, or so"\r\n"a ""b"", c\n",1\r\n"",2', { kinds, header: true })).toBe(true)
    expect(plain('"a \\"b\\\\", c\n",1\n', { kinds, escape: '\\' })).toBe(false)
    expect(plain('"a \\"b\\\\, c\n",1\n', { kinds, escape: '\\' })).toBe(true)
    expect(plain('name,n\n', { kinds, header: true })).toBe(true)
    expect(plain('name,n', { kinds, header: true })).toBe(true)
    expect(plain('name,n\n', { kinds })).toBe(false)
    expect(plain('', { kinds })).toBe(true)
  })

  it('agrees with patterns on any text in any pieces', () => {
    const kind = fc.constantFrom<PlainKind>('any', 'any', 'date', 'timestamp', { scale: 0 }, { scale: 2 })
    const unit = fc.constantFrom(
      ...['1', '23', '-', '.', '.5', '2001-02-03', '2001-02-03 04:05:06', ' ', 'NA', 'nothing', 'é', '😀', 'x', '1234567890123456'],
      ...['"', '""', '\\', '\\"', ',', ',', ',', '\n', '\n', '\r\n', '\r', ';', '\uFEFF'],
    )
    const value = fc.constantFrom(
      '1',
      '1.25',
      '-7',
      '2001-02-03',
      '2001-02-03T04:05:06.5',
      '',
      'NA',
      'text',
      '"quoted, ""so"""',
      '"1"',
      '12345678901234567',
    )
    const table = fc
      .tuple(fc.array(fc.array(value, { minLength: 2, maxLength: 2 }), { maxLength: 8 }), fc.constantFrom('\n', '\r\n'))
      .map(([rows, end]) => rows.map((row) => row.join(',') + end).join(''))
    const text = fc.oneof(
      table,
      fc.string({ unit, maxLength: 12 }),
      fc.tuple(table, fc.string({ unit, maxLength: 4 })).map(([a, b]) => a + b),
    )
    const csv = fc.record({
      kinds: fc.oneof(fc.tuple(kind), fc.tuple(kind, kind)),
      escape: fc.constantFrom('"', '\\'),
      header: fc.boolean(),
      nulls: fc.constantFrom([''], ['', 'NA'], ['NA', 'nothing']),
    })
    let both = [0, 0]
    fc.assert(
      fc.property(text, csv, fc.integer({ min: 1, max: 40 }), (text, csv, size) => {
        const full = { ...base, ...csv }
        const wanted = expected(text, full)
        both = wanted ? [both[0] ?? 0, (both[1] ?? 0) + 1] : [(both[0] ?? 0) + 1, both[1] ?? 0]
        expect(plain(text, full, size)).toBe(wanted)
      }),
      { numRuns: 20_000 },
    )
    expect(Math.min(...both)).toBeGreaterThan(2000)
  })

  it('keeps its place over pieces of more than its buffer, and in a file', async () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => `${i},"name ${i}, the ${'y'.repeat(i % 40)}",2001-02-03`)
    const kinds = [{ scale: 0 }, 'any', 'date'] as const
    const file = join(temporaryFolder(), 'x.csv')
    const { signal } = new AbortController()
    for (const [last, is] of [
      ['', true],
      ['x,y,2001-02-03\n', false],
    ] as const) {
      const text = `${rows.join('\n')}\n${last}`
      expect(plain(text, { kinds }, 3 * 2 ** 20)).toBe(is)
      writeFileSync(file, text)
      expect(await isPlainCsv(file, { ...base, kinds }, signal)).toBe(is)
    }
  })
})
