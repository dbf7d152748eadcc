import { CheckError, ConfigError, type ErrorOptions, MillraceError, messageOf, PermanentError, TransientError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'

/** What a server's error says besides its message; the driver's own fields. */
interface ServerFault {
  readonly code?: string
  readonly detail?: string
  readonly hint?: string
  readonly table?: string
  readonly column?: string
  readonly constraint?: string
  readonly where?: string
}

/** A session was lost, or could not be had: another one may do. What a server refuses for other reasons that pass (a lock, a time-out) is not tried again at once. */
export class ConnectionLost extends TransientError {}

type Kind = new (message: string, options?: ErrorOptions) => MillraceError

/** SQLSTATEs (PostgreSQL manual, appendix A), by code or by class: what they mean for a run, and what to do. The first that fits counts; where a message must have words, the name among them is the `$1` of the hint. */
const STATES: readonly (readonly [state: RegExp, kind: Kind, hint: string, words?: RegExp])[] = [
  [/^28/, ConfigError, 'check user and password, and what pg_hba.conf allows'],
  [/^3D000/, ConfigError, 'check the database of the connection'],
  [/^3F000/, ConfigError, 'check the schema of the connection'],
  [
    /^42501/,
    ConfigError,
    'its policies would hide rows: let a superuser say ALTER ROLE … BYPASSRLS of the role that asks',
    /row-level security/,
  ],
  [/^42501/, ConfigError, 'millrace doctor says what its owner has to grant'],
  [/^42(P01|703|883|704|601|804|P02|702|803|846|8C9)/, ConfigError, 'check names and SQL against the database'],
  [/^53300/, ConnectionLost, 'it is the limit of the role: lower maxConnections, or ALTER ROLE "$1" CONNECTION LIMIT …', /for role "(.*)"/],
  [
    /^53300/,
    ConnectionLost,
    'it is the limit of the database: lower maxConnections, or ALTER DATABASE "$1" CONNECTION LIMIT …',
    /for database "(.*)"/,
  ],
  [/^53300/, ConnectionLost, 'the server has no connection left: lower maxConnections, or raise its max_connections'],
  [/^53[12]00/, PermanentError, 'the server has no space or memory left: make room, then run again'],
  [/^53/, TransientError, 'the server has no resources left: run again later'],
  [
    /^(40|57)/,
    TransientError,
    'a replica breaks off reads that its replay waits for: raise its max_standby_streaming_delay, or turn its hot_standby_feedback on',
    /conflict with recovery/,
  ],
  [/^57014/, TransientError, 'the statement took too long or was cancelled: raise statementTimeout, or read less at once'],
  [/^55P03/, TransientError, 'another session holds a lock: see pg_locks, raise lockTimeout, or run again later'],
  [/^55000/, ConfigError, 'let its owner say: REFRESH MATERIALIZED VIEW "$1"', /^materialized view "(.*)" has not been populated/],
  [
    /^55000/,
    ConfigError,
    'it is published: let its owner say ALTER TABLE … REPLICA IDENTITY FULL, or give it a primary key',
    /does not have a replica identity/,
  ],
  [/^54011/, ConfigError, 'a table has at most 1,600 columns, _partition and _load among them: take fewer', /^tables can have/],
  [
    /^54000/,
    CheckError,
    'all of a row, or of a value in an index, is to stand on one page: take fewer columns, or drop the index',
    /^(row is too big|index row )/,
  ],
  [/^55006/, TransientError, 'somebody uses it: run again later'],
  [/^(08|57P|25P0[34])/, ConnectionLost, 'run again: nothing was committed by this attempt'],
  [/^40/, TransientError, 'run again: nothing was committed by this attempt'],
  [/^25006/, ConfigError, 'nothing can be written there: a source only reads, and a warehouse is no standby'],
  [/^58/, PermanentError, "look into the server's log: its disk or operating system failed"],
  [/^XX/, PermanentError, "look into the server's log: it reports damage"],
  [/^22/, CheckError, 'a value does not fit: see its column'],
  [/^23/, CheckError, 'a constraint of the table refuses these rows'],
  [/^0A000/, ConfigError, 'the server cannot do that: see its message'],
]

type Answer = readonly [kind: Kind, message: string, hint: string]

const UNKNOWN_AUTHORITY: Answer = [ConfigError, 'its certificate comes from an unknown authority', 'give the authority: tls: { ca: … }']

/** Errors of TLS and of sockets, by Node's code. */
const CODES: Readonly<Record<string, Answer>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: [ConfigError, 'its certificate is self-signed', 'give its authority: tls: { ca: … }'],
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: [ConfigError, 'its certificate was not signed by the given authority', 'give the authority: tls: { ca: … }'],
  CERT_HAS_EXPIRED: [ConfigError, 'its certificate has expired', 'renew it on the server'],
  CERT_NOT_YET_VALID: [ConfigError, 'its certificate is not valid yet', "check both machines' clocks"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    ConfigError,
    'its certificate is for another name',
    'use the name that it is for, or tls: { serverName: … }',
  ],
  ENOTFOUND: [ConfigError, 'the host is unknown', 'check the host of the connection'],
  EAI_AGAIN: [ConnectionLost, 'the name service does not answer', 'run again later'],
  ECONNREFUSED: [ConnectionLost, 'nothing listens there', 'start the server, or check host and port'],
  ECONNRESET: [ConnectionLost, 'the connection was reset', 'run again: nothing was committed by this attempt'],
  EPIPE: [ConnectionLost, 'the connection was closed', 'run again: nothing was committed by this attempt'],
  ETIMEDOUT: [ConnectionLost, 'the server does not answer', 'check host, port and the firewalls between'],
  EHOSTUNREACH: [ConnectionLost, 'the host cannot be reached', 'check the network'],
  ENETUNREACH: [ConnectionLost, 'the network cannot be reached', 'check the network'],
}

/** The driver's own errors, which have no code. */
const WORDS: readonly (readonly [words: RegExp, kind: Kind, message: string, hint: string])[] = [
  [/server does not support SSL/, ConfigError, 'it offers no TLS', 'turn ssl on at the server; insecure: true goes without'],
  [
    /Connection terminated due to connection timeout|timeout expired/,
    ConnectionLost,
    'it does not answer',
    'check host, port and the firewalls between',
  ],
  [
    /Connection terminated|Client was closed|not queryable|Connection ended/,
    ConnectionLost,
    'the connection was lost',
    'run again: nothing was committed by this attempt',
  ],
  [/password must be a string|No password supplied|SASL/, ConfigError, 'it asks for a password', "give password: secret('env:…')"],
]

/**
 * What an error of the driver or the server means for the person who runs a pipeline; errors of ours and what nobody foresaw come back as they are. `doing`: what was asked, as `reading payment
 * of 127.0.0.1/sakila`.
 */
export function explained(error: unknown, doing: string): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error
  // Several addresses of a host were tried: the last one's answer stands for all.
  const one = error instanceof AggregateError ? ((error.errors.at(-1) as Error | undefined) ?? error) : error
  const { code = '', detail, hint: told, column, constraint, where } = one as ServerFault
  const said = redact(firstLine(one.message))
  const state = /^[0-9A-Z]{5}$/.test(code)
    ? STATES.find(([pattern, , , words]) => pattern.test(code) && (words?.test(said) ?? true))
    : undefined
  if (state) {
    const [, kind, advice, words] = state
    const hint = advice.replaceAll('$1', words?.exec(said)?.[1] ?? '')
    const more = [detail, constraint === undefined ? undefined : `constraint ${constraint}`].filter((each) => each !== undefined)
    const message = [said, ...more.map((each) => redact(firstLine(each)))].join('; ')
    const row = /^COPY .*, line (\d+)/.exec(where ?? '')?.[1]
    return new kind(`${doing} failed: ${message} (${code})`, {
      ...(column !== undefined && { column }),
      ...(row !== undefined && { row: Number(row) }),
      hint,
      cause: one,
    })
  }
  const known = CODES[code]
  if (known) return new known[0](`${doing} failed: ${known[1]}`, { hint: known[2], cause: one })
  const worded = WORDS.find(([words]) => words.test(messageOf(one)))
  if (worded) return new worded[1](`${doing} failed: ${worded[2]}`, { hint: worded[3], cause: one })
  if (!/^[0-9A-Z]{5}$/.test(code)) return error
  return new PermanentError(`${doing} failed: ${said} (${code})`, {
    ...(told !== undefined && { hint: redact(firstLine(told)) }),
    cause: one,
  })
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
