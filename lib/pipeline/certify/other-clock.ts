import type { Clock } from '../../core/clock.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import type { OpenEngine } from '../../engines/engine-pool.ts'

/** Sets JavaScript's `Date` of this process ahead: `Date.now()`, `new Date()`, `Date()`. Done before the pipeline's code is imported. */
export function setDateAhead(aheadMs: number): void {
  const Real = globalThis.Date
  const now = () => Real.now() + aheadMs
  globalThis.Date = new Proxy(Real, {
    construct: (target, given, made) => Reflect.construct(target, given.length === 0 ? [now()] : given, made),
    apply: () => new Real(now()).toString(),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  })
}

/** A clock that is ahead of another, be that pinned. */
export function clockAhead(clock: Clock, aheadMs: number): Clock {
  return { ...clock, now: () => new globalThis.Date(clock.now().getTime() + aheadMs) }
}

/** DuckDB reads the machine's clock itself. A macro goes before the function of its name, and the parser makes functions of `current_date` and its like. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  // Of one argument it is the time since this midnight.
  age: '(t) AS system.main.age(INSTANT::DATE::TIMESTAMP, t::TIMESTAMP), (a, b) AS system.main.age(a, b)',
  ...each(['now', 'current_timestamp', 'get_current_timestamp', 'transaction_timestamp'], (t) => t),
  ...each(['today', 'current_date'], (t) => `(${t})::DATE`),
  ...each(['current_time', 'get_current_time'], (t) => `(${t})::TIMETZ`),
  ...each(['current_localtimestamp'], (t) => `(${t})::TIMESTAMP`),
  ...each(['current_localtime'], (t) => `(${t})::TIMESTAMP::TIME`),
}

function each(names: readonly string[], body: (instant: string) => string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `() AS ${body('INSTANT')}`]))
}

/** Opens engines whose SQL functions of the clock give `instant`. */
export function enginesAt(instant: Date): OpenEngine {
  const literal = `TIMESTAMPTZ '${instant.toISOString().replace('Z', '+00')}'`
  return async (options) => {
    const db = await openDuckDB(options)
    try {
      for (const [name, body] of Object.entries(FUNCTIONS)) await db.run(`CREATE MACRO ${name}${body.replace('INSTANT', literal)}`)
      return db
    } catch (error) {
      db.close()
      throw error
    }
  }
}
