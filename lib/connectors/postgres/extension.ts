import { lookup } from 'node:dns/promises'
import { mkdir, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { reveal } from '../../core/secret.ts'
import { type Address, noTransactionTimeout, SESSION } from './client.ts'
import { protectionOf, type Settings } from './options.ts'

/** Sessions of DuckDB's extension, for one job. */
export interface Attachment {
  /** Statements that load, connect and begin, all on one snapshot. Hold the password: they go nowhere but to the reader child. */
  readonly before: readonly string[]
  /** Statements that end it. */
  readonly after: readonly string[]
}

export interface AttachRequest {
  readonly settings: Settings
  readonly address: Address
  /** The extension's file. */
  readonly file: string
  /** Names of the databases that are attached, one for each session: no other job of the child has them. */
  readonly names: readonly string[]
  readonly application: string
  readonly snapshot: string
  /** A folder for a file of certificates. */
  readonly folder: string
  /** Of the sessions. Default UTC. */
  readonly zone?: string
}

/** What the reader child runs around a job that reads by `postgres_query('<name>', …)`. */
export async function attachment(request: AttachRequest): Promise<Attachment> {
  const { settings, address, file, names, application, snapshot, folder, zone } = request
  const secret = quoteIdentifier(`${names[0]}_secret`)
  const tls = await tlsParameters(settings, address, folder)
  const login: readonly (readonly [name: string, value: string | undefined])[] = [
    ['HOST', tls.host],
    ['PORT', String(address.port)],
    ['DATABASE', settings.database],
    ['USER', settings.user],
    ['PASSWORD', settings.password === undefined ? undefined : reveal(settings.password)],
  ]
  const given = login.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${quoteLiteral(value)}`]))
  const connection = connectionText({
    application_name: application,
    client_encoding: 'UTF8',
    connect_timeout: String(Math.max(2, Math.ceil(settings.connectTimeoutMs / 1000))),
    ...{ keepalives_idle: '10', keepalives_interval: '5', keepalives_count: '4', tcp_user_timeout: '30000', gssencmode: 'disable' },
    ...tls.parameters,
  })
  const limits = [`statement_timeout = ${settings.statementTimeoutMs}`, `lock_timeout = ${settings.lockTimeoutMs}`]
  const zoned = zone === undefined ? [] : [`TimeZone = ${quoteLiteral(zone)}`]
  // The encoding is the connection's; all else is of this transaction alone.
  const local = [...SESSION.filter((each) => !each.startsWith('client_encoding')), ...limits, ...zoned].map((each) => `SET LOCAL ${each}`)
  const begin = [`SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot)}`, noTransactionTimeout(true), ...local].join('; ')
  return {
    before: [
      `LOAD ${quoteLiteral(file)}`,
      // A password in the text of ATTACH comes back in every error of the connection, and in duckdb_databases().
      `CREATE SECRET ${secret} (TYPE postgres, ${given.join(', ')})`,
      ...names.map((name) => `ATTACH ${quoteLiteral(connection)} AS ${quoteIdentifier(name)} (TYPE postgres, SECRET ${secret}, READ_ONLY)`),
      'BEGIN',
      ...names.map((name) => `CALL postgres_execute(${quoteLiteral(name)}, ${quoteLiteral(begin)})`),
    ],
    after: ['ROLLBACK', ...names.map((name) => `DETACH ${quoteIdentifier(name)}`), `DROP SECRET ${secret}`],
  }
}

/** libpq verifies against the same authorities as Node does in other sessions. */
async function tlsParameters(settings: Settings, address: Address, folder: string) {
  const { tls = {} } = settings
  const protection = protectionOf(settings, address.host)
  if (protection === 'none') return { host: address.host, parameters: { sslmode: 'disable' } }
  if (protection === 'insecure') return { host: address.host, parameters: { sslmode: 'prefer' } }
  let authority = tls.ca
  if (authority === undefined) {
    authority = join(folder, 'roots.pem')
    await mkdir(folder, { recursive: true })
    await writeFile(authority, rootCertificates.join('\n'))
  }
  const verified = { sslmode: 'verify-full', sslrootcert: authority }
  if (tls.serverName === undefined) return { host: address.host, parameters: verified }
  const hostaddr = isIP(address.host) ? address.host : (await lookup(address.host)).address
  return { host: tls.serverName, parameters: { ...verified, hostaddr } }
}

/** A connection string of libpq. */
function connectionText(parameters: Readonly<Record<string, string>>): string {
  const quoted = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(' ')
}

const WORDS: readonly (readonly [words: RegExp, state: string])[] = [
  [/due to conflict with recovery/, '40001'],
  [/canceling statement due to (statement|user)/, '57014'],
  [/canceling statement due to lock timeout/, '55P03'],
  [/terminating connection|shutting down|starting up|crash of another server process/, '57P01'],
  [/too many (clients|connections)|remaining connection slots/, '53300'],
  [/password authentication failed|no pg_hba\.conf entry/, '28000'],
  [/snapshot "[^"]*" does not exist|invalid snapshot identifier/, '08006'],
  [
    /server closed the connection|connection not open|no connection to the server|could not receive data|SSL SYSCALL|SSL error|Connection (refused|reset|timed out)|timeout expired|unexpected message|lost synchronization|could not connect|connection to server/i,
    '08006',
  ],
  [/division by zero|invalid input syntax|out of range|cannot be cast/, '22000'],
  [/permission denied/, '42501'],
]

/** What the server or libpq said in an error of the extension, as an error with a SQLSTATE, which the extension does not pass on; undefined for DuckDB's own errors. */
export function serverFault(message: string): Error | undefined {
  const [first = ''] = message.split('\n')
  if (!/^(IO|Invalid|Invalid Input|Binder|Network|TransactionContext)( Error|: )/.test(first)) return undefined
  if (!/(ERROR|FATAL|PANIC): |Unable to connect to Postgres|Failed to \w+|libpq|server closed|connection|SSL/.test(message))
    return undefined
  const said = /(?:ERROR|FATAL|PANIC):\s+([^\n]*)/.exec(message)?.[1] ?? lastPart(message)
  const state = WORDS.find(([words]) => words.test(message))?.[1] ?? (/ERROR: /.test(message) ? 'P0001' : '08006')
  return Object.assign(new Error(said), { code: state })
}

/** Without DuckDB's preface and the text of the query. */
function lastPart(message: string): string {
  const plain = message.replace(/^[A-Za-z ]+Error: /, '').split('\n')[0] ?? ''
  return /(?:failed|": ?)\s*(.+)$/.exec(plain)?.[1] ?? plain
}
