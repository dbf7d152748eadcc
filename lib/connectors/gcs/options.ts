import type { KnownOptions } from '../../core/known-options.ts'
import type { Secret } from '../../core/secret.ts'

/** Which bucket, as whom, and how much patience there is. */
export interface GcsOptions {
  /** The bucket's name. */
  readonly bucket: string
  /** What all names of objects begin with, as a folder: `deliveries/daily`. */
  readonly prefix?: string
  /** A file of credentials: a service account's key, or the configuration of a workload identity. Without it and `credentials`, application default credentials. */
  readonly keyFile?: string
  /** The same as JSON text: `secret('env:GCS_KEY')`. */
  readonly credentials?: Secret
  /** Another endpoint: a private one, or an emulator. Outside googleapis.com credentials are sent only where `keyFile` or `credentials` is set. */
  readonly apiEndpoint?: string
  /**
   * How the server's certificate is verified, for a private `apiEndpoint`: its chain against `ca` (a PEM file; default: Node's own roots), its name against `serverName` (default: the endpoint's host). It is always
   * verified.
   */
  readonly tls?: { readonly ca?: string; readonly serverName?: string }
  /** Project that pays for the requests, where the bucket's readers pay. */
  readonly userProject?: string
  /** Tries after the first, for what is safe to repeat. Default 5. */
  readonly retries?: number
  /** How long nothing may arrive, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number
  /** Size of the pieces of an upload, a multiple of 256 KiB; each upload holds one in memory. Default 8 MiB. */
  readonly chunkSize?: number
}

export const GCS_OPTIONS: KnownOptions<GcsOptions> = {
  bucket: true,
  prefix: true,
  keyFile: true,
  credentials: true,
  apiEndpoint: true,
  tls: true,
  userProject: true,
  retries: true,
  timeoutMs: true,
  chunkSize: true,
}
