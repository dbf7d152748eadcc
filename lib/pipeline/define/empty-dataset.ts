import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Columns, Dataset } from '../../core/dataset.ts'
import { hashOf } from '../../core/hash.ts'
import { quoteLiteral } from '../../core/quote.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { emptyRelation, fileColumns } from '../../engines/relation.ts'

/** A dataset of no rows, as one Parquet file in the context's workspace. */
export async function emptyDataset(name: string, columns: Columns, ctx: RunContext): Promise<Dataset> {
  const file = join(ctx.workspace, `${encodeURIComponent(name)}-empty.parquet`)
  const db = await openDuckDB({ memoryBytes: ctx.limits.memoryBytes, threads: 1, temp: join(ctx.workspace, 'spill') })
  try {
    await db.run(`COPY (${emptyRelation(fileColumns(columns))}) TO ${quoteLiteral(file)} (FORMAT parquet)`)
  } finally {
    db.close()
  }
  return { name, columns, files: [file], rows: 0, hash: hashOf({ empty: columns }) }
}
