import { isIP } from 'node:net'
import { durationMs } from '../../core/duration.ts'
import { ConfigError } from '../../core/errors.ts'
import { type KnownOptions, requireKnown } from '../../core/known-options.ts'
import { type MaybeSecret, Secret } from '../../core/secret.ts'

/** Where a PostgreSQL server is, who asks, and how much is asked of it. */
export interface PostgresOptions {
  /** Name or address of the server. Needed unless `start` is given. */
  readonly host?: string
  /** Default 5432. */
  readonly port?: number
  /** Name of the database. */
  readonly database: string
  /** The role that reads and writes. */
  readonly user: string
  /** `secret('env:PGPASSWORD')`; absent where the server asks for none. */
  readonly password?: MaybeSecret
  /** Of table names that say none. Default `public`. */
  readonly schema?: string
  /**
   * TLS with a certificate that is verified: its chain against `ca` (a PEM file; default: Node's own roots), its name against `serverName` (default: the host). It is the default for every host but this
   * machine's own addresses; give `tls: {}` to want it there too.
   */
  readonly tls?: { readonly ca?: string; readonly serverName?: string }
  /** Take any certificate, or no TLS where the server has none: whoever is between can read and change everything. Warned about in each run, and recorded. */
  readonly insecure?: true
  /** IANA zone of the naive timestamps in its tables. Default: the partitions' zone. */
  readonly zone?: string
  /** Connections that a run may hold at once. Default 4. */
  readonly maxConnections?: number
  /** Rows that are read in a second, over all connections. Default: as fast as it goes. */
  readonly rowsPerSecond?: number
  /** How long one statement may take, as '30m'. Default '1h'. */
  readonly statementTimeout?: string
  /** How long a statement may wait for another's lock. Default '10s'. */
  readonly lockTimeout?: string
  /** How long making a connection may take. Default '10s'. */
  readonly connectTimeout?: string
  /** Tries after the first, of what may go through later. Default 4. */
  readonly retries?: number
  /** Whether DuckDB's `postgres_scanner` is used where set-up has put it in place; without it rows come and go as COPY streams, slower. Default true. */
  readonly extension?: boolean
  /** Starts a server on this machine: called at the first use, closed at the end of the run. For fixtures. */
  readonly start?: () => Promise<StartedServer>
}

const POSTGRES_OPTIONS: KnownOptions<PostgresOptions> = {
  host: true,
  port: true,
  database: true,
  user: true,
  password: true,
  schema: true,
  tls: true,
  insecure: true,
  zone: true,
  maxConnections: true,
  rowsPerSecond: true,
  statementTimeout: true,
  lockTimeout: true,
  connectTimeout: true,
  retries: true,
  extension: true,
  start: true,
}

/** A server that `start` has started. */
export interface StartedServer {
  /** Name or address. */
  readonly host: string
  /** Where it listens. */
  readonly port: number
  /** Ends it. */
  close(): Promise<void>
}

/** Options checked, with their defaults. */
export interface Settings extends Omit<PostgresOptions, 'statementTimeout' | 'lockTimeout' | 'connectTimeout' | 'start' | 'password'> {
  /** A secret also where it is written as plain text: once it is used, no outlet shows it. */
  readonly password?: Secret
  readonly port: number
  readonly schema: string
  readonly maxConnections: number
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly retries: number
  readonly extension: boolean
}

/** @throws ConfigError for settings that cannot be */
export function settingsOf(options: PostgresOptions): Settings {
  requireKnown('postgres', options, POSTGRES_OPTIONS)
  const { statementTimeout = '1h', lockTimeout = '10s', connectTimeout = '10s', start, password, ...rest } = options
  if ((options.host === undefined) === (start === undefined)) throw new ConfigError('postgres needs a host, or start, and not both')
  for (const name of ['database', 'user'] as const) if (!rest[name]) throw new ConfigError(`postgres needs a ${name}`)
  if (rest.insecure && rest.tls) throw new ConfigError('postgres takes tls or insecure, not both: insecure verifies nothing')
  if (options.host && /^postgres(ql)?:|[@?]/.test(options.host))
    throw new ConfigError('host of postgres is not a name or an address', { hint: 'give host, port, database, user and password apart' })
  const whole = (
    name: 'port' | 'maxConnections' | 'retries' | 'rowsPerSecond',
    value: number,
    least: number,
    most = Number.MAX_SAFE_INTEGER,
  ) => {
    if (!(Number.isSafeInteger(value) && value >= least && value <= most))
      throw new ConfigError(`${name} ${value} of postgres must be a whole number of at least ${least}`)
    return value
  }
  if (rest.rowsPerSecond !== undefined) whole('rowsPerSecond', rest.rowsPerSecond, 1)
  return {
    ...rest,
    ...(password !== undefined && { password: confidential(password) }),
    port: whole('port', rest.port ?? 5432, 1, 65_535),
    schema: rest.schema ?? 'public',
    maxConnections: whole('maxConnections', rest.maxConnections ?? 4, 1),
    retries: whole('retries', rest.retries ?? 4, 0),
    extension: rest.extension ?? true,
    statementTimeoutMs: durationMs(statementTimeout),
    lockTimeoutMs: durationMs(lockTimeout),
    connectTimeoutMs: durationMs(connectTimeout),
  }
}

/** The options as `millrace config` prints them: a password that is written as plain text stays unseen, too. */
export function printable({ start, password, ...plain }: PostgresOptions): Readonly<Record<string, unknown>> {
  return {
    ...plain,
    ...(start && { host: 'started at the first use' }),
    ...(password !== undefined && { password: confidential(password) }),
  }
}

function confidential(password: MaybeSecret): Secret {
  return password instanceof Secret ? password : new Secret('configuration', () => password)
}

/** How a connection is protected: `none` only to this machine itself. */
export type Protection = 'verify' | 'insecure' | 'none'

/** What the settings ask for. */
export function protectionOf({ insecure, tls }: Pick<Settings, 'insecure' | 'tls'>, host: string): Protection {
  if (insecure) return 'insecure'
  return tls === undefined && isThisMachine(host) ? 'none' : 'verify'
}

function isThisMachine(host: string): boolean {
  if (host === 'localhost' || host.startsWith('/')) return true
  return (isIP(host) === 4 && host.startsWith('127.')) || host === '::1'
}
