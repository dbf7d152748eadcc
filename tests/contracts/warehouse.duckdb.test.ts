import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { duckdb } from '../../lib/connectors/duckdb/index.ts'
import { dropTable, queryFile } from '../kit/dataset.ts'
import { warehouseContract } from './warehouse.ts'

const size = { abortedRows: 1_500_000, killedRows: 200_000, kills: 6, orders: 8 }

warehouseContract(
  'duckdb',
  async (folder) => {
    const file = join(folder, 'state', 'warehouse.duckdb')
    return {
      connection: duckdb(file),
      query: (sql) => queryFile(file, sql),
      drop: (table) => dropTable(file, table),
      elsewhere: { module: fileURLToPath(new URL('../../lib/connectors/duckdb/index.ts', import.meta.url)), name: 'duckdb', args: [file] },
    }
  },
  size,
)
