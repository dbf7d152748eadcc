import { z } from 'zod'
import type { Disposition, LoadReceipt, LoadRequest, RowsReceipt, RowsRequest, Token } from '../../connectors/warehouse.ts'
import type { Columns, Dataset } from '../../core/dataset.ts'

const count = z.int().nonnegative()

export const columns = z.record(z.string(), z.string()) satisfies z.ZodType<Columns>

export const dataset = z.object({
  name: z.string(),
  columns,
  // None of a whole dataset that landed in a bucket: who computes from it fetches them.
  files: z.array(z.string()),
  rows: count,
  hash: z.string(),
  hashesOf: z.record(z.string(), z.string()).exactOptional(),
}) satisfies z.ZodType<Dataset>

export const token = z.object({
  pipeline: z.string(),
  table: z.string(),
  partition: z.string(),
  inputKey: z.string(),
  loads: z.record(z.string(), count),
}) satisfies z.ZodType<Token>

const disposition = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('append') }),
  z.object({ mode: z.literal('replace') }),
  z.object({ mode: z.literal('replacePartition') }),
  z.object({ mode: z.literal('merge'), key: z.array(z.string()), order: z.string().exactOptional() }),
]) satisfies z.ZodType<Disposition>

const loadRequest = z.object({
  dataset,
  table: z.string(),
  disposition,
  expected: token.optional().transform((value) => value as Token | undefined),
  token,
  load: z.string(),
  tombstones: z.array(z.string()).exactOptional(),
})

const loadReceipt = z.object({
  rows: count,
  superseded: count,
  removed: count,
  added: z.array(z.string()),
}) satisfies z.ZodType<LoadReceipt>

const rowsRequest = z.object({
  table: z.string(),
  partition: z.string().exactOptional(),
  keys: z.object({ columns, files: z.array(z.string()).readonly() }).exactOptional(),
  columns,
  path: z.string(),
}) satisfies z.ZodType<RowsRequest>

const rowsReceipt = z.object({ columns, rows: count }) satisfies z.ZodType<RowsReceipt>

/** What a worker asks of its parent: what it gives with the question, and what it is answered. */
export const calls = {
  /** One dataset into one table of the warehouse, which the parent has open. */
  load: { asked: z.object({ request: loadRequest as unknown as z.ZodType<LoadRequest>, partition: z.string() }), answer: loadReceipt },
  /** Rows of a table, into a file of the worker's; null where the table is not there. */
  copyOut: { asked: rowsRequest, answer: rowsReceipt.nullable() },
  /** The warehouse's tokens as they are now. */
  tokens: { asked: z.object({}), answer: z.array(token) },
  /** The columns of a table; null where it is not there. */
  describe: { asked: z.object({ table: z.string() }), answer: columns.nullable() },
  /** A place of a limit; gives a number by which it is given back. */
  take: { asked: z.object({ limit: z.string(), total: z.int().positive() }), answer: z.object({ permit: count }) },
  give: { asked: z.object({ permit: count }), answer: z.object({}) },
  /** A part of what a limit lets pass in a second: how long to wait for it. */
  book: {
    asked: z.object({
      limit: z.string(),
      cost: z.number().nonnegative(),
      perSecond: z.number().positive(),
      savedMs: z.number().nonnegative(),
    }),
    answer: z.object({ waitMs: z.number() }),
  },
  hold: { asked: z.object({ limit: z.string(), ms: z.number() }), answer: z.object({}) },
  /** Why a host is not to be asked now, if it is not. */
  enter: { asked: z.object({ host: z.string() }), answer: z.object({ refused: z.string().exactOptional() }) },
  leave: { asked: z.object({ host: z.string(), failed: z.string().exactOptional() }), answer: z.object({}) },
  /** The address of the server that a connection brings along. */
  served: { asked: z.object({ connection: z.string() }), answer: z.object({ address: z.string() }) },
} as const

export type CallName = keyof typeof calls
export type Asked<N extends CallName> = z.infer<(typeof calls)[N]['asked']>
export type Answer<N extends CallName> = z.infer<(typeof calls)[N]['answer']>
