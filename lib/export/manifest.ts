import { z } from 'zod'
import { writtenContractSchema as contract } from './contract/contract-schema.ts'

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

const hash = z.string().regex(/^[0-9a-f]{16}$/)

/** What reading a file back gave, and was held against the dataset: docs/verifying.md says how to compute it again. Hashes are sums modulo 2⁶⁴, so that those of several files add up. */
const proof = z.strictObject({
  /** Of the rows, whatever their order. */
  content: hash,
  /** Of each row's key and its number in the whole delivery. */
  order: hash,
  columns: z.array(z.strictObject({ name: z.string(), nulls: count, empty: count, hash })),
})

/** A delivered object as it is stored (compressed). Those of versions that did not read back have no proof. */
const file = z.strictObject({ key: z.string(), rows: count, bytes: count, crc32c, sha256, proof: proof.optional() })

/** What is delivered of one (export, partition). */
const delivered = {
  pipeline: z.string(),
  dataset: z.string(),
  /** The export's path as the pipeline has it, with `{partition}`. */
  path: z.string(),
  /** null: an export without partitions. */
  partition: z.string().nullable(),
  /** In the order of the rows; their keys are of the store. No file: a delivery of no rows under `zeroRows: 'noFile'`. */
  files: z.array(file),
  rows: count,
  contract,
  /** SHA-256 of names and types of the columns, in order. */
  schemaHash: sha256,
  inputKey: z.string(),
  codeVersion: z.string().optional(),
}

/**
 * `manifest-<key12>-<sha8>.json`, an immutable object beside the files that it vouches for: what a downstream reader checks a delivery against. Format 2: format 1 knew fewer dialects.
 */
export const DeliveryManifest = z.strictObject({
  format: z.literal(2),
  ...delivered,
  run,
})
export type DeliveryManifest = z.infer<typeof DeliveryManifest>

/** One (export, partition) of a set: all that its own manifest says, and where that lies. */
const member = z.strictObject({ ...delivered, manifest: z.string() })
export type SetMember = z.infer<typeof member>

/** `manifest-<key12>-<sha8>.json` in the folder of a named delivery: all that it holds, of every export and partition, so that one object vouches for the whole. Format 1. */
export const SetManifest = z.strictObject({
  format: z.literal(1),
  pipeline: z.string(),
  /** Its name as the pipeline has it, with `{partition}`. */
  delivery: z.string(),
  /** null: one for all partitions. */
  partition: z.string().nullable(),
  /** By path and partition. */
  members: z.array(member),
  rows: count,
  /** Of the members' input keys. */
  inputKey: z.string(),
  /** `manifests`: the SHA-256 of each member's own manifest by its key; here, because their own `run` is among their bytes. */
  run: run.extend({ manifests: z.record(z.string(), sha256) }),
})
export type SetManifest = z.infer<typeof SetManifest>

/** `latest.json`: which manifest is the current delivery of one (export, partition), or of a named delivery. The one object that is replaced. Format 1. */
export const Latest = z.strictObject({
  format: z.literal(1),
  pipeline: z.string(),
  /** null: a named delivery. */
  dataset: z.string().nullable(),
  /** The export's path, or the name of a named delivery. */
  path: z.string(),
  partition: z.string().nullable(),
  inputKey: z.string(),
  /** Key of the manifest. */
  manifest: z.string(),
  /** How often this pointer has been switched, from 1. `switch-000001.json` keeps what it said the first time, as soon as it says something else. */
  switch: z.int().min(1).default(1),
  /** By hand, from this delivery to an earlier one: what has this input key is not delivered again. */
  rolledBack: z.strictObject({ manifest: z.string(), manifestSha256: sha256, inputKey: z.string(), reason: z.string() }).optional(),
  /** By hand: why a delivery that was held was let through. */
  accepted: z.strictObject({ reason: z.string() }).optional(),
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

/** `held.json`: a delivery that waits for a person, since it differs more from the last one than its contract allows. It holds as long as `against` is current. Format 1. */
export const Held = z.strictObject({
  format: z.literal(1),
  pipeline: z.string(),
  path: z.string(),
  partition: z.string().nullable(),
  inputKey: z.string(),
  /** Key of its manifest. */
  manifest: z.string(),
  /** Key of the manifest of the delivery that it was held against. */
  against: z.string(),
  /** Hash of the thresholds: with others it is compared anew. */
  gate: sha256,
  /** A sentence for each threshold that it is beyond. */
  beyond: z.array(z.string()).min(1),
  /** Keys of Parquet files of rows that differ; none: none could be written. */
  samples: z.array(z.string()),
  run: run.extend({ manifestSha256: sha256 }),
})
export type Held = z.infer<typeof Held>

/**
 * `_notices/<pipeline>/<folder>.json`: of this pointer somebody is to be told. Written before a switch, so that a run that dies after it leaves the intent; taken away when all have been told of that switch. A few lines, so that a
 * run finds what is pending by one listing. Format 1.
 */
export const Announced = z.strictObject({
  format: z.literal(1),
  pipeline: z.string(),
  /** The pointer's. */
  folder: z.string(),
  /** The export's path, or the name of a named delivery. */
  path: z.string(),
  /** Whether it is a named delivery. */
  named: z.boolean(),
  partition: z.string().nullable(),
  /** The number of the switch that follows. */
  switch: z.int().min(1),
  receivers: z.array(z.string()).min(1),
  run: z.strictObject({ id: z.string(), at: z.iso.datetime() }),
})
export type Announced = z.infer<typeof Announced>

/** `notified-<receiver>.json`: a receiver has been told of every switch of this pointer up to this one, or begins after it. Format 1. */
export const Notified = z.strictObject({
  format: z.literal(1),
  receiver: z.string(),
  switch: z.int().nonnegative(),
  /** UTC, ISO 8601. */
  at: z.iso.datetime(),
})
export type Notified = z.infer<typeof Notified>
