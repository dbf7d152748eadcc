import { CheckError, ConfigError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import type { Read } from '../source.ts'

/** Name → text; undefined: known, but there is none for this read. */
export type Placeholders = ReadonlyMap<string, string | undefined>

const KNOWN = ['start', 'end', 'partition', 'cursor'] as const
const PLACEHOLDER = /\{([^{}]+)\}/g
const WORD = /^[A-Za-z_]\w*$/

/**
 * What `{…}` stands for in one read: `start` and `end` of its window (ISO 8601, UTC), `partition`, `cursor` (the last landed value; times as ISO 8601), and the column that `each` names, from
 * one parent row.
 */
export function placeholdersOf(read: Omit<Read, 'columns'>, parent?: string): Placeholders {
  const { request, window, cursor, partition } = read
  const column = 'each' in request ? request.each?.column : undefined
  return new Map([
    ['start', window && isoText(window.start)],
    ['end', window && isoText(window.end)],
    ['partition', partition],
    ['cursor', cursor?.from === undefined ? undefined : isoCursor(cursor.from)],
    ...(column === undefined ? [] : ([[column, parent]] as const)),
  ])
}

/** Refuses a placeholder that no read fills; `column`: the one that `each` names. @throws ConfigError */
export function refuseUnknown(text: string, where: string, column: string | undefined): void {
  const known = [...KNOWN, ...(column === undefined ? [] : [column])]
  for (const [, name = ''] of text.matchAll(PLACEHOLDER)) if (!known.includes(name) && WORD.test(name)) throw unknown(name, where, known)
}

/**
 * Fills a path; each value is URL-encoded.
 * @throws CheckError for a value that would leave its place in the path (`..`), ConfigError for an unknown placeholder or one without a value.
 */
export function fillPath(path: string, known: Placeholders): string {
  const filled = replace(path, known, 'path', encodeUrl)
  const before = path.split(/[/?#]/)
  const climbs = filled.split(/[/?#]/).find((part, i) => isDots(part) && part !== before[i])
  if (climbs !== undefined)
    throw new CheckError(`${JSON.stringify(climbs)} cannot stand in the path ${path}`, { stage: 'extract', value: climbs })
  return filled
}

/** Fills the value of a query parameter, not yet encoded. Undefined, so that the parameter is left out, when it holds `{cursor}` and there is none yet. */
export function fillQuery(name: string, value: string, known: Placeholders): string | undefined {
  if (value.includes('{cursor}') && known.get('cursor') === undefined) return undefined
  return replace(value, known, `query parameter "${name}"`, (text) => text)
}

/** Fills the texts of a JSON body and reveals its secrets. A property or item that holds `{cursor}` is left out when there is none yet. Other braces stay: a body may hold GraphQL. */
export function fillBody(body: unknown, known: Placeholders): unknown {
  if (body instanceof Secret) return body.reveal()
  if (typeof body === 'string') {
    if (body.includes('{cursor}') && known.get('cursor') === undefined) return undefined
    return body.replace(PLACEHOLDER, (whole, name: string) => (known.has(name) ? valueFor(name, known, 'body') : whole))
  }
  if (Array.isArray(body)) return body.map((item) => fillBody(item, known)).filter((item) => item !== undefined)
  if (body === null || typeof body !== 'object') return body
  return Object.fromEntries(
    Object.entries(body).flatMap(([name, value]) => {
      const filled = fillBody(value, known)
      return filled === undefined ? [] : [[name, filled]]
    }),
  )
}

/** Percent-encodes all but RFC 3986's unreserved characters, so that a URL parser changes nothing any more. */
export function encodeUrl(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function replace(text: string, known: Placeholders, where: string, encode: (value: string) => string): string {
  return text.replace(PLACEHOLDER, (whole, name: string) => {
    if (known.has(name)) return encode(valueFor(name, known, where))
    if (!WORD.test(name)) return whole
    throw unknown(name, where, [...known.keys()])
  })
}

function unknown(name: string, where: string, known: readonly string[]): ConfigError {
  const list = known.map((key) => `{${key}}`).join(', ')
  return new ConfigError(`unknown placeholder {${name}} in ${where}; known: ${list}`, { stage: 'extract' })
}

function valueFor(name: string, known: Placeholders, where: string): string {
  const value = known.get(name)
  if (value !== undefined) return value
  const wants: Readonly<Record<string, string>> = {
    start: 'a dataset with a window',
    end: 'a dataset with a window',
    partition: 'a pipeline with partitions',
    cursor: 'a dataset with a cursor that has landed once',
  }
  throw new ConfigError(`placeholder {${name}} in ${where} has no value here; it needs ${wants[name] ?? 'a parent row'}`, {
    stage: 'extract',
  })
}

function isDots(part: string): boolean {
  return /^(\.|%2e){1,2}$/i.test(part)
}

function isoText(instant: Date): string {
  return instant.toISOString().replace('.000Z', 'Z')
}

/** DuckDB writes times as `2018-02-04 10:00:00+00`; services want `2018-02-04T10:00:00Z`. Other values stay as they are. */
function isoCursor(text: string): string {
  const time = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::\d\d)?)?$/.exec(text)
  if (!time) return text
  const zone = time[3] === undefined ? '' : time[3] === '+00' ? 'Z' : time[3].length === 3 ? `${time[3]}:00` : time[3]
  return `${time[1]}T${time[2]}${zone}`
}
