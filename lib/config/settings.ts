import { Secret } from '../core/secret.ts'

/** Tells every secret in a connection's settings which setting it is, for the error about a missing value. */
export function labelSecrets(value: unknown, path: string, place: string): void {
  if (value instanceof Secret) value.wantedBy(`${place}: ${path}`)
  else if (isPlain(value)) for (const [key, each] of Object.entries(value)) labelSecrets(each, `${path}.${key}`, place)
}

/** Settings as JSON for people: a secret as `secret env:NAME (set)` or `(missing)`, a password in a URL as `[secret]`, a function by its name. */
export function printableSettings(value: unknown): unknown {
  if (value instanceof Secret) return `secret ${value.reference} (${value.isSet() ? 'set' : 'missing'})`
  if (typeof value === 'string') return value.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@\s:]*):[^/?#\s]*@/i, '$1:[secret]@')
  if (value instanceof Date || typeof value === 'bigint') return String(value)
  if (typeof value === 'function') return `function ${value.name}`.trimEnd()
  if (Array.isArray(value)) return value.map(printableSettings)
  return isPlain(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, printableSettings(each)])) : value
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object'
}
