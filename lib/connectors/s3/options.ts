import type { KnownOptions } from '../../core/known-options.ts'
import type { MaybeSecret, Secret } from '../../core/secret.ts'

/** Which bucket, as whom, and how much patience there is. */
export interface S3Options {
  /** The bucket's name. */
  readonly bucket: string
  /** The region that the bucket is in; where another server has none: `us-east-1`. */
  readonly region: string
  /** What all names of objects begin with, as a folder: `deliveries/daily`. */
  readonly prefix?: string
  /** Another endpoint than Amazon's: a private one, or another server that speaks S3. */
  readonly endpoint?: string
  /** Whether the bucket stands in the path of an address instead of its host. Default: where `endpoint` is set. */
  readonly forcePathStyle?: boolean
  /** A key, with `secretAccessKey`. Without both, and without `profile`, what the AWS SDK finds: environment, files, web identity, container, instance. */
  readonly accessKeyId?: MaybeSecret
  /** `secret('env:S3_SECRET_ACCESS_KEY')`. */
  readonly secretAccessKey?: Secret
  /** The third part of a key that is valid for some hours only. */
  readonly sessionToken?: Secret
  /** A profile of the AWS SDK's files `~/.aws/config` and `~/.aws/credentials`. */
  readonly profile?: string
  /** How the server's certificate is verified: its chain against `ca` (a PEM file; default: Node's own roots), its name against `serverName` (default: the endpoint's host). It is always verified. */
  readonly tls?: { readonly ca?: string; readonly serverName?: string }
  /** Tries after the first, for what is safe to repeat. Default 5. */
  readonly retries?: number
  /** How long nothing may arrive, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number
  /** Size of the parts of an upload in bytes, from 5 MiB to 5 GiB; each upload holds one in memory. A stream has 10,000 parts at most: 78 GiB by default. Default 8 MiB. */
  readonly partSize?: number
}

export const S3_OPTIONS: KnownOptions<S3Options> = {
  bucket: true,
  region: true,
  prefix: true,
  endpoint: true,
  forcePathStyle: true,
  accessKeyId: true,
  secretAccessKey: true,
  sessionToken: true,
  profile: true,
  tls: true,
  retries: true,
  timeoutMs: true,
  partSize: true,
}
