import { expect, test } from 'vitest'
import { excel } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'
import { lookAtXlsx } from '../../lib/export/write/look-xlsx.ts'
import { everyColumn, everySelect } from './every-type.ts'
import { namesDataset } from './kit.ts'
import { idName } from './names.ts'
import { deliverDataset, deliverSelect } from './table-kit.ts'
import { sheetOf } from './workbook.ts'

/** Every type, with what Excel has of times: milliseconds. */
const select = everySelect.replaceAll('.123456', '.123')
const every = excel('every.xlsx', {
  contract: tableContract({ columns: everyColumn, orderBy: ['id'] }),
  bigNumbers: 'text',
  zone: 'Europe/Warsaw',
})

test('excel carries every type, NULLs, and the order', async () => {
  const { bytes, faults } = await deliverSelect(everyColumn, select, every)
  expect(faults).toEqual([])
  const { rows, formats } = await sheetOf(bytes)
  expect(rows).toHaveLength(4)
  expect(rows[0]?.map(({ value }) => value)).toEqual(Object.keys(everyColumn))
  expect(rows[2]?.filter(({ value }) => value !== undefined)).toEqual([{ at: 'A3', value: '2', type: 'n', format: 'General' }])
  expect(rows[1]?.map(({ value }) => value)).toEqual([
    ...['1', '1', '-128', '9007199254740993', '18446744073709551615', '0.1', '0.1', '-99.90', '1234567890123456789012345678.0123456789'],
    ...['=1+1 <&> "é" 😀 \t\nx  ', 'aa0062', '43135', '0.21258244212962962', '43135.21258244213', '43135.254249108795'],
    ...['1 year 2 months 3 days 04:05:06.000007', '5bdeafb0-31a6-4c5c-bd6e-2f4bc6c1ad02', '{"a": [1.10, null]}'],
    ...['[1,null,9007199254740993]', '[0.001,null]', '{"a":"2018-02-04","b c":{"d":null,"e":"x"}}'],
  ])
  expect(rows[1]?.map(({ type }) => type).join(' ')).toBe(
    'n b n inlineStr inlineStr n n n inlineStr inlineStr inlineStr n n n n inlineStr inlineStr inlineStr inlineStr inlineStr inlineStr',
  )
  expect(formats).toEqual(
    ['General', '0.00', '0.0000000000', 'yyyy-mm-dd', 'hh:mm:ss.000', 'yyyy-mm-dd hh:mm:ss.000'].filter((code) => code !== '0.0000000000'),
  )
  expect(rows.map((cells) => cells.length)).toEqual([21, 21, 21, 21])
})

test('excel keeps texts as they are: spaces, line ends, what looks like its own escapes or like a formula', async () => {
  const columns = { id: 'int32', 'a&b "c" _x0041_': 'text' } as const
  const target = excel('x.xlsx', { contract: tableContract({ columns, orderBy: ['id'] }), sheet: 'R&D <1>' })
  const texts = ["'  a  '", 'chr(13) || chr(10)', "'_x0041_x0042_ _x'", "'=cmd()'", "''", "repeat('€', 32767)"]
  const { bytes, faults } = await deliverSelect(
    columns,
    texts.map((text, i) => `SELECT ${i} AS id, ${text} AS "a&b ""c"" _x0041_"`).join(' UNION ALL '),
    target,
  )
  expect(faults).toEqual([])
  const { rows, name } = await sheetOf(bytes)
  expect(name).toBe('R&D <1>')
  expect(rows.map((cells) => cells[1]?.value)).toEqual([
    'a&b "c" _x0041_',
    '  a  ',
    '\r\n',
    '_x0041_x0042_ _x',
    '=cmd()',
    '',
    '€'.repeat(32_767),
  ])
})

test('excel gives the same bytes, whatever order the rows come in and however many threads write them', async () => {
  const target = excel('names', { contract: tableContract({ columns: idName, orderBy: ['-id'] }), bigNumbers: 'number' })
  const first = await deliverDataset(await namesDataset(100_000), target, 1)
  expect(first.files[0]).toMatch(/\.xlsx$/)
  expect(first.faults).toEqual([])
  const second = await deliverSelect(idName, "SELECT range AS id, 'name ' || range AS name FROM range(100000)", target, 2)
  expect(second.bytes.equals(first.bytes)).toBe(true)
})

test('excel delivers a dataset without rows as a sheet of its header', async () => {
  const { bytes, faults } = await deliverSelect(everyColumn, `SELECT * FROM (${select}) WHERE false`, every)
  expect(faults).toEqual([])
  expect((await sheetOf(bytes)).rows).toHaveLength(1)
})

test.each([
  ['int64', '1000000000000000', 'has more than the 15 digits of a number of Excel'],
  ['decimal(20,2)', '-12345678901234.56', 'has more than the 15 digits of a number of Excel'],
  ['float64', "'inf'::DOUBLE", 'is NaN or infinite, which Excel has not,'],
  ['date', "'1900-02-28'", 'is not between 1900-03-01 and 9999-12-31, the days of Excel,'],
  ['timestamp', "'infinity'", 'is not between 1900-03-01 and 9999-12-31, the days of Excel,'],
  ['timestamptz', "'2018-02-04 05:06:07.0001+00'", 'is finer than the milliseconds of Excel'],
  ['time', "'05:06:07.0001'", 'is finer than the milliseconds of Excel'],
  ['text', "repeat('😀', 16384)", 'has more than the 32,767 characters of a cell'],
  ['text', 'chr(11)', 'has a control character, which a workbook has not,'],
] as const)('excel refuses %s %s by row and column', async (type, sql, what) => {
  const columns = { id: 'int32', x: type } as const
  const target = excel('x.xlsx', { contract: tableContract({ columns, orderBy: ['id'] }), bigNumbers: 'number' })
  const failed = deliverSelect(
    columns,
    `SELECT 7 AS id, CAST(${sql} AS ${type === 'timestamptz' ? 'TIMESTAMPTZ' : type === 'int64' ? 'BIGINT' : type === 'text' ? 'TEXT' : type}) AS x UNION ALL SELECT 8, NULL`.replace(
      'float64',
      'DOUBLE',
    ),
    target,
  )
  await expect(failed).rejects.toMatchObject({ name: 'CheckError', message: `"x" ${what} in 1 of 2 rows, first in id=7` })
})

test('excel takes what just fits', async () => {
  const columns = { id: 'int64', n: 'decimal(20,2)', d: 'date', at: 'timestamp' } as const
  const target = excel('x.xlsx', { contract: tableContract({ columns, orderBy: ['id'] }), bigNumbers: 'number' })
  const { bytes } = await deliverSelect(
    columns,
    "SELECT -999999999999999 AS id, 0.05 AS n, DATE '1900-03-01' AS d, TIMESTAMP '9999-12-31 23:59:59.999' AS at",
    target,
  )
  expect((await sheetOf(bytes)).rows[1]?.map(({ value }) => value)).toEqual(['-999999999999999', '0.05', '61', '2958465.9999999884'])
})

test('excel refuses more rows than a sheet has before it writes one', async () => {
  const target = excel('x.xlsx', { contract: tableContract({ columns: idName, orderBy: ['id'] }), bigNumbers: 'text' })
  const failed = deliverDataset({ ...(await namesDataset(3)), rows: 1_048_576 }, target)
  await expect(failed).rejects.toThrow('the dataset has 1048576 rows, and a sheet of Excel has 1048576 with the header')
})

test('verify says where a workbook has other columns or rows, or is none', async () => {
  const written = writtenContract(every.contract)
  if (written.format !== 'xlsx') throw new Error('no workbook')
  const { bytes } = await deliverSelect(everyColumn, select, every)
  const faultsOf = async (content: Buffer, contract = written) => {
    const look = lookAtXlsx(contract)
    for (let at = 0; at < content.length; at += 100) await look.add(content.subarray(at, at + 100))
    return look.faults(4)
  }
  expect(await faultsOf(bytes)).toEqual(['has 3 rows, not 4'])
  expect((await faultsOf(bytes, { ...written, columns: written.columns.slice(0, 2) }))[1]).toMatch(
    /^has the header \["id",.*\], not \["id","c0"\]$/,
  )
  expect((await faultsOf(bytes.subarray(0, -1500)))[0]).toMatch(/^is no workbook: /)
  expect(await faultsOf(Buffer.alloc(40))).toEqual(['is no workbook: it is no ZIP archive, or has no sheet'])
})
