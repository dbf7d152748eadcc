import type { NotifierConnection } from '../connectors/notifier.ts'
import type { SourceConnection } from '../connectors/source.ts'
import type { StoreConnection } from '../connectors/store.ts'
import type { WarehouseConnection } from '../connectors/warehouse.ts'
import { type KnownOptions, requireKnown } from '../core/known-options.ts'
import type { LimitSettings } from './limits.ts'

/** Where things live for one profile. */
export interface Profile {
  /** The systems that pipelines read, by the name that `source('…')` uses. */
  readonly connections: Readonly<Record<string, SourceConnection>>
  /** Where `load` writes. */
  readonly warehouse: WarehouseConnection
  /** Where extracted data lands. */
  readonly landing: StoreConnection
  /** Where data lands in a bucket: how much of it this machine keeps, under the state folder, as `'50GB'`. Default 10 GB. */
  readonly cache?: string
  /** Where exports are delivered. */
  readonly store: StoreConnection
  /** Who is told after a delivery is switched, by the name that an export's `notify` uses. */
  readonly notify?: Readonly<Record<string, NotifierConnection>>
  /** Folder of locks, ledger, run records and workspaces, relative to the project. Default `.millrace/<profile>`. */
  readonly state?: string
  /** Memory, threads and the reader's limits. Default: from the machine. */
  readonly limits?: LimitSettings
  /** Pins "now": for every pipeline, or by pipeline name. ISO 8601 with a zone: `'2018-02-07T01:30:00Z'`. */
  readonly now?: string | Readonly<Record<string, string>>
}

/** What `millrace.config.ts` holds. */
export interface Config {
  /** A profile, or a function that makes it, so that only the chosen one is made. */
  readonly profiles: Readonly<Record<string, Profile | (() => Profile)>>
  /** The profile when none is named. Default `dev`. */
  readonly defaultProfile?: string
}

/**
 * Says which copy of millrace made a configuration. A command of one copy (installed globally) must not run a project that imports another: secrets of the one would not be
 * known to the other's redaction.
 */
export const MADE_BY: unique symbol = Symbol.for('millrace.config')

const CONFIG: KnownOptions<Config> = { profiles: true, defaultProfile: true }

/**
 * Declares a project's configuration; the default export of `millrace.config.ts`. Relative folders in it are relative to the project. Nothing is opened and no secret is looked up.
 * @throws ConfigError for an option that there is none of
 */
export function config(options: Config): Config {
  requireKnown('config', options, CONFIG)
  return Object.defineProperty({ ...options }, MADE_BY, { value: import.meta.url, enumerable: false })
}
