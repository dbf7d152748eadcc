import { tableFromIPC } from 'apache-arrow'
import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import { arrow } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'
import { lookAtArrow } from '../../lib/export/write/look-arrow.ts'
import { EVERY_TYPE, everyColumn, everySelect } from './every-type.ts'
import { namesDataset } from './kit.ts'
import { idName } from './names.ts'
import { deliverDataset, deliverSelect } from './table-kit.ts'

const every = arrow('every.arrow', { contract: tableContract({ columns: everyColumn, orderBy: ['id'] }) })

test('arrow carries every type, NULLs, and the order', async () => {
  const { bytes, faults } = await deliverSelect(everyColumn, everySelect, every)
  expect(faults).toEqual([])
  const read = tableFromIPC(bytes)
  expect(read.numRows).toBe(3)
  expect(read.schema.fields.map(({ type }) => String(type))).toEqual([
    ...[
      'Int32',
      'Bool',
      'Int8',
      'Int64',
      'Uint64',
      'Float32',
      'Float64',
      'Decimal[4e+2]',
      'Decimal[38e+10]',
      'LargeUtf8',
      'LargeBinary',
      'Date32<DAY>',
    ],
    ...['Time64<NANOSECOND>', 'Timestamp<MICROSECOND>', 'Timestamp<MICROSECOND, UTC>', 'LargeUtf8', 'LargeUtf8', 'LargeUtf8'],
    ...['LargeList<Int64>', 'LargeList<Decimal[20e+3]>', 'Struct<{a:Date32<DAY>, b c:Struct<{d:LargeUtf8, e:LargeUtf8}>}>'],
  ])
  expect(read.getChild('c2')?.toArray()).toEqual(new BigInt64Array([9007199254740993n, 0n, 9007199254740993n]))
  expect(EVERY_TYPE.map((_, i) => read.getChild(`c${i}`)?.nullCount)).toEqual(EVERY_TYPE.map(() => 1))
  // The other engine reads the same.
  expect(pl.readIPC(bytes).shape).toEqual({ height: 3, width: EVERY_TYPE.length + 1 })
})

test('arrow gives the same bytes, whatever order the rows come in and however many threads write them', async () => {
  const target = arrow('names', { contract: tableContract({ columns: idName, orderBy: ['-id'] }) })
  const first = await deliverDataset(await namesDataset(200_000), target, 1)
  expect(first.files[0]).toMatch(/\.arrow$/)
  expect(first.faults).toEqual([])
  expect(tableFromIPC(first.bytes).batches.map(({ numRows }) => numRows)).toEqual([122_880, 77_120])
  const second = await deliverSelect(idName, "SELECT range AS id, 'name ' || range AS name FROM range(200000)", target, 2)
  expect(second.bytes.equals(first.bytes)).toBe(true)
})

test('arrow delivers a dataset without rows as a file of its columns', async () => {
  const { bytes, faults } = await deliverSelect(everyColumn, `SELECT * FROM (${everySelect}) WHERE false`, every)
  expect(faults).toEqual([])
  expect(tableFromIPC(bytes).schema.fields).toHaveLength(EVERY_TYPE.length + 1)
})

test('verify says where an Arrow file has other columns or rows, or is none', async () => {
  const written = writtenContract(every.contract)
  if (written.format !== 'arrow') throw new Error('not Arrow')
  const { bytes } = await deliverSelect(everyColumn, everySelect, every)
  const faultsOf = async (content: Buffer, contract = written) => {
    const look = lookAtArrow(contract)
    for (let at = 0; at < content.length; at += 100) await look.add(content.subarray(at, at + 100))
    return look.faults(4)
  }
  expect(await faultsOf(bytes)).toEqual(['has 3 rows, not 4'])
  expect((await faultsOf(bytes, { ...written, columns: written.columns.slice(0, 2) }))[1]).toMatch(
    /^has the columns \["id",.*\], not \["id","c0"\]$/,
  )
  expect(await faultsOf(bytes.subarray(0, 2000))).toEqual(['is no Arrow file: it is not whole'])
  expect(await faultsOf(Buffer.alloc(20))).toEqual(['is no Arrow file: it does not begin as one'])
})
