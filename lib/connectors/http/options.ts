import type { MaybeSecret } from '../../core/secret.ts'

/** How a service knows who asks. Sent to the origin of the base URL only (OAuth2 client credentials to `tokenUrl` only). */
export type HttpAuth =
  | { readonly basic: { readonly user: string; readonly password: MaybeSecret } }
  | { readonly bearer: MaybeSecret }
  /** RFC 6749, client credentials: the token is fetched once, kept until it expires, and fetched anew once when it is refused. */
  | {
      readonly oauth2: {
        readonly tokenUrl: string
        readonly clientId: string
        readonly clientSecret: MaybeSecret
        readonly scope?: string
        /** Where client id and secret stand: in an Authorization header, or in the form. Default `basic`. */
        readonly send?: 'basic' | 'form'
      }
    }
  | { readonly query: { readonly parameter: string; readonly value: MaybeSecret } }

export interface HttpOptions {
  /** What paths of requests are appended to. */
  readonly baseUrl?: string
  /** Starts a service on this machine and gives its base URL: called at the first request, closed with the source. For fixtures. */
  readonly start?: () => Promise<{ readonly url: string; close(): Promise<void> }>
  /** Sent with every request to the base URL's origin. */
  readonly headers?: Readonly<Record<string, MaybeSecret>>
  readonly auth?: HttpAuth
  /** `perSecond`: requests are spaced evenly. `concurrency`: requests at once, and datasets at once. Default 4. */
  readonly rate?: { readonly perSecond?: number; readonly concurrency?: number }
  /** How long nothing may arrive: neither the answer's head nor a further byte of its body. Default 60,000. */
  readonly timeoutMs?: number
  /** Tries after the first, for each page. Default 4. */
  readonly retries?: number
  /** IANA zone of naive timestamps. */
  readonly zone?: string
  /** A page, unpacked, may not be larger. Default 256 MiB. */
  readonly maxBodyBytes?: number
}
