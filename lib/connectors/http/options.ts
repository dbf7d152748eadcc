import type { KnownOptions } from '../../core/known-options.ts'
import type { MaybeSecret } from '../../core/secret.ts'

/** Requests at once, where a connection does not say. */
export const CONCURRENCY = 4

/** How a service knows who asks. Sent to the origin of the base URL only (OAuth2 client credentials to `tokenUrl` only). */
export type HttpAuth =
  /** User and password (RFC 7617). */
  | { readonly basic: { readonly user: string; readonly password: MaybeSecret } }
  /** A token, as `Authorization: Bearer …`. */
  | { readonly bearer: MaybeSecret }
  /**
   * Client credentials (RFC 6749): the token is fetched once, kept until it expires, and fetched anew once when it is refused. Client id and secret stand in an Authorization header (`basic`, the
   * default) or in the form.
   */
  | {
      readonly oauth2: {
        readonly tokenUrl: string
        readonly clientId: string
        readonly clientSecret: MaybeSecret
        readonly scope?: string
        readonly send?: 'basic' | 'form'
      }
    }
  /** A key in the query; left out of every message. */
  | { readonly query: { readonly parameter: string; readonly value: MaybeSecret } }

/** Where a service is, how it is asked, and how much patience there is. */
export interface HttpOptions {
  /** What paths of requests are appended to. */
  readonly baseUrl?: string
  /** Starts a service on this machine and gives its base URL: called at the first request, closed with the source. For fixtures. */
  readonly start?: () => Promise<{ readonly url: string; close(): Promise<void> }>
  /** Sent with every request to the base URL's origin. */
  readonly headers?: Readonly<Record<string, MaybeSecret>>
  /** Credentials; default none. */
  readonly auth?: HttpAuth
  /** `perSecond`: requests are spaced evenly. `concurrency`: requests at once, and datasets at once. Default 4. */
  readonly rate?: { readonly perSecond?: number; readonly concurrency?: number }
  /** Milliseconds in which nothing arrives, neither the answer's head nor a further byte of its body, before a try is given up. Default 60,000. */
  readonly timeoutMs?: number
  /** Tries after the first, for each page, with growing pauses; a `Retry-After` is kept. Default 4. */
  readonly retries?: number
  /** IANA zone of naive timestamps, where a column is declared timestamptz or cuts partitions. Default: the zone of the pipeline's partitions. */
  readonly zone?: string
  /** Bytes that a page, unpacked, may have at most. Default 256 MiB. */
  readonly maxBodyBytes?: number
}

export const HTTP_OPTIONS: KnownOptions<HttpOptions> = {
  baseUrl: true,
  start: true,
  headers: true,
  auth: true,
  rate: true,
  timeoutMs: true,
  retries: true,
  zone: true,
  maxBodyBytes: true,
}
