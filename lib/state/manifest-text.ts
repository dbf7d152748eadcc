import { z } from 'zod'
import { CheckError } from '../core/errors.ts'
import { canonicalJson, hashOf } from '../core/hash.ts'
import type { LoadManifest } from './manifest.ts'

/**
 * What is found of a load after it was committed, when the source is read again and its content is the same: the window has ended since, or what was asked or the source's version are others. An
 * immutable object `_manifests/<id>.confirmed-<n>.json`; the highest n counts.
 */
export interface Confirmation {
  readonly id: number
  readonly contentHash: string
  readonly readKey: string
  readonly open: boolean
  readonly sourceVersion?: string
  readonly run: LoadManifest['run']
}

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))
const count = z.int().nonnegative()
const runSchema = z.object({ id: z.string(), at: z.string(), millrace: z.string(), duckdb: z.string() })
const fileSchema = z.object({ key: z.string().min(1), rows: count, bytes: count, sha256: hex(64) })

const manifestSchema = z.object({
  pipeline: z.string(),
  dataset: z.string(),
  partition: z.string(),
  id: z.int().positive(),
  columns: z.record(z.string(), z.string()),
  readKey: z.string(),
  files: z.array(fileSchema).min(1),
  tombstones: z.array(fileSchema).min(1).exactOptional(),
  rows: count,
  contentHash: hex(32),
  hashName: z.string(),
  window: z.object({ start: z.iso.datetime(), end: z.iso.datetime() }).exactOptional(),
  open: z.boolean(),
  cursor: z.object({ column: z.string(), from: z.string().exactOptional(), to: z.string().exactOptional() }).exactOptional(),
  base: z.boolean().exactOptional(),
  sourceVersion: z.string().exactOptional(),
  run: runSchema,
}) satisfies z.ZodType<LoadManifest>

const confirmationSchema = z.object({
  id: z.int().positive(),
  contentHash: hex(32),
  readKey: z.string(),
  open: z.boolean(),
  sourceVersion: z.string().exactOptional(),
  run: runSchema,
}) satisfies z.ZodType<Confirmation>

/** The text of a manifest or a confirmation: JSON for people, with a SHA-256 over all the rest of it, so that one flipped byte is found. */
export function textOfRecord(record: LoadManifest | Confirmation): string {
  return `${JSON.stringify({ ...record, checksum: hashOf(record) }, null, 2)}\n`
}

/** Reads a manifest. @throws CheckError naming `key` when it is damaged */
export function parseManifest(text: string, key: string): LoadManifest {
  const manifest = parse(manifestSchema, text, key)
  const rows = manifest.files.reduce((sum, file) => sum + file.rows, 0)
  if (rows !== manifest.rows) throw damaged(key, `its files have ${rows} rows, not ${manifest.rows}`)
  return manifest
}

/** Reads a confirmation. @throws CheckError naming `key` when it is damaged */
export function parseConfirmation(text: string, key: string): Confirmation {
  return parse(confirmationSchema, text, key)
}

function parse<T>(schema: z.ZodType<T>, text: string, key: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damaged(key, 'it is not JSON', error)
  }
  if (typeof value !== 'object' || value === null || !('checksum' in value)) throw damaged(key, 'it has no checksum')
  const { checksum, ...record } = value
  if (checksum !== hashOf(record)) throw damaged(key, 'its checksum does not fit')
  const parsed = schema.safeParse(record)
  if (!parsed.success) throw damaged(key, z.prettifyError(parsed.error).replaceAll('\n', ' '))
  // What this version does not know may decide what the load means.
  if (canonicalJson(parsed.data) !== canonicalJson(record)) throw damaged(key, 'it has fields that this version of millrace does not know')
  return parsed.data
}

function damaged(key: string, why: string, cause?: unknown): CheckError {
  return new CheckError(`the landing record ${key} is damaged: ${why}`, {
    stage: 'land',
    file: key,
    hint: 'restore it from a copy, or delete it and run again with --refresh: the source is then read anew',
    ...(cause !== undefined && { cause }),
  })
}
