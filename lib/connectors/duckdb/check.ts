import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { exists } from '../../core/disk.ts'
import { writableFinding } from '../../core/disk-findings.ts'
import { type Finding, fine, looking } from '../../core/finding.ts'
import type { CheckContext } from '../check.ts'
import { withFile } from './open.ts'
import { TOKENS } from './tokens.ts'

/** `WarehouseConnection.check` of a DuckDB file: opened for writing as a load would, without waiting for who holds it; a table is made and rolled back. A missing file is not made. */
export async function checkFile(file: string, ctx: CheckContext): Promise<readonly Finding[]> {
  if (!(await exists(file))) {
    const folder = await writableFinding('file', dirname(file))
    return [folder.state === 'ok' ? fine('file', `not there yet, made by the first load: ${file}`) : folder]
  }
  return looking('file', () =>
    withFile({ file, readOnly: false, waitMs: 0 }, ctx, async (db) => {
      const there = await db.meta(`SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = '${TOKENS}'`)
      const [tokens] = there.length > 0 ? await db.meta(`SELECT count(*) AS n FROM ${TOKENS}`) : []
      await db.run('BEGIN TRANSACTION')
      try {
        await db.run('CREATE TABLE _millrace_doctor (n INTEGER)')
      } finally {
        await db.run('ROLLBACK')
      }
      const { size } = await stat(file)
      return [
        fine('file', `can be opened and written, ${(size / 1e6).toFixed(1)} MB: ${file}`),
        fine('tokens', tokens ? `${tokens.n} committed` : 'none yet: nothing was loaded'),
      ]
    }),
  )
}
