import { z } from 'zod'
import { columns, token } from '../backfill/calls.ts'

const count = z.int().nonnegative()

/** A Parquet file in the candidate's folder. */
const file = z.strictObject({ name: z.string(), bytes: count, sha256: z.string() })
export type CandidateFile = z.infer<typeof file>

/** Rows that would be loaded: all of a load but the table's token, which is asked for when they are. A table that takes landed loads one by one has one of these for each, in their order. */
const loadCandidate = z.strictObject({
  stage: z.literal('load'),
  dataset: z.string(),
  /** The table. */
  target: z.string(),
  inputKey: z.string(),
  columns,
  rows: count,
  hash: z.string(),
  files: z.array(file).min(1),
  /** Files of keys that are gone, of a merge of a cursor dataset; and its cursor column. */
  tombstones: z.array(file).exactOptional(),
  order: z.string().exactOptional(),
  /** The value of `_load`. */
  load: z.string(),
  loads: z.record(z.string(), count),
  /** The table's token as it is before this load: when it was compared, or after the load before; null: there was none. */
  against: token.nullable(),
})
export type LoadCandidate = z.infer<typeof loadCandidate>

/** Files that would be delivered. They lie in the export store, where nothing leads to them. */
const exportCandidate = z.strictObject({
  stage: z.literal('export'),
  dataset: z.string(),
  /** The export's path, with `{partition}`. */
  target: z.string(),
  inputKey: z.string(),
  columns,
  rows: count,
  /** Its manifest; null: there are no rows, and what was delivered last stays. */
  made: z.strictObject({ key: z.string(), sha256: z.string() }).nullable(),
  /** Key of the manifest that was current when it was compared; null: nothing was delivered. */
  against: z.string().nullable(),
})
export type ExportCandidate = z.infer<typeof exportCandidate>

/** What a comparison has made of one partition, or of what partitions share: every target that would be made anew. The record is written last, so that what it names is whole. Format 1. */
export const candidateSchema = z.strictObject({
  format: z.literal(1),
  pipeline: z.string(),
  /** '': what partitions share. */
  partition: z.string(),
  targets: z.array(z.discriminatedUnion('stage', [loadCandidate, exportCandidate])).min(1),
  run: z.strictObject({ id: z.string(), at: z.iso.datetime(), millrace: z.string() }),
})
export type Candidate = z.infer<typeof candidateSchema>
export type TargetCandidate = Candidate['targets'][number]
