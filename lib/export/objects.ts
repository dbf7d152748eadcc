import { createHash } from 'node:crypto'
import { text } from 'node:stream/consumers'
import duckdb from '@duckdb/node-bindings'
import { crc32c } from '@node-rs/crc32'
import type { z } from 'zod'
import type { ObjectInfo, PutOptions, Store } from '../connectors/store.ts'
import { crcText } from '../core/checksums.ts'
import type { RunContext } from '../core/context.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { type ErrorPlace, NotFound, OutrunError, PermanentError, PreconditionFailed, placed } from '../core/errors.ts'
import { canonicalJson } from '../core/hash.ts'
import { sideBySide } from '../core/side-by-side.ts'
import { millraceVersion } from '../core/version.ts'
import type { DeliveryManifest } from './manifest.ts'

/** The keys of what a `latest.json` and a `kept-last.json` say in their metadata too, so that heads are enough to ask. Lower case: some stores know no other. */
export const INPUT_KEY = 'input-key'
export const MANIFEST = 'manifest'
export const OBJECT = 'object'
/** How many files a delivery has, where they are several. */
export const FILES = 'files'
/** The input key of the delivery from which a person went back to an earlier one. */
export const ROLLED_BACK = 'rolled-back'

/** How many objects of a delivery are looked at, copied or deleted at a time: most of it is waiting for the store. */
export const OBJECTS_AT_ONCE = 16

/** What is known of each of these objects, in their order; undefined of one that is not there. */
export function headsOf(store: Store, objects: readonly { readonly key: string }[]): Promise<(ObjectInfo | undefined)[]> {
  return sideBySide(OBJECTS_AT_ONCE, objects, ({ key }) => store.head(key))
}

/** What differs between two runs of the same delivery. */
export function runOf(ctx: Pick<RunContext, 'run' | 'clock'>): DeliveryManifest['run'] {
  return { id: ctx.run, at: ctx.clock.now().toISOString(), millrace: millraceVersion, duckdb: duckdb.library_version() }
}

/** The precondition that an object is still what it was when it was looked at. */
export function unchangedSince(seen: ObjectInfo | undefined): Pick<PutOptions, 'ifAbsent' | 'ifVersion'> {
  return seen ? { ifVersion: seen.version } : { ifAbsent: true }
}

/** The same stored content. */
export function sameContent(a: Pick<ObjectInfo, 'bytes' | 'crc32c'> | undefined, b: Pick<ObjectInfo, 'bytes' | 'crc32c'>): boolean {
  return a?.bytes === b.bytes && a.crc32c === b.crc32c
}

type Schemas = typeof import('./manifest.ts')

/** A record that deliveries keep, as its schema says. @throws ZodError when it is anything else */
export async function recordOf<K extends keyof Schemas>(kind: K, value: unknown): Promise<z.infer<Schemas[K]>> {
  // Loaded late: zod takes a tenth of the time from a start to the first landed row.
  const schema: z.ZodType = (await import('./manifest.ts'))[kind]
  return schema.parse(value) as z.infer<Schemas[K]>
}

/** An object's JSON and the SHA-256 of its bytes; undefined when it is not there. @throws PermanentError when it is not such a record */
export async function readJson<K extends keyof Schemas>(
  store: Store,
  key: string,
  kind: K,
): Promise<{ readonly value: z.infer<Schemas[K]>; readonly sha256: string } | undefined> {
  let json: string
  try {
    json = await text(await store.get(key))
  } catch (error) {
    if (error instanceof NotFound) return undefined
    throw error
  }
  try {
    return { value: await recordOf(kind, JSON.parse(json)), sha256: sha256Of(json) }
  } catch (error) {
    throw new PermanentError(`${key} is not what millrace writes there: ${await faultOf(error)}`, {
      file: key,
      hint: 'a hand changed it, or another version of millrace wrote it: move it away, and run again',
    })
  }
}

/** What is wrong with a record, in a word: its first field that is. */
async function faultOf(error: unknown): Promise<string> {
  const { ZodError } = await import('zod')
  if (!(error instanceof ZodError)) return 'it is no JSON'
  const [issue] = error.issues
  return issue ? `${issue.path.length > 0 ? `field ${issue.path.join('.')}: ` : ''}${issue.message}` : 'it is another record'
}

/** Writes JSON, one field a line. Gives the SHA-256 of its bytes. */
export async function putJson(store: Store, key: string, value: object, options: PutOptions): Promise<string> {
  const json = jsonText(value)
  const crc = crcText(crc32c(Buffer.from(json)))
  await store.put(key, { bytes: json }, { ...options, crc32c: crc, contentType: 'application/json' })
  return sha256Of(json)
}

/** Equal but for `run`. */
export function sameButRun(a: object, b: object): boolean {
  return canonicalJson({ ...a, run: undefined }) === canonicalJson({ ...b, run: undefined })
}

/**
 * Runs a step that only one delivery can win.
 * @throws OutrunError where another one was first
 */
export async function won<T>(place: ErrorPlace, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof PreconditionFailed || error instanceof NotFound) throw anotherDelivery(place, error)
    throw error
  }
}

/** Newer rows have landed since these were computed. */
export function outrun(place: ErrorPlace): OutrunError {
  return new OutrunError('another run has landed newer rows meanwhile', { ...place, hint: 'run again: it begins with them' })
}

export function anotherDelivery(place: ErrorPlace, cause?: unknown): OutrunError {
  return new OutrunError('another delivery of this export and partition was faster', {
    ...place,
    cause,
    hint: 'run again: what it delivered is found then',
  })
}

/** An error as the user of a store is to see it, with its place. */
export function exportError(error: unknown, place: ErrorPlace): unknown {
  const path = error instanceof Error && 'path' in error ? String(error.path) : 'the export store'
  return placed(refusedByDisk(error, path), place)
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function sha256Of(data: string): string {
  return createHash('sha256').update(data).digest('hex')
}
