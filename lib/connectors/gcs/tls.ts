import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { ConfigError, messageOf } from '../../core/errors.ts'
import type { GcsOptions } from './options.ts'

/** What Node is given to verify a server by. */
export interface Verified {
  readonly ca?: string
  readonly servername?: string
}

/** What is wrong, and what to do about it. */
interface Refusal {
  readonly what: string
  readonly hint: string
}

const AUTHORITY = 'give its authority: tls: { ca: … } of gcs(…), or start Node with NODE_EXTRA_CA_CERTS=<file>'
const UNKNOWN_AUTHORITY: Refusal = { what: "the server's certificate comes from an unknown authority", hint: AUTHORITY }

/** By Node's code. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: { what: "the server's certificate is self-signed", hint: AUTHORITY },
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: { what: "the server's certificate was not signed by the given authority", hint: AUTHORITY },
  CERT_HAS_EXPIRED: { what: "the server's certificate has expired", hint: 'renew it on the server' },
  CERT_NOT_YET_VALID: { what: "the server's certificate is not valid yet", hint: "check both machines' clocks" },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: "the server's certificate is for another name",
    hint: 'use the name that it is for in `apiEndpoint` of gcs(…), or tls: { serverName: … }',
  },
}

/** What is wrong with a server that TLS refuses, by the code of Node's error; undefined where that is no error of TLS. */
export function refusalOf(code: string): Refusal | undefined {
  const known = REFUSALS[code]
  if (known || !/CERT|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|ERR_TLS|ERR_SSL/.test(code)) return known
  return { what: "the server's certificate does not hold", hint: `${AUTHORITY}; checks are never turned off` }
}

/** @throws ConfigError for settings that cannot be */
export function checkTls({ tls, apiEndpoint }: Pick<GcsOptions, 'tls' | 'apiEndpoint'>): void {
  if (!tls) return
  if (apiEndpoint !== undefined && new URL(apiEndpoint).protocol !== 'https:')
    throw new ConfigError('gcs takes tls where apiEndpoint is https', { hint: 'write `apiEndpoint` as "https://…"' })
  if (tls.serverName !== undefined && (tls.serverName === '' || isIP(tls.serverName) !== 0))
    throw new ConfigError(`tls.serverName ${JSON.stringify(tls.serverName)} of gcs is not a name`, {
      hint: 'give the name that the certificate is for',
    })
}

/** Reads the authority. @throws ConfigError when it cannot be read */
export function verifiedBy({ ca, serverName }: NonNullable<GcsOptions['tls']>): Verified {
  return { ...(ca !== undefined && { ca: authority(ca) }), ...(serverName !== undefined && { servername: serverName }) }
}

function authority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`tls.ca ${file} of gcs cannot be read: ${messageOf(error)}`, { file, hint: 'correct `tls` of gcs(…)' })
  }
}
