import { z } from 'zod/mini'
import { ConfigError } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import type { Profile } from './config.ts'

/** What a connection can be used for is what it can open. */
const OPENS = { source: 'openSource', warehouse: 'openWarehouse', store: 'openStore', notifier: 'openNotifier' } as const

const connectionOf = (role: keyof typeof OPENS) =>
  z.custom<object>((value) => rolesOf(value).includes(role), {
    error: ({ input }) => {
      const given = rolesOf(input).join(' and ')
      return given ? `is a ${given} connection; expected a ${role} connection` : `is ${kindOf(input)}; expected a ${role} connection`
    },
  })

const text = z.string({ error: ({ input }) => `is ${kindOf(input)}; expected text` })
const names = (value: z.core.$ZodType) =>
  z.record(z.string(), value, { error: ({ input }) => `is ${kindOf(input)}; expected an object of names` })
const instant = text.check(
  z.refine((value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value)), {
    error: ({ input }) => `is ${JSON.stringify(input)}; expected an instant with a zone, as "2018-02-07T01:30:00Z"`,
  }),
)

const limits = z.strictObject({
  memory: z.optional(text),
  threads: z.optional(z.number({ error: ({ input }) => `is ${kindOf(input)}; expected a number` })),
  readerMemory: z.optional(text),
  readerTimeout: z.optional(text),
})

const profile = z.strictObject({
  connections: names(connectionOf('source')),
  warehouse: connectionOf('warehouse'),
  landing: connectionOf('store'),
  cache: z.optional(text),
  store: connectionOf('store'),
  notify: z.optional(names(connectionOf('notifier'))),
  state: z.optional(text),
  limits: z.optional(limits),
  now: z.optional(z.unknown()),
})

const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(profile.shape),
  limits: Object.keys(limits.shape),
}

/**
 * The profile that a configuration file gave, checked.
 * @throws ConfigError with one line for each fault: `config profile "dev": warehouse is missing`.
 */
export function validateProfile(value: unknown, place: string): Profile {
  if (value === null || typeof value !== 'object')
    throw new ConfigError(`${place} is ${kindOf(value)}; expected an object or a function that gives one`)
  const result = profile.safeParse(value)
  const faults = [...(result.success ? [] : result.error.issues.flatMap((issue) => faultsOf(issue, value))), ...nowFaults(value)]
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `${place}: ${fault}`).join('\n'))
  return value as Profile
}

function faultsOf(issue: z.core.$ZodIssue, value: object): string[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const known = SETTINGS[path.join('.')] ?? []
    return issue.keys.map((key) => `unknown setting "${[...path, key].join('.')}"${didYouMean(key, known)}; there are: ${known.join(', ')}`)
  }
  const given = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value)
  return [given === undefined ? `${path.join('.')} is missing` : `${path.join('.')} ${issue.message}`]
}

function nowFaults(value: object): string[] {
  const now = (value as { readonly now?: unknown }).now
  if (now === undefined) return []
  const each =
    now !== null && typeof now === 'object'
      ? Object.entries(now).map(([name, at]) => [`now.${name}`, at] as const)
      : [['now', now] as const]
  return each.flatMap(([path, at]) => {
    const result = instant.safeParse(at)
    return result.success ? [] : [`${path} ${result.error.issues[0]?.message}`]
  })
}

function rolesOf(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(OPENS).flatMap(([role, method]) => (typeof (value as Record<string, unknown>)[method] === 'function' ? [role] : []))
}

/** What a wrong value is, without showing it: it may be a secret. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value)
    ? 'a list'
    : ({ string: 'a text', object: 'an object', function: 'a function' }[typeof value as string] ?? `a ${typeof value}`)
}
