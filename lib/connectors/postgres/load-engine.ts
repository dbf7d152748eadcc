import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import { messageOf, PermanentError } from '../../core/errors.ts'
import { quoteLiteral } from '../../core/quote.ts'
import { type DuckDB, openDuckDB } from '../../engines/duckdb.ts'

/** The engine that reads the datasets of a warehouse's loads: opened by the first, kept until `close`. */
export interface LoadEngine {
  /** A connection of one load's own. */
  connect(ctx: RunContext): Promise<DuckDB>
  close(): Promise<void>
}

/** `extension`: the file of postgres_scanner, loaded once: checking its signature takes a fifth of a second. */
export function loadEngine(extension: string | undefined): LoadEngine {
  let opening: Promise<DuckDB> | undefined
  const open = async ({ limits, workspace }: RunContext): Promise<DuckDB> => {
    // PostgreSQL takes one stream no faster than one thread writes it; a second would write ahead, into memory.
    const db = await openDuckDB({ memoryBytes: limits.memoryBytes, threads: 1, temp: join(workspace, `load-${randomUUID()}.tmp`) })
    try {
      if (extension !== undefined) await loadExtension(db, extension)
      return db
    } catch (error) {
      db.close()
      throw error
    }
  }
  return {
    connect: async (ctx) => {
      opening ??= open(ctx).catch((error: unknown) => {
        opening = undefined
        throw error
      })
      return (await opening).connect()
    },
    close: async () => {
      const opened = opening
      opening = undefined
      ;(await opened?.catch(() => undefined))?.close()
    },
  }
}

async function loadExtension(db: DuckDB, file: string): Promise<void> {
  try {
    await db.run(`LOAD ${quoteLiteral(file)}`)
  } catch (error) {
    throw new PermanentError(`DuckDB does not load its extension ${file}: ${messageOf(error).split('\n')[0]}`, {
      stage: 'load',
      file,
      hint: 'run millrace setup to put it in place anew, or set extension: false',
      cause: error,
    })
  }
}
