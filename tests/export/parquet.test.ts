import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import { duckdbTypeFromText, textFromDuckdbType } from '../../lib/engines/types.ts'
import { parquet } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { EVERY_TYPE, everyColumn, everySelect } from './every-type.ts'
import { namesDataset } from './kit.ts'
import { idName } from './names.ts'
import { deliverDataset, deliverSelect, query } from './table-kit.ts'

const every = parquet('every.parquet', { contract: tableContract({ columns: everyColumn, orderBy: ['id'] }) })

test('parquet carries every type, NULLs, and the order', async () => {
  const { path, faults, files } = await deliverSelect(everyColumn, everySelect, every)
  expect(files[0]).toMatch(/^every\/[0-9a-f]{12}-[0-9a-f]{8}\.parquet$/)
  expect(faults).toEqual([])
  const types = await query(`DESCRIBE FROM '${path}'`)
  const asText = (type: string) => type.replaceAll(/uuid|json|interval/g, 'text')
  const read = types.map(({ column_type }) => textFromDuckdbType(column_type ?? ''))
  expect(read).toEqual(['int32', ...EVERY_TYPE.map(([type]) => asText(type))])
  const values = EVERY_TYPE.map(([type, sql], i) => `CAST(CAST(${sql} AS ${duckdbTypeFromText(type)}) AS VARCHAR) AS c${i}`)
  const [wanted] = await query(`SELECT ${values.join(', ')}`)
  const nulls = Object.fromEntries(EVERY_TYPE.map((_, i) => [`c${i}`, null]))
  const texts = EVERY_TYPE.map((_, i) => `CAST(c${i} AS VARCHAR) AS c${i}`)
  expect(await query(`SELECT id, ${texts.join(', ')} FROM '${path}'`)).toEqual([
    { id: '1', ...wanted },
    { id: '2', ...nulls },
    { id: '3', ...wanted },
  ])
  // The other engine reads the same.
  expect(pl.readParquet(path).shape).toEqual({ height: 3, width: EVERY_TYPE.length + 1 })
})

test('parquet gives the same bytes, whatever order the rows come in and however many threads write them', async () => {
  const target = parquet('names', { contract: tableContract({ columns: idName, orderBy: ['-id'] }), compression: 'snappy' })
  const dataset = await namesDataset(200_000)
  const first = await deliverDataset(dataset, target, 1)
  expect(first.files[0]).toMatch(/\.parquet$/)
  expect(
    (await deliverSelect(idName, "SELECT range AS id, 'name ' || range AS name FROM range(200000)", target, 2)).bytes.equals(first.bytes),
  ).toBe(true)
  const [meta] = await query(
    `SELECT count(*) AS groups, any_value(compression) AS codec FROM parquet_metadata('${first.path}') WHERE path_in_schema = 'id'`,
  )
  expect(meta).toEqual({ groups: '2', codec: 'SNAPPY' })
})

test('parquet delivers a dataset without rows as a file of its columns', async () => {
  const { path, faults } = await deliverSelect(everyColumn, `SELECT * FROM (${everySelect}) WHERE false`, every)
  expect(faults).toEqual([])
  expect(await query(`SELECT count(*) AS n FROM '${path}'`)).toEqual([{ n: '0' }])
})

test('parquet rounds floats where the contract says so, and leaves NaN and infinity as they are', async () => {
  const columns = { x: 'float64' } as const
  const target = parquet('x.parquet', { contract: tableContract({ columns, orderBy: ['x'], round: { x: 2 } }) })
  const { path } = await deliverSelect(columns, "SELECT unnest([2.345, -1e-17, 'nan'::DOUBLE, 'inf'::DOUBLE]) AS x", target)
  expect((await query(`SELECT x::VARCHAR AS x FROM '${path}'`)).map(({ x }) => x)).toEqual(['0.0', '2.35', 'inf', 'nan'])
})

test('parquet refuses infinite dates and times, which it has not, by row and column', async () => {
  const columns = { id: 'int32', at: 'struct(days list(date))' } as const
  const target = parquet('x.parquet', { contract: tableContract({ columns, orderBy: ['id'] }) })
  const failed = deliverSelect(columns, "SELECT 7 AS id, {'days': ['2018-02-04'::DATE, 'infinity'::DATE]} AS at", target)
  await expect(failed).rejects.toMatchObject({
    name: 'CheckError',
    place: { column: 'at', value: "{'days': [2018-02-04, infinity]}" },
    message: expect.stringMatching(/^"at" is infinite, which the format has not for dates and times, in 1 of 1 rows, first in id=7/),
  })
})

test('verify says where a Parquet file has other columns or rows, or is none', async () => {
  const { lookAtParquet } = await import('../../lib/export/write/look-parquet.ts')
  const { writtenContract } = await import('../../lib/export/contract/written-contract.ts')
  const written = writtenContract(every.contract)
  if (written.format !== 'parquet') throw new Error('not Parquet')
  const { bytes } = await deliverSelect(everyColumn, everySelect, every)
  const faultsOf = async (content: Buffer, contract = written) => {
    const look = lookAtParquet(contract)
    for (let at = 0; at < content.length; at += 1000) await look.add(content.subarray(at, at + 1000))
    return look.faults(4)
  }
  expect(await faultsOf(bytes)).toEqual(['has 3 rows, not 4'])
  expect((await faultsOf(bytes, { ...written, columns: written.columns.slice(0, 2) }))[1]).toMatch(
    /^has the columns \["id","c0","c1",.*\], not \["id","c0"\]$/,
  )
  expect(await faultsOf(bytes.subarray(0, -1))).toEqual(['is no Parquet: its footer is missing or not whole'])
})
