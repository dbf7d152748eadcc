import type { Reader } from '../../lib/engines/reader.ts'
import { connectToTestEngine } from './engine.ts'

/** The reader's work in this process, for tests that are about something else than the child: quick to start, and no process to lose. */
export function inProcessReader(): Reader {
  return {
    execute: async ({ before = [], statements = [], meta }, signal) => {
      const db = await connectToTestEngine()
      try {
        for (const sql of before) await db.run(sql, undefined, signal)
        const rows: number[] = []
        for (const { sql, values } of statements) rows.push(await db.run(sql, values, signal))
        return { rows, meta: meta ? await db.meta(meta.sql, meta.values, signal) : [] }
      } finally {
        db.close()
      }
    },
    cpuMs: async () => undefined,
    close: async () => undefined,
  }
}
