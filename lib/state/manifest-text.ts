import type { z } from 'zod'
import { CheckError } from '../core/errors.ts'
import { canonicalJson, hashOf } from '../core/hash.ts'
import type { CompactedLoads, Confirmation, LoadManifest } from './manifest.ts'

/**
 * The text of a manifest, a confirmation or a compaction: JSON for people, with a SHA-256 over all the rest of it, so that one flipped byte is found. It covers the run, so it stands under `run`: what lies outside is the
 * same for every run of the same input.
 */
export function textOfRecord(record: LoadManifest | Confirmation | CompactedLoads): string {
  return `${JSON.stringify({ ...record, run: { ...record.run, checksum: hashOf(record) } }, null, 2)}\n`
}

/** Reads a manifest. @throws CheckError naming `key` when it is damaged */
export async function parseManifest(text: string, key: string): Promise<LoadManifest> {
  return balanced(parse((await schemas()).manifestSchema, text, key), key)
}

/** Reads the record of compacted loads. @throws CheckError naming `key` when it is damaged */
export async function parseCompacted(text: string, key: string): Promise<CompactedLoads> {
  return balanced(parse((await schemas()).compactedSchema, text, key), key)
}

function balanced<T extends LoadManifest | CompactedLoads>(record: T, key: string): T {
  const rows = record.files.reduce((sum, file) => sum + file.rows, 0)
  if (rows !== record.rows) throw damaged(key, `its files have ${rows} rows, not ${record.rows}`)
  return record
}

/** Reads a confirmation. @throws CheckError naming `key` when it is damaged */
export async function parseConfirmation(text: string, key: string): Promise<Confirmation> {
  return parse((await schemas()).confirmationSchema, text, key)
}

// `plan` comes by here, mostly with nothing to read, and zod takes a quarter of its time to load.
const schemas = () => import('./manifest-schema.ts')

function parse<T>(schema: z.ZodType<T>, text: string, key: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damaged(key, 'it is not JSON', error)
  }
  const { checksum, record } = apart(value)
  if (checksum === undefined) throw damaged(key, 'it has no checksum')
  if (checksum !== hashOf(record)) throw damaged(key, 'its checksum does not fit')
  const parsed = schema.safeParse(record)
  if (!parsed.success) throw damaged(key, parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
  // What this version does not know may decide what the load means.
  if (canonicalJson(parsed.data) !== canonicalJson(record)) throw damaged(key, 'it has fields that this version of millrace does not know')
  return parsed.data
}

interface Checked {
  readonly checksum?: unknown
  readonly run?: Checked
}

/** A record and its checksum; records of the first weeks have it beside `run`. */
function apart(value: unknown): { readonly checksum?: unknown; readonly record?: unknown } {
  if (typeof value !== 'object' || value === null) return {}
  const { checksum: beside, run, ...rest }: Checked = value
  if (beside !== undefined || typeof run !== 'object' || run === null) return { checksum: beside, record: { ...rest, ...(run && { run }) } }
  const { checksum, ...provenance } = run
  return { checksum, record: { ...rest, run: provenance } }
}

function damaged(key: string, why: string, cause?: unknown): CheckError {
  return new CheckError(`the landing record ${key} is damaged: ${why}`, {
    stage: 'land',
    file: key,
    hint: 'restore it from a copy, or delete it and run again with --refresh: the source is then read anew',
    ...(cause !== undefined && { cause }),
  })
}
