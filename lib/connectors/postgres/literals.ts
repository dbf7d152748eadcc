import type { Read } from '../source.ts'

/** A literal of the server: only for sessions with `standard_conforming_strings`, which all of ours have. */
export function literal(text: string, type: string): string {
  return `'${text.replaceAll("'", "''")}'::${type}`
}

/** An instant as a literal. */
export function instantLiteral(instant: Date): string {
  return literal(instant.toISOString(), 'timestamptz')
}

const DAY_MS = 86_400_000

/**
 * Literals of the naive times between which every naive time lies that means an instant of `[start, end)` in a zone. Where clocks change near an end it is moved outwards by the change: the caller
 * cuts exactly. `exact`: nothing was moved.
 */
export function naiveBounds({ start, end }: { readonly start: Date; readonly end?: Date }, zone: string) {
  const [from, to] = [naiveAt(start, zone), end && naiveAt(end, zone)]
  return {
    from: naiveLiteral(new Date(from.at - from.spread)),
    ...(to && { to: naiveLiteral(new Date(to.at + to.spread)) }),
    exact: from.spread === 0 && (to?.spread ?? 0) === 0,
  }
}

function naiveAt(instant: Date, zone: string): { readonly at: number; readonly spread: number } {
  const around = [-DAY_MS, 0, DAY_MS].map((ms) => offsetMs(new Date(instant.getTime() + ms), zone))
  return { at: instant.getTime() + (around[1] ?? 0), spread: Math.max(...around) - Math.min(...around) }
}

function naiveLiteral(time: Date): string {
  return literal(time.toISOString().replace('T', ' ').replace('Z', ''), 'timestamp')
}

/** How far a zone's clocks are before UTC. */
function offsetMs(instant: Date, zone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', era: 'short' },
  })
  const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]))
  const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year)
  const local = new Date(0)
  local.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day))
  local.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second), 0)
  return local.getTime() - Math.floor(instant.getTime() / 1000) * 1000
}

/** What `{start}`, `{end}` and `{partition}` stand for in a read's own SQL. */
export function valuesOf({ window, partition }: Pick<Read, 'window' | 'partition'>): ReadonlyMap<string, string | undefined> {
  return new Map([
    ['start', window && instantLiteral(window.start)],
    ['end', window && instantLiteral(window.end)],
    ['partition', partition === undefined ? undefined : literal(partition, 'text')],
  ])
}
