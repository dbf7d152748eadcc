import type { DuckDB } from './duckdb.ts'

/** An engine that is opened by its first use: for work that mostly needs none. `close` gives back what was opened. @throws RangeError where the vendor's connection is asked for before */
export function lazyEngine(open: () => Promise<DuckDB>): DuckDB {
  let [opening, opened, closed]: [Promise<DuckDB> | undefined, DuckDB | undefined, boolean] = [undefined, undefined, false]
  const engine = async (): Promise<DuckDB> => {
    if (closed) throw new RangeError('the engine is closed')
    opening ??= open()
    opened = await opening
    return opened
  }
  return {
    get connection() {
      if (!opened) throw new RangeError('the engine has not been used yet')
      return opened.connection
    },
    run: async (...of) => (await engine()).run(...of),
    describe: async (...of) => (await engine()).describe(...of),
    parameters: async (...of) => (await engine()).parameters(...of),
    meta: async (...of) => (await engine()).meta(...of),
    connect: async (...of) => (await engine()).connect(...of),
    release: async () => opened?.release(),
    close: () => {
      closed = true
      opening?.then(
        (db) => db.close(),
        () => undefined,
      )
    },
  }
}
