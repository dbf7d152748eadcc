import { z } from 'zod'
import type { Limits, RunEvent } from '../../core/context.ts'
import type { ErrorData } from '../../core/error-data.ts'
import type { Staged } from '../../export/stage.ts'
import type { Scan } from '../../extract/scan.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import { manifestSchema } from '../../state/manifest-schema.ts'
import type { TargetComparison } from '../compare/compare-report.ts'
import type { PartitionReport } from '../report.ts'
import { type CallName, calls, dataset, token } from './calls.ts'

// What a backfill's parent and its workers say to each other. Both sides check what they get: what is no message is a bug of one of them, and no data of a user.

const limits = z.object({
  memoryBytes: z.number().positive(),
  threads: z.int().positive(),
  readerMemoryBytes: z.number().positive(),
  readerTimeoutMs: z.number().positive(),
}) satisfies z.ZodType<Limits>

const partition = z.object({
  name: z.string(),
  window: z.object({ start: z.date(), end: z.date() }).exactOptional(),
})

const errorData: z.ZodType<ErrorData> = z.looseObject({ kind: z.string(), message: z.string() }) as unknown as z.ZodType<ErrorData>
const event = z.looseObject({
  type: z.enum(['stage', 'progress', 'retry', 'warning', 'notice']),
}) as unknown as z.ZodType<RunEvent>
const report = z.looseObject({
  partition: z.string(),
  outcome: z.enum(['done', 'unchanged', 'open', 'failed', 'stopped', 'notRun']),
  ms: z.number(),
  steps: z.array(z.looseObject({ stage: z.string(), outcome: z.string() })),
  rssBytes: z.number(),
}) as unknown as z.ZodType<PartitionReport>

const comparison = z.looseObject({ stage: z.string(), target: z.string() }) as unknown as z.ZodType<TargetComparison>

/** What is staged of a named delivery, without the export, which both sides have by its path. */
export type StagedData = Pick<Staged, 'dataset' | 'partition' | 'inputKey' | 'before' | 'made'> & { readonly path: string }
const staged = z.looseObject({ dataset: z.string(), path: z.string(), inputKey: z.string() }) as unknown as z.ZodType<StagedData>

const scan = z.looseObject({
  file: z.string(),
  located: z.string().optional(),
  asOf: z.string(),
  untimed: z.int(),
}) as unknown as z.ZodType<Scan>

const callNames = Object.keys(calls) as [CallName, ...CallName[]]

/** From the parent. */
export const toWorker = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    folder: z.string(),
    profile: z.string(),
    pipeline: z.string(),
    run: z.string(),
    /** Its own folder in the run's workspace. */
    workspace: z.string(),
    choices: z.object({ refresh: z.boolean(), force: z.boolean() }),
    /** Nothing is committed but what lands: the rest becomes candidates in this folder, and is compared. */
    aside: z.string().exactOptional(),
    limits,
    /** Somebody looks on. */
    live: z.boolean(),
    /** How many connections each worker may hold at once of those that are limited, by connection. */
    connections: z.record(z.string(), z.int().positive()),
    /** What all partitions share, as the parent has read it. */
    shared: z.array(dataset),
    whole: z.array(manifestSchema as unknown as z.ZodType<LoadManifest>),
    /** What the parent has read in one pass for many partitions, by dataset. */
    scans: z.record(z.string(), scan),
    pinned: z.array(z.string()),
  }),
  /** Runs a partition. `tokens`: those of its tables. `again`: earlier ones that its look-back is to read again first, by name. */
  z.object({ type: z.literal('run'), partition, guards: z.boolean(), limits, tokens: z.array(token), again: z.array(z.string()) }),
  z.object({ type: z.literal('answer'), id: z.int(), value: z.unknown() }),
  z.object({ type: z.literal('refused'), id: z.int(), error: errorData }),
  /** The run is stopped: so is what the worker does. */
  z.object({ type: z.literal('abort') }),
  /** There is nothing more to do. */
  z.object({ type: z.literal('close') }),
])

/** From a worker. */
export const fromWorker = z.discriminatedUnion('type', [
  /** It has the pipeline open. `code`: which one, as a hash. */
  z.object({ type: z.literal('ready'), code: z.string() }),
  /** It could not begin. */
  z.object({ type: z.literal('unready'), error: errorData }),
  /** It holds the partition's lock: from now on it is an attempt. */
  z.object({ type: z.literal('begun'), partition: z.string() }),
  z.object({ type: z.literal('event'), partition: z.string().exactOptional(), event }),
  z.object({ type: z.literal('call'), id: z.int(), call: z.enum(callNames), asked: z.unknown() }),
  z.object({
    type: z.literal('ended'),
    report,
    inputKey: z.string().exactOptional(),
    staged: z.array(staged),
    /** What was found where partitions are compared. */
    compared: z.array(comparison).exactOptional(),
    /** Manifests that it has read since it last said so. */
    pinned: z.array(z.string()),
  }),
])

export type ToWorker = z.infer<typeof toWorker>
export type FromWorker = z.infer<typeof fromWorker>
export type Start = Extract<ToWorker, { type: 'start' }>
export type Job = Extract<ToWorker, { type: 'run' }>
export type Ended = Extract<FromWorker, { type: 'ended' }>
