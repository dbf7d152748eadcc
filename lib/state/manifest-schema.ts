import { z } from 'zod'
import type { CompactedLoads, Confirmation, LoadManifest } from './manifest.ts'

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))
const count = z.int().nonnegative()
const runSchema = z.object({ id: z.string(), at: z.string(), millrace: z.string(), duckdb: z.string() })
const fileSchema = z.object({ key: z.string().min(1), rows: count, bytes: count, sha256: hex(64) })
const windowSchema = z.object({ start: z.iso.datetime(), end: z.iso.datetime() })
const undecodedSchema = z.object({
  format: z.string().min(1),
  compression: z.literal('zstd'),
  columns: z.array(z.object({ name: z.string(), type: z.string() })).min(1),
  facts: z.record(z.string(), z.number()),
  bytes: count,
  sha256: hex(64),
})

/** What a manifest must be. */
export const manifestSchema = z.object({
  pipeline: z.string(),
  dataset: z.string(),
  partition: z.string(),
  id: z.int().positive(),
  columns: z.record(z.string(), z.string()),
  readKey: z.string(),
  files: z.array(fileSchema).min(1),
  undecoded: undecodedSchema.exactOptional(),
  tombstones: z.array(fileSchema).min(1).exactOptional(),
  rows: count,
  contentHash: hex(32),
  hashName: z.string(),
  columnHashes: z.record(z.string(), hex(32)).exactOptional(),
  window: windowSchema.exactOptional(),
  open: z.boolean(),
  cursor: z.object({ column: z.string(), from: z.string().exactOptional(), to: z.string().exactOptional() }).exactOptional(),
  stateColumns: z.record(z.string(), z.string()).exactOptional(),
  base: z.boolean().exactOptional(),
  sourceVersion: z.string().exactOptional(),
  run: runSchema,
}) satisfies z.ZodType<LoadManifest>

const columnsSchema = z.record(z.string(), z.string())

/** What the record of compacted loads must be. */
export const compactedSchema = z.object({
  pipeline: z.string(),
  dataset: z.string(),
  partition: z.string(),
  to: z.int().positive(),
  contentHash: hex(32),
  key: columnsSchema,
  cursor: columnsSchema,
  files: z.array(fileSchema.extend({ columns: columnsSchema })),
  rows: count,
  run: runSchema.extend({ load: z.string() }),
}) satisfies z.ZodType<CompactedLoads>

/** What a confirmation must be. */
export const confirmationSchema = z.object({
  id: z.int().positive(),
  contentHash: hex(32),
  readKey: z.string(),
  window: windowSchema.exactOptional(),
  open: z.boolean(),
  sourceVersion: z.string().exactOptional(),
  run: runSchema,
}) satisfies z.ZodType<Confirmation>
