import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../core/errors.ts'
import { type DuckDB, type DuckDBOptions, openDuckDB } from './duckdb.ts'

/** How a stage comes by an engine: `openDuckDB`, or a pool's `open`. Whoever opens one closes it. */
export type OpenEngine = (options: DuckDBOptions) => Promise<DuckDB>

/** Engines in memory that are used again: opening and closing one takes 15 to 30 ms of CPU, and a partition asks for four. */
export interface EnginePool {
  /**
   * As `openDuckDB`, for engines in memory: limits, zone and order are the asked ones, nothing of an earlier borrower is seen, and each engine has one borrower at a time. It spills to a folder of the pool, not to `temp`. Functions that
   * a borrower registers would stay: with those, open an engine of your own. `close` gives it back; one that is broken is not used again.
   */
  readonly open: OpenEngine
  /** Closes what is idle once everything has been given back. */
  close(): Promise<void>
}

interface Pooled {
  readonly engine: DuckDB
  readonly limits: string
}

/** How many idle ones are kept: datasets that land at the same time may need more. */
const IDLE = 2

/** A pool for one run, in whose folder `temp` its engines spill. */
export function enginePool(temp: string): EnginePool {
  const idle: Pooled[] = []
  const returning = new Set<Promise<void>>()
  let [opened, borrowed] = [0, 0]

  async function take(options: DuckDBOptions): Promise<Pooled> {
    const limits = `${options.memoryBytes} ${options.threads}`
    await Promise.all(returning)
    const at = idle.findIndex((each) => each.limits === limits)
    const [found] = at < 0 ? [] : idle.splice(at, 1)
    if (found) return found
    const { memoryBytes, threads } = options
    await mkdir(temp, { recursive: true })
    return { limits, engine: await openDuckDB({ memoryBytes, threads, temp: join(temp, String(++opened)) }) }
  }

  async function giveBack(pooled: Pooled, database: string): Promise<void> {
    const { engine } = pooled
    try {
      await engine.run(`DETACH ${database}`)
      await engine.release()
      if (idle.length >= IDLE) engine.close()
      else idle.push(pooled)
    } catch {
      engine.close()
    }
  }

  async function open(options: DuckDBOptions): Promise<DuckDB> {
    if (options.file !== undefined) throw new RangeError('a pool has no engines on files')
    const pooled = await take(options)
    const database = `__millrace_${++borrowed}`
    try {
      const session = await pooled.engine.connect(options.zone ?? 'UTC')
      // As one text: what goes there and back for each statement takes longer than they do.
      await session.run(
        `ATTACH ':memory:' AS ${database}; USE ${database}; SET preserve_insertion_order = ${options.preserveOrder !== false}`,
      )
      let [closed, sound] = [false, true]
      const noticed = (error: unknown): never => {
        if (/^(INTERNAL|FATAL) Error/.test(messageOf(error))) sound = false
        throw error
      }
      const watched = (of: DuckDB): DuckDB => ({
        ...of,
        run: (...asked) => of.run(...asked).catch(noticed),
        meta: (...asked) => of.meta(...asked).catch(noticed),
        connect: async (zone) => watched(await of.connect(zone)),
      })
      return {
        ...watched(session),
        close: () => {
          if (closed) return
          closed = true
          session.close()
          if (!sound) return pooled.engine.close()
          const back = giveBack(pooled, database).finally(() => returning.delete(back))
          returning.add(back)
        },
      }
    } catch (error) {
      pooled.engine.close()
      throw error
    }
  }

  return {
    open,
    close: async () => {
      await Promise.all(returning)
      for (const { engine } of idle.splice(0)) engine.close()
    },
  }
}
