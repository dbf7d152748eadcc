// Holds a DuckDB file open in a process of its own until its input ends or it is told "release": says "held" when it does.
import { openDuckDB } from '../../../lib/engines/duckdb.ts'

const [file = '', mode = ''] = process.argv.slice(2)
const db = await openDuckDB({ file, readOnly: mode === 'read', memoryBytes: 2 ** 27, threads: 1, temp: `${file}.holder-tmp` })
console.log('held')
process.stdin.once('data', () => {
  db.close()
  process.exit(0)
})
process.stdin.once('end', () => process.exit(0))
