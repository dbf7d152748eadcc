import type { Readable } from 'node:stream'
import type { ByteStream } from '../core/byte-stream.ts'
import type { Finding } from '../core/finding.ts'
import type { CheckContext } from './check.ts'

/** What is known of an object. */
export interface ObjectInfo {
  readonly key: string
  readonly bytes: number
  /** Opaque; changes with every write of the key. */
  readonly version: string
  /** CRC32C of the content, 8 hex digits. */
  readonly crc32c: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface PutOptions {
  /** Create only: a key that is there already fails with PreconditionFailed (core/errors). */
  readonly ifAbsent?: boolean
  /** Replace only this version. */
  readonly ifVersion?: string
  /** The content's CRC32C, 8 hex digits, when known ahead: a store that receives other bytes refuses them. */
  readonly crc32c?: string
  readonly contentType?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** A finished local file (`local` moves it, others upload it), bytes, or a stream, whose chunks a store is done with when it asks for the next one. */
export type PutBody = { readonly file: string } | { readonly bytes: Uint8Array | string } | { readonly stream: ByteStream }

/**
 * Objects under keys: `a/b/c.csv`, `/`-separated, each part any text but '', '.', '..' and NUL. Called by land (landing zone), export and state, from several
 * places at once. A `put` is all or nothing and durable when it returns: a reader sees the old object or the whole new one. A stream that errors or is
 * destroyed leaves no object. `ifAbsent` and `ifVersion` are decided by the store atomically, also between machines where the store spans them; of N puts at once with
 * `ifAbsent` one wins. When a reply is lost, `put` reads back and settles by crc32c and size: the same content is success, other content PreconditionFailed.
 * Who retries: the store itself, for transient failures, only where a precondition makes it safe.
 */
export interface Store {
  readonly kind: string
  put(key: string, body: PutBody, options?: PutOptions): Promise<ObjectInfo>
  /** Bytes of an object, `[start, end)` when given. Rejects with NotFound. */
  get(key: string, range?: { readonly start: number; readonly end: number }): Promise<Readable>
  head(key: string): Promise<ObjectInfo | undefined>
  /** Keys that begin with `prefix`, ascending. Temporary objects of unfinished puts are not listed. */
  list(prefix: string): AsyncIterable<string>
  /** Server-side copy; options decide about `to`. */
  copy(from: string, to: string, options?: Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'metadata'>): Promise<ObjectInfo>
  /** No error when it is not there. With `ifVersion`, another version fails with PreconditionFailed. */
  delete(key: string, options?: Pick<PutOptions, 'ifVersion'>): Promise<void>
  /** The object's path where the store is a local disk (for engines that read paths); undefined elsewhere. */
  localPath(key: string): string | undefined
  /** Removes what unfinished puts left under `prefix`, where the store knows for certain that nobody will finish them; gives how many. Absent where nothing can be left. */
  sweep?(prefix: string): Promise<number>
  close(): Promise<void>
}

/** A configured, not yet opened store, as `local`, `gcs`, `s3` and `azure` make it. */
export interface StoreConnection {
  readonly kind: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Where a person finds the objects: a folder or a bucket URL. */
  readonly location: string
  openStore(): Store
  /** Whether it is there, answers, and lets us write, read, guard and delete objects (`probeStore`): for `millrace doctor`. */
  check?(ctx: CheckContext): Promise<readonly Finding[]>
}
