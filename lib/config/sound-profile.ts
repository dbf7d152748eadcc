import type { Profile } from './config.ts'

const SETTINGS: ReadonlySet<string> = new Set(['connections', 'warehouse', 'landing', 'cache', 'store', 'notify', 'state', 'limits', 'now'])

/** Whether a profile is plainly right. A `no` is for validate.ts to explain; it never says yes where validate.ts finds a fault (held by a test). */
export function isSoundProfile(value: unknown): value is Profile {
  if (!isObject(value) || Object.keys(value).some((key) => !SETTINGS.has(key))) return false
  const { connections, warehouse, landing, cache, store, notify, state, limits, now } = value
  if (!isObject(connections) || !Object.values(connections).every((each) => opens(each, 'openSource'))) return false
  if (!opens(warehouse, 'openWarehouse') || !opens(landing, 'openStore') || !opens(store, 'openStore')) return false
  if (notify !== undefined && !(isObject(notify) && Object.values(notify).every((each) => opens(each, 'openNotifier')))) return false
  if (cache !== undefined && typeof cache !== 'string') return false
  if ((state !== undefined && typeof state !== 'string') || (limits !== undefined && !isSoundLimits(limits))) return false
  return now === undefined || (isObject(now) ? Object.values(now) : [now]).every(isInstant)
}

function isSoundLimits(value: unknown): boolean {
  const allowed: Readonly<Record<string, string>> = { memory: 'string', threads: 'number', readerMemory: 'string', readerTimeout: 'string' }
  return isObject(value) && Object.entries(value).every(([key, each]) => Object.hasOwn(allowed, key) && typeof each === allowed[key])
}

function opens(value: unknown, method: string): boolean {
  return isObject(value) && typeof value[method] === 'function'
}

function isInstant(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
