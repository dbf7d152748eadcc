import { z } from 'zod'
import { ENCODINGS } from '../formats/encodings.ts'
import { FORMULAS } from '../formats/formulas.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const crc32c = z.string().regex(/^[0-9a-f]{8}$/)
const count = z.int().nonnegative()

/** When and where a delivery was made: all that may differ between two runs of the same delivery, and left out when they are compared. */
const run = z.strictObject({
  id: z.string(),
  /** UTC, ISO 8601. */
  at: z.iso.datetime(),
  millrace: z.string(),
  duckdb: z.string(),
})

/** The contract as it was in force, every default written out. */
const contract = z.strictObject({
  version: z.int().min(1),
  /** In the file's order. */
  columns: z.array(z.strictObject({ name: z.string(), type: z.string(), notNull: z.boolean() })).min(1),
  orderBy: z.array(z.string()).min(1),
  delimiter: z.string(),
  quote: z.string(),
  quoting: z.enum(['minimal', 'nonNumeric', 'all']),
  escape: z.string(),
  formulas: z.enum(FORMULAS),
  null: z.string(),
  header: z.boolean(),
  lineEnd: z.enum(['\n', '\r\n']),
  compression: z.enum(['none', 'gzip', 'zstd']),
  encoding: z.enum(ENCODINGS),
  byteOrderMark: z.boolean(),
  /** null: the encoding has every character. */
  unfit: z.enum(['fail', 'replace']).nullable(),
  booleans: z.tuple([z.string(), z.string()]),
  decimalPoint: z.enum(['.', ',']),
  /** null: ISO 8601. */
  dateFormat: z.string().nullable(),
  timestampFormat: z.string().nullable(),
  zone: z.string(),
  round: z.record(z.string(), z.int().nonnegative()),
  zeroRows: z.enum(['headerOnly', 'noFile', 'fail', 'keepLast']),
})

/**
 * `manifest-<key12>-<sha8>.json`, an immutable object beside the files that it vouches for: what a downstream reader checks a delivery against. Format 2: format 1 knew fewer dialects.
 */
export const DeliveryManifest = z.strictObject({
  format: z.literal(2),
  pipeline: z.string(),
  dataset: z.string(),
  /** The export's path as the pipeline has it, with `{partition}`. */
  path: z.string(),
  /** null: an export without partitions. */
  partition: z.string().nullable(),
  /** Keys in the store; bytes, crc32c and sha256 are of the object as stored (compressed). No file: a delivery of no rows under `zeroRows: 'noFile'`. */
  files: z.array(z.strictObject({ key: z.string(), rows: count, bytes: count, crc32c, sha256 })),
  rows: count,
  contract,
  /** SHA-256 of names and types of the columns, in order. */
  schemaHash: sha256,
  inputKey: z.string(),
  codeVersion: z.string().optional(),
  run,
})
export type DeliveryManifest = z.infer<typeof DeliveryManifest>

/** `latest.json`: which manifest is the current delivery of one (export, partition). The one object that is replaced. Format 1. */
export const Latest = z.strictObject({
  format: z.literal(1),
  pipeline: z.string(),
  dataset: z.string(),
  path: z.string(),
  partition: z.string().nullable(),
  inputKey: z.string(),
  /** Key of the manifest. */
  manifest: z.string(),
  /** `manifestSha256` is that of the manifest's bytes; it stands here because the manifest's own `run` is among them. */
  run: run.extend({ manifestSha256: sha256 }),
})
export type Latest = z.infer<typeof Latest>

/**
 * `kept-last.json`: an input that came to no rows under `zeroRows: 'keepLast'`, so that the delivery before it stayed. Only so is it known to be done. Format 1.
 */
export const KeptLast = z.strictObject({
  format: z.literal(1),
  pipeline: z.string(),
  dataset: z.string(),
  path: z.string(),
  partition: z.string().nullable(),
  inputKey: z.string(),
  run,
})
export type KeptLast = z.infer<typeof KeptLast>
