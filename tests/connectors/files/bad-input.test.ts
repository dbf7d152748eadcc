import { readFileSync } from 'node:fs'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Columns } from '../../../lib/core/dataset.ts'
import { errorOf, folderOf, type LandOptions, landFiles, useReader } from './kit.ts'

const reader = useReader()
const AB: Columns = { a: 'int64', b: 'text' }
const rows = `a,b\n${Array.from({ length: 20_000 }, (_, i) => `${i},${(i * 7919) % 10_007}`).join('\n')}\n`
const latin1 = (text: string) => Buffer.from(text, 'latin1')
const flights = () => readFileSync(new URL('../../../fixtures/flights/bts/flights-200k.arrow', import.meta.url))

interface Bad {
  readonly file: string
  readonly content: string | Uint8Array
  readonly message: string
  readonly more?: Readonly<Record<string, unknown>>
  readonly columns?: Columns
  readonly options?: LandOptions
}

const UTF8_HINT = "say how the file is written: encoding: 'latin-1' or 'utf-16'"
const FRACTION_HINT = 'it has a fraction: declare the column float64 or decimal(p,s)'

/** A value that does not fit: place as well as message. */
const misfit = (file: string, column: string, row: number, value: string, what: string, hint?: string) => ({
  message: `column "${column}" row ${row} of ${file}: ${JSON.stringify(value)} is not ${what}`,
  more: { column, row, value, ...(hint !== undefined && { hint }) },
})

const bad: Readonly<Record<string, Bad>> = {
  'an empty CSV file': {
    file: 'x.csv',
    content: '',
    message: 'x.csv is empty: it has no header',
    more: { hint: 'put the whole file there; where lines begin with data, say header: false' },
  },
  'a truncated gzip stream': {
    file: 'x.csv.gz',
    content: gzipSync(rows).subarray(0, 20_000),
    message: 'x.csv.gz is cut off: its gzip stream has no end',
  },
  'a gzip stream without its last four bytes': {
    file: 'x.csv.gz',
    content: gzipSync(rows).subarray(0, -4),
    message: 'x.csv.gz is cut off: its gzip stream has no end',
  },
  'a zstd stream whose second frame is truncated': {
    file: 'x.csv.zst',
    content: Buffer.concat([zstdCompressSync('a,b\n1,x\n'), zstdCompressSync('2,y\n3,z\n').subarray(0, -6)]),
    message: 'x.csv.zst is cut off: its zstd stream has no end',
  },
  'a truncated zstd stream': {
    file: 'x.csv.zst',
    content: zstdCompressSync(rows).subarray(0, 20_000),
    message: 'x.csv.zst is cut off: its zstd stream has no end',
  },
  'text that should be gzip': { file: 'x.csv.gz', content: rows, message: 'x.csv.gz is not gzip, or is damaged (incorrect header check)' },
  'a flipped byte in a gzip stream': {
    file: 'x.csv.gz',
    content: flipped(gzipSync(rows), 0.5),
    message: 'x.csv.gz is not gzip, or is damaged (*)',
  },
  'a broken quote': {
    file: 'x.csv',
    content: 'a,b\n1,x\n2,"abc\n3,d\n',
    message: 'line 3 of x.csv has a quote that is not closed, or text after one',
  },
  'text after a quote': {
    file: 'x.csv',
    content: 'a,b\n1,x\n2,"a"bc\n',
    message: 'line 3 of x.csv has a quote that is not closed, or text after one',
  },
  'a short row': { file: 'x.csv', content: 'a,b\n1,x\n2\n3,d\n', message: 'line 3 of x.csv has 1 column, not 2' },
  'a long row': { file: 'x.csv', content: 'a,b\n1,x\n2,y,z\n', message: 'line 3 of x.csv has 3 columns, not 2' },
  'two kinds of line end': {
    file: 'x.csv',
    content: 'a,b\r\n1,x\n2,y\r\n',
    message: 'x.csv does not keep to one line end, or to its quotes',
    more: { hint: 'write all lines of it with the same line end' },
  },
  'a line beyond 8 MiB': { file: 'x.csv', content: `a,b\n1,${'y'.repeat(9 * 2 ** 20)}\n`, message: 'line 2 of x.csv is longer than 8 MiB' },
  'invalid UTF-8': {
    file: 'x.csv',
    content: latin1('a,b\n1,x\n2,\xff\xfe\n'),
    message: 'line 3 of x.csv is not UTF-8 text',
    more: { hint: UTF8_HINT },
  },
  'invalid UTF-8 in the header': {
    file: 'x.csv',
    content: latin1('a,\xff\n1,x\n'),
    message: 'line 1 of x.csv is not UTF-8 text',
    more: { hint: UTF8_HINT },
  },
  'half a UTF-16 character': {
    file: 'x.csv',
    content: Buffer.from('\uFEFFa,b\n1,x\n', 'utf16le').subarray(0, -1),
    message: 'x.csv is not utf-16 text',
    options: { encoding: 'utf-16' },
  },
  'a missing column': {
    file: 'x.csv',
    content: 'a,c d\n1,2\n',
    message: 'x.csv has no column "b"; it has "a", "c d"',
    more: { column: 'b', hint: expect.stringContaining('--discover') },
  },
  'a column that is there twice': {
    file: 'x.csv',
    content: 'a,b,b\n1,2,3\n',
    message: 'x.csv has column "b" twice',
    more: { column: 'b' },
  },
  'too few columns without a header': {
    file: 'x.csv',
    content: '1\n2\n',
    message: 'x.csv has 1 column, and 2 are declared',
    options: { header: false },
  },
  'a text for a number': { file: 'x.csv', content: 'a,b\n1,x\nabc,y\n', ...misfit('x.csv', 'a', 2, 'abc', 'an int64') },
  'a fraction for an integer': {
    file: 'x.csv',
    content: 'a,b\n1,x\n1.5,y\n',
    ...misfit('x.csv', 'a', 2, '1.5', 'an int64', FRACTION_HINT),
  },
  'an integer out of range': {
    file: 'x.csv',
    content: 'a,b\n9223372036854775807,x\n9223372036854775808,y\n',
    ...misfit('x.csv', 'a', 2, '9223372036854775808', 'an int64'),
  },
  'a negative for an unsigned': { file: 'x.csv', content: 'a\n-1\n', columns: { a: 'uint8' }, ...misfit('x.csv', 'a', 1, '-1', 'a uint8') },
  'a null marker that is not declared': {
    file: 'x.csv',
    content: 'a\n1\nNA\n',
    columns: { a: 'float64' },
    ...misfit('x.csv', 'a', 2, 'NA', 'a float64', "if it means NULL, say so: nulls: ['NA']"),
  },
  'an empty quoted text for a number': { file: 'x.csv', content: 'a,b\n"",x\n', ...misfit('x.csv', 'a', 1, '', 'an int64') },
  'further digits for a decimal': {
    file: 'x.csv',
    content: 'a\n1.239\n',
    columns: { a: 'decimal(5,2)' },
    ...misfit('x.csv', 'a', 1, '1.239', 'a decimal(5,2)'),
  },
  'a number that overflows': {
    file: 'x.csv',
    content: 'a\n1e999\n',
    columns: { a: 'float64' },
    ...misfit('x.csv', 'a', 1, '1e999', 'a float64'),
  },
  'a day that is none': {
    file: 'x.csv',
    content: 'a\n2001-02-30\n',
    columns: { a: 'date' },
    ...misfit('x.csv', 'a', 1, '2001-02-30', 'a date'),
  },
  'a zone on a naive time': {
    file: 'x.csv',
    content: 'a\n2001-02-03 04:05:06+02\n',
    columns: { a: 'timestamp' },
    ...misfit('x.csv', 'a', 1, '2001-02-03 04:05:06+02', 'a timestamp', 'it has a zone: declare the column timestamptz'),
  },
  'a text that is no JSON': { file: 'x.csv', content: 'a\n{x\n', columns: { a: 'json' }, ...misfit('x.csv', 'a', 1, '{x', 'a json') },
  'a misfit in the second file': { file: 'z.csv', content: 'a,b\n1,x\n2,y\nx,z\n', ...misfit('z.csv', 'a', 3, 'x', 'an int64') },
  'JSON that ends early': { file: 'x.json', content: '[{"a":1},{"a":2', message: 'x.json ends early: its JSON array has no end' },
  'JSON that ends after a comma': {
    file: 'x.json',
    content: '[{"a":1},{"a":2},\n',
    message: 'x.json ends early: its JSON array has no end',
  },
  'an empty JSON file': { file: 'x.json', content: ' \n', message: 'x.json is empty' },
  'a JSON object for an array': { file: 'x.json', content: '{"a":[1]}', message: 'x.json is not a JSON array' },
  'JSON that is malformed inside': {
    file: 'x.json',
    content: '[{"a":1},{"a":x},{"a":2}]',
    message: 'record 2 of x.json is not JSON: unexpected character',
  },
  'a JSON array of numbers': { file: 'x.json', content: '[1,2]', message: 'record 1 of x.json: Expected OBJECT, but got UBIGINT: 1' },
  'a JSON row beyond 16 MiB': {
    file: 'x.json',
    content: JSON.stringify([{ a: 1, b: 'x'.repeat(4e7) }]),
    message: 'x.json has a row of more than 16 MiB',
  },
  'an NDJSON line that ends early': {
    file: 'x.ndjson',
    content: '{"a":1}\n{"a":2',
    message: 'line 2 of x.ndjson is not JSON: unexpected end of data',
  },
  'an NDJSON line that is malformed': {
    file: 'x.ndjson',
    content: '{"a":1}\n{"a":2\n{"a":3}\n',
    message: 'line 2 of x.ndjson is not JSON: unexpected character',
  },
  'two objects on one NDJSON line': {
    file: 'x.ndjson',
    content: '{"a":1,"b":"x"} {"a":2,"b":"y"}\n',
    message: 'line 1 of x.ndjson is not JSON: unexpected content after document',
    more: { hint: 'NDJSON has one whole object on each line' },
  },
  'an object over several NDJSON lines': {
    file: 'x.ndjson',
    content: '{\n  "a": 1\n}\n',
    message: 'line 1 of x.ndjson is not JSON: unexpected end of data',
    more: { hint: 'NDJSON has one whole object on each line' },
  },
  'a gzipped NDJSON file cut between lines': {
    file: 'x.ndjson.gz',
    content: gzipSync('{"a":1}\n'.repeat(10_000)).subarray(0, -9),
    message: 'x.ndjson.gz is cut off: its gzip stream has no end',
  },
  'a JSON fraction for an integer': {
    file: 'x.json',
    content: '[{"a":1},{"a":1.5}]',
    ...misfit('x.json', 'a', 2, '1.5', 'an int64', FRACTION_HINT),
  },
  'a JSON number with more digits than a double, as json': {
    file: 'x.json',
    content: '[{"a":{"n":0.1234567890123456789}}]',
    columns: { a: 'json' },
    message: 'x.json has the number 0.1234567890123456789 in column "a", and JSON is read with 17 digits; write it as a text',
    more: { column: 'a' },
  },
  'a truncated Parquet file': {
    file: 'x.parquet',
    content: 'PAR1 and then nothing that is Parquet',
    message: 'x.parquet is not a whole Parquet file',
  },
  'an empty Parquet file': { file: 'x.parquet', content: '', message: 'x.parquet is not a whole Parquet file' },
  'a truncated Arrow file': {
    file: 'x.arrow',
    content: flights().subarray(0, 500_000),
    columns: { delay: 'int16' },
    message: 'x.arrow is not a whole Arrow IPC file',
  },
  'a text that should be Arrow': {
    file: 'x.arrow',
    content: 'delay\n1\n',
    columns: { delay: 'int16' },
    message: 'x.arrow is not a whole Arrow IPC file',
  },
  'an empty Arrow file': { file: 'x.arrow', content: '', columns: { delay: 'int16' }, message: 'x.arrow is empty' },
}

describe('files refuses', () => {
  it.each(Object.entries(bad))('%s', async (_, { file, content, message, more = {}, columns = AB, options }) => {
    const folder = await folderOf({ ...(file === 'z.csv' && { 'a.csv': 'a,b\n5,x\n' }), [file]: content })
    const error = await errorOf(landFiles(folder, columns, reader(), options))
    const open = message.endsWith('(*)')
    if (open) expect(error.message).toContain(message.slice(0, -2))
    expect(error).toEqual({ kind: 'CheckError', message: open ? error.message : message, dataset: 'd', file, ...more })
  })

  it('a file that is not there', async () => {
    const folder = await folderOf({})
    expect(await errorOf(landFiles(folder, AB, reader(), { paths: ['in/{partition}/*.csv'] }))).toEqual({
      kind: 'PermanentError',
      message: `no file matches "in/{partition}/*.csv" in ${folder}`,
      dataset: 'd',
      file: 'in/{partition}/*.csv',
      hint: 'put it there, or correct the path',
    })
  })

  it('a file whose ending says no format', async () => {
    const error = await errorOf(landFiles(await folderOf({ 'x.dat': 'a,b\n' }), AB, reader()))
    expect(error).toMatchObject({ kind: 'ConfigError', dataset: 'd', file: 'x.dat' })
    expect(error.message).toBe('the ending of x.dat does not say its format; give format: csv, tsv, json, ndjson, parquet, arrow')
  })

  it('and after each of them reads on', async () => {
    expect(await landFiles(await folderOf({ 'x.csv': 'a,b\n1,x\n' }), AB, reader())).toEqual([{ a: '1', b: 'x' }])
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  const index = Math.floor(copy.length * at)
  copy[index] = (copy[index] ?? 0) ^ 0xff
  return copy
}
