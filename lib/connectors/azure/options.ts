import type { KnownOptions } from '../../core/known-options.ts'
import type { Secret } from '../../core/secret.ts'
import type { Settings } from '../store-tls.ts'

/** What hints about the server call its settings. */
export const SETTINGS: Settings = { of: 'azure', endpoint: 'endpoint' }

/** Which container, as whom, and how much patience there is. Without `key`, `sas` and `connectionString`: the default credentials of `@azure/identity`. */
export interface AzureOptions {
  /** The storage account's name. */
  readonly account: string
  /** The container's name. It must be there. */
  readonly container: string
  /** What all names of blobs begin with, as a folder: `deliveries/daily`. */
  readonly prefix?: string
  /** A key of the account: `secret('env:AZURE_STORAGE_KEY')`. */
  readonly key?: Secret
  /** A shared access signature with the permissions read, create, write, delete and list, as the portal gives it: `sv=…&sig=…`. */
  readonly sas?: Secret
  /** The account's connection string, with its key or a shared access signature, and the address of its blobs where that is another one. */
  readonly connectionString?: Secret
  /** Another address of the account's blobs: a sovereign cloud, a private one, or an emulator (`http://127.0.0.1:10000/devstoreaccount1`). Default `https://<account>.blob.core.windows.net`. */
  readonly endpoint?: string
  /**
   * How the server's certificate is verified, for a private `endpoint`: its chain against `ca` (a PEM file; default: Node's own roots), its name against `serverName` (default: the endpoint's host). It is always
   * verified.
   */
  readonly tls?: { readonly ca?: string; readonly serverName?: string }
  /** Tries after the first, for what is safe to repeat. Default 5. */
  readonly retries?: number
  /** How long nothing may arrive, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number
  /** Size of the blocks of an upload, in bytes, at most 4000 MiB; a blob has at most 50,000. Each upload holds four in memory. Default 8 MiB. */
  readonly chunkSize?: number
}

export const AZURE_OPTIONS: KnownOptions<AzureOptions> = {
  account: true,
  container: true,
  prefix: true,
  key: true,
  sas: true,
  connectionString: true,
  endpoint: true,
  tls: true,
  retries: true,
  timeoutMs: true,
  chunkSize: true,
}
