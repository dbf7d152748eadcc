import type { Limits } from '../core/context.ts'
import { redactJson } from '../core/secret.ts'
import type { ProjectConfig } from './load.ts'
import { printableSettings } from './settings.ts'

/** One configured system as it is printed. */
export interface DescribedConnection {
  readonly kind: string
  readonly location?: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** What is in force, without secrets; JSON. */
export interface DescribedConfig {
  readonly file: string
  readonly profile: string
  readonly connections: Readonly<Record<string, DescribedConnection>>
  readonly warehouse: DescribedConnection
  readonly landing: DescribedConnection
  /** How much of a landing zone elsewhere is kept on this machine's disk. */
  readonly cacheBytes: number
  readonly store: DescribedConnection
  readonly notify: Readonly<Record<string, DescribedConnection>>
  readonly state: string
  readonly limits: Limits
  readonly now: string | Readonly<Record<string, string>> | undefined
}

interface AnyConnection {
  readonly kind: string
  readonly location?: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** Says what a profile has in force: each secret as its reference and whether it is set, never its value. */
export function describeConfig(project: ProjectConfig): DescribedConfig {
  const { file, profile, connections, warehouse, landing, cacheBytes, store, notify, state, limits, now } = project
  const described: DescribedConfig = {
    file,
    profile,
    connections: Object.fromEntries(Object.entries(connections).map(([name, each]) => [name, describeConnection(each)])),
    warehouse: describeConnection(warehouse),
    landing: describeConnection(landing),
    cacheBytes,
    store: describeConnection(store),
    notify: Object.fromEntries(Object.entries(notify).map(([name, each]) => [name, describeConnection(each)])),
    state,
    limits,
    now,
  }
  return redactJson(described)
}

function describeConnection({ kind, location, settings }: AnyConnection): DescribedConnection {
  return {
    kind,
    ...(location !== undefined && { location: String(printableSettings(location)) }),
    settings: printableSettings(settings) as DescribedConnection['settings'],
  }
}
