import type { KnownOptions } from '../../core/known-options.ts'
import type { MaybeSecret } from '../../core/secret.ts'
import type { Settings } from '../store-tls.ts'

/** What hints about the receiver's server call its settings. */
export const SETTINGS: Settings = { of: 'webhook', endpoint: 'url' }

/** Where notices go, and how the receiver knows whose they are. */
export interface WebhookOptions {
  /** An http or https address. Where it holds a token, in its path or query, name it: `secret('env:HOOK_URL')`. */
  readonly url: MaybeSecret
  /**
   * The key that notices are signed with, as Standard Webhooks has it: `whsec_` and base64 of 24 to 64 random bytes, as `openssl rand -base64 32` makes them. Several, while a key is replaced: each signs, and the receiver takes
   * a notice that one of its keys fits.
   */
  readonly secret: MaybeSecret | readonly MaybeSecret[]
  /** `plain` (default): the notice itself. `pubsub`: inside the envelope in which Google Pub/Sub pushes messages, for receivers that read those. */
  readonly format?: 'plain' | 'pubsub'
  /** Sent with every notice. */
  readonly headers?: Readonly<Record<string, MaybeSecret>>
  /** Milliseconds in which nothing moves before a try is given up. Default 15,000. */
  readonly timeoutMs?: number
  /** Milliseconds within which a run tries again to send a notice. What is not sent then waits for the next run. Default 60,000. */
  readonly patienceMs?: number
  /** `ca`: a PEM file, the authority of the receiver's certificate, where Node's own roots do not know it. `serverName`: the name that the certificate is for. */
  readonly tls?: { readonly ca?: string; readonly serverName?: string }
}

export const WEBHOOK_OPTIONS: KnownOptions<WebhookOptions> = {
  url: true,
  secret: true,
  format: true,
  headers: true,
  timeoutMs: true,
  patienceMs: true,
  tls: true,
}
