import type { DuckDB, DuckDBOptions } from './duckdb.ts'
import type { OpenEngine } from './engine-pool.ts'

/** Sessions of one engine for those who come one after the other, a few of them side by side: what one has closed the next one has. An engine's limit of memory is then that of all of them together. */
export interface KeptSessions {
  /** As the opener that it was made of, but that what a borrower leaves in a session (temporary tables, settings) is there for the next one. Only for small work whose statements leave nothing. */
  readonly open: OpenEngine
  /** Gives the engine back once everything has been closed. */
  close(): Promise<void>
}

/** Sessions of the engine that `openEngine` gives for the options of the first borrower. Whoever asks for a file, no order, or other limits gets an engine of its own. */
export function keptSessions(openEngine: OpenEngine): KeptSessions {
  const idle = new Map<string, DuckDB[]>()
  let engine: { readonly opened: Promise<DuckDB>; readonly limits: string } | undefined

  async function open(options: DuckDBOptions): Promise<DuckDB> {
    const { file, preserveOrder, quiet, zone = 'UTC', memoryBytes, threads } = options
    const limits = `${memoryBytes} ${threads}`
    if (file !== undefined || preserveOrder === false || quiet) return openEngine(options)
    engine ??= { opened: openEngine(options), limits }
    if (engine.limits !== limits) return openEngine(options)
    const session = idle.get(zone)?.pop() ?? (await (await engine.opened).connect(zone))
    let [closed, sound] = [false, true]
    const failed = (error: unknown): never => {
      sound = false
      throw error
    }
    return {
      ...session,
      run: (...of) => session.run(...of).catch(failed),
      meta: (...of) => session.meta(...of).catch(failed),
      close: () => {
        if (closed) return
        closed = true
        if (sound) idle.set(zone, [...(idle.get(zone) ?? []), session])
        else session.close()
      },
    }
  }

  return {
    open,
    close: async () => {
      for (const session of [...idle.values()].flat()) session.close()
      idle.clear()
      const opened = await engine?.opened.catch(() => undefined)
      engine = undefined
      opened?.close()
    },
  }
}
