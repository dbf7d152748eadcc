import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'

/**
 * How much a delivery may differ from the one before it, as shares: beyond any of them it is held, and the last one stays current, until a person accepts it. What is not given is not limited. The first delivery of an
 * export and partition passes, as does one after a delivery without rows.
 */
export interface Gate<C extends string = string> {
  /** Columns whose values name a row, as text. Default those of `orderBy`. */
  readonly key?: readonly C[]
  /** The most rows that may be new, of the last delivery's rows: `0.1` is one for ten, and it may be more than 1. */
  readonly added?: number
  /** The most rows that may be gone, of the last delivery's rows. A delivery without rows removes all: 1. */
  readonly removed?: number
  /** The most rows that may have another value in any column, of the last delivery's rows. */
  readonly changed?: number
  /** For single columns: the most rows whose value there may be another one, of the rows that both deliveries have. */
  readonly columns?: { readonly [K in C]?: number }
}

/** The limits on single columns that are given. */
export function columnLimits({ columns = {} }: Gate): readonly (readonly [column: string, limit: number])[] {
  return Object.entries(columns).flatMap(([column, limit]) => (limit === undefined ? [] : [[column, limit] as const]))
}

/** Whether a gate limits anything. */
export function limitsAnything(gate: Gate | undefined): gate is Gate {
  if (!gate) return false
  return [gate.added, gate.removed, gate.changed].some((limit) => limit !== undefined) || columnLimits(gate).length > 0
}

/**
 * Refuses a gate that cannot be right. `order`: the columns of the contract's order.
 * @throws ConfigError for a share that is none, and a column that the contract has not, or that is part of the key
 */
export function checkGate(gate: Gate | undefined, columns: Columns, order: readonly string[]): void {
  if (!gate) return
  const key = gate.key ?? order
  if (key.length === 0)
    throw new ConfigError('gate.key names no column', { hint: `leave it out: then it is ${order.join(', ')}, of orderBy` })
  for (const [what, names] of [
    ['gate.key', key],
    ['gate.columns', columnLimits(gate).map(([column]) => column)],
  ] as const) {
    const unknown = names.find((name) => !Object.hasOwn(columns, name))
    if (unknown !== undefined) throw new ConfigError(`${what} names "${unknown}", which is no column of the contract`, { column: unknown })
  }
  const twice = key.find((name, i) => key.indexOf(name) !== i)
  if (twice !== undefined) throw new ConfigError(`gate.key names "${twice}" twice`, { column: twice })
  for (const [column, limit] of columnLimits(gate)) {
    if (key.includes(column))
      throw new ConfigError(`gate.columns names "${column}", which is part of the key: a row with another one is another row`, { column })
    requireShare(`gate.columns of "${column}"`, limit, 1)
  }
  requireShare('gate.added', gate.added, Number.MAX_VALUE)
  requireShare('gate.removed', gate.removed, 1)
  requireShare('gate.changed', gate.changed, 1)
}

function requireShare(what: string, limit: unknown, most: number): void {
  if (limit === undefined || (typeof limit === 'number' && limit >= 0 && limit <= most)) return
  throw new ConfigError(`${what} is ${JSON.stringify(limit)}; expected a share ${most === 1 ? 'from 0 to 1' : 'from 0 on'}`, {
    hint: '0.1 is 10 %',
  })
}
