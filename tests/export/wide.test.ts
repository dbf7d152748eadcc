import { expect, test } from 'vitest'
import { excel, ndjson } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { deliverSelect } from './table-kit.ts'

// More than DuckDB lets expressions be deep.
const columns = Object.fromEntries(Array.from({ length: 1100 }, (_, i) => [`c${i}`, 'int32' as const]))
const select = `SELECT ${Object.keys(columns).map((name, i) => (i === 7 ? `CAST(NULL AS INTEGER) AS ${name}` : `CAST(${i} AS INTEGER) AS ${name}`))}`
const contract = tableContract({ columns, orderBy: ['c0'] })

test.each([excel('wide.xlsx', { contract }), ndjson('wide.ndjson', { contract })])(
  'a row of many columns is written: $path',
  async (target) => {
    const { faults, bytes } = await deliverSelect(columns, select, target)
    expect(faults).toEqual([])
    if (target.path.endsWith('.ndjson')) expect(JSON.parse(bytes.toString())).toMatchObject({ c0: 0, c7: null, c1099: 1099 })
  },
)
