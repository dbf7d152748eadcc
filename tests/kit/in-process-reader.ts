import { join } from 'node:path'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import type { Reader } from '../../lib/engines/reader.ts'
import { temporaryFolder } from './context.ts'

/** The reader's work in this process, for tests that are about something else than the child: quick to start, and no process to lose. */
export function inProcessReader(): Reader {
  const temp = temporaryFolder()
  let opened: Promise<DuckDB> | undefined
  return {
    execute: async ({ before = [], statements = [], meta }, signal) => {
      opened ??= openDuckDB({ memoryBytes: 512 * 2 ** 20, threads: 2, temp: join(temp, 'spill') })
      const db = await (await opened).connect()
      try {
        for (const sql of before) await db.run(sql, undefined, signal)
        const rows: number[] = []
        for (const { sql, values } of statements) rows.push(await db.run(sql, values, signal))
        return { rows, meta: meta ? await db.meta(meta.sql, meta.values, signal) : [] }
      } finally {
        db.close()
      }
    },
    close: async () => (await opened)?.close(),
  }
}
