import { z } from 'zod'
import { ENCODINGS } from '../../formats/encodings.ts'
import { FORMULAS } from '../../formats/formulas.ts'

/** What every contract says. */
const common = {
  version: z.int().min(1),
  /** In the file's order. */
  columns: z.array(z.strictObject({ name: z.string(), type: z.string(), notNull: z.boolean() })).min(1),
  orderBy: z.array(z.string()).min(1),
  round: z.record(z.string(), z.int().nonnegative()),
}

/** Where the rows are cut into files; null: they are one. */
const split = z
  .union([z.strictObject({ rows: z.int().min(1) }), z.strictObject({ bytes: z.int().min(1) })])
  .nullable()
  .default(null)
const zeroRows = z.enum(['emptyFile', 'noFile', 'fail', 'keepLast'])

const csv = z.strictObject({
  format: z.literal('csv'),
  ...common,
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
  split,
  zeroRows: z.enum(['headerOnly', 'noFile', 'fail', 'keepLast']),
})

const ndjson = z.strictObject({
  format: z.literal('ndjson'),
  ...common,
  /** null: there are none. */
  bigNumbers: z.enum(['number', 'text']).nullable(),
  compression: z.enum(['none', 'gzip', 'zstd']),
  zone: z.string(),
  split,
  zeroRows,
})

const arrow = z.strictObject({ format: z.literal('arrow'), ...common, split, zeroRows })

const parquet = z.strictObject({
  format: z.literal('parquet'),
  ...common,
  compression: z.enum(['none', 'snappy', 'zstd']),
  split,
  zeroRows,
})

const xlsx = z.strictObject({
  format: z.literal('xlsx'),
  ...common,
  sheet: z.string(),
  /** null: there are none. */
  bigNumbers: z.enum(['number', 'text']).nullable(),
  zone: z.string(),
  zeroRows,
})

/** The contract as it was in force, every default written out, by its format. One that does not say its format is older than other formats than CSV. */
export const writtenContractSchema = z.preprocess(
  (value) => (typeof value === 'object' && value !== null && !('format' in value) ? { ...value, format: 'csv' } : value),
  z.discriminatedUnion('format', [csv, ndjson, arrow, parquet, xlsx]),
)
