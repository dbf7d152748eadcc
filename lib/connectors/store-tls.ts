import { isIP } from 'node:net'
import { ConfigError } from '../core/errors.ts'
import { authorityIn } from './authority.ts'
import { type Failure, isNoTls } from './causes.ts'

/** How a store's server is verified: its chain against `ca` (a PEM file; default: Node's own roots), its name against `serverName` (default: the endpoint's host). */
export interface StoreTls {
  readonly ca?: string
  readonly serverName?: string
}

/** What Node is given to verify a server by. */
export interface Verified {
  readonly ca?: string
  readonly servername?: string
}

/** Whose settings are meant, for hints: the store's function, and its setting that names the server. */
export interface Settings {
  readonly of: string
  readonly endpoint: string
}

/** What is wrong, and what to do about it. */
export interface Refusal {
  readonly what: string
  readonly hint: string
}

const UNKNOWN_AUTHORITY = "the server's certificate comes from an unknown authority"

/** By Node's code; without a hint: the authority has to be given. */
const REFUSALS: Readonly<Record<string, { readonly what: string; readonly hint?: string }>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: { what: "the server's certificate is self-signed" },
  SELF_SIGNED_CERT_IN_CHAIN: { what: UNKNOWN_AUTHORITY },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { what: UNKNOWN_AUTHORITY },
  UNABLE_TO_GET_ISSUER_CERT: { what: UNKNOWN_AUTHORITY },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: { what: UNKNOWN_AUTHORITY },
  CERT_SIGNATURE_FAILURE: { what: "the server's certificate was not signed by the given authority" },
  CERT_HAS_EXPIRED: { what: "the server's certificate has expired", hint: 'renew it on the server' },
  CERT_NOT_YET_VALID: { what: "the server's certificate is not valid yet", hint: "check both machines' clocks" },
}

/** What is wrong with a server that TLS refuses, by the code and the message of Node's error; undefined where that is no error of TLS. */
export function refusalOf(failure: Failure, { of, endpoint }: Settings): Refusal | undefined {
  const { code } = failure
  if (isNoTls(failure))
    return { what: 'the server speaks no TLS there', hint: `correct the port in \`${endpoint}\` of ${of}(…), or write it as "http://…"` }
  const authority = `give its authority: tls: { ca: … } of ${of}(…), or start Node with NODE_EXTRA_CA_CERTS=<file>`
  const known = REFUSALS[code]
  if (known) return { hint: authority, ...known }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      what: "the server's certificate is for another name",
      hint: `use the name that it is for in \`${endpoint}\` of ${of}(…), or tls: { serverName: … }`,
    }
  if (!/CERT|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|ERR_TLS|ERR_SSL/.test(code)) return undefined
  return { what: "the server's certificate does not hold", hint: `${authority}; checks are never turned off` }
}

/** @throws ConfigError for settings that cannot be */
export function checkTls(tls: StoreTls | undefined, server: string | undefined, { of, endpoint }: Settings): void {
  if (!tls) return
  if (server !== undefined && new URL(server).protocol !== 'https:')
    throw new ConfigError(`${of} takes tls where ${endpoint} is https`, { hint: `write \`${endpoint}\` as "https://…"` })
  if (tls.serverName !== undefined && (tls.serverName === '' || isIP(tls.serverName) !== 0))
    throw new ConfigError(`tls.serverName ${JSON.stringify(tls.serverName)} of ${of} is not a name`, {
      hint: 'give the name that the certificate is for',
    })
}

/** Reads the authority. @throws ConfigError when it cannot be read, or is none */
export function verifiedBy({ ca, serverName }: StoreTls, { of }: Settings): Verified {
  return { ...(ca !== undefined && { ca: authorityIn(ca, of) }), ...(serverName !== undefined && { servername: serverName }) }
}
