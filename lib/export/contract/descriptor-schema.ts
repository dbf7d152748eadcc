import { z } from 'zod'
import { FORMULAS } from '../../formats/formulas.ts'

// What may stand in a descriptor that somebody else wrote. What is not here is refused by name: an expectation that nothing holds must not look held.

const text = z.string()
const texts = z.array(text)
const said = { title: z.optional(text), description: z.optional(text) }
/** Version 2 of the standard knows labels of missing values. */
const missingValues = z.pipe(
  z.array(z.union([text, z.strictObject({ value: text, label: z.optional(text) })])),
  z.transform((values) => values.map((each) => (typeof each === 'string' ? each : each.value))),
)
const key = z.pipe(
  z.union([text, texts]),
  z.transform((value) => (typeof value === 'string' ? [value] : value)),
)
/** Text in the standard, a list in its profile of version 2.0. */
const fieldsMatch = z.pipe(
  z.pipe(
    z.union([text, texts]),
    z.transform((value) => (typeof value === 'string' ? value : (value[0] ?? 'exact'))),
  ),
  z.enum(['exact', 'equal', 'subset', 'superset', 'partial']),
)
const bound = z.union([z.number(), text])

const field = z.strictObject({
  ...said,
  name: text,
  type: z.optional(
    z.enum([
      'any',
      'array',
      'boolean',
      'date',
      'datetime',
      'duration',
      'geojson',
      'geopoint',
      'integer',
      'list',
      'number',
      'object',
      'string',
      'time',
      'year',
      'yearmonth',
    ]),
  ),
  format: z.optional(text),
  example: z.optional(z.unknown()),
  rdfType: z.optional(text),
  trueValues: z.optional(texts),
  falseValues: z.optional(texts),
  decimalChar: z.optional(text),
  groupChar: z.optional(text),
  bareNumber: z.optional(z.boolean()),
  missingValues: z.optional(missingValues),
  constraints: z.optional(
    z.strictObject({
      required: z.optional(z.boolean()),
      unique: z.optional(z.boolean()),
      minimum: z.optional(bound),
      maximum: z.optional(bound),
    }),
  ),
})

const schema = z.strictObject({
  ...said,
  $schema: z.optional(text),
  name: z.optional(text),
  fields: z.array(field).min(1),
  fieldsMatch: z.optional(fieldsMatch),
  missingValues: z.optional(missingValues),
  primaryKey: z.optional(key),
  uniqueKeys: z.optional(z.array(texts)),
})

const dialect = z.strictObject({
  ...said,
  $schema: z.optional(text),
  name: z.optional(text),
  header: z.optional(z.boolean()),
  delimiter: z.optional(text),
  lineTerminator: z.optional(text),
  quoteChar: z.optional(text),
  doubleQuote: z.optional(z.boolean()),
  escapeChar: z.optional(text),
  nullSequence: z.optional(text),
  sheetName: z.optional(text),
  skipInitialSpace: z.optional(z.boolean()),
  caseSensitiveHeader: z.optional(z.boolean()),
  csvddfVersion: z.optional(z.union([text, z.number()])),
})

const own = z.strictObject({
  consumer: z.optional(text),
  pipeline: z.optional(text),
  export: z.optional(text),
  version: z.optional(z.int().min(1)),
  types: z.optional(z.record(text, text)),
  orderBy: z.optional(texts),
  formulas: z.optional(z.enum(FORMULAS)),
  quoting: z.optional(z.enum(['minimal', 'nonNumeric', 'all'])),
  byteOrderMark: z.optional(z.boolean()),
  compression: z.optional(z.enum(['none', 'gzip', 'snappy', 'zstd'])),
  unfit: z.optional(z.enum(['fail', 'replace'])),
  booleans: z.optional(z.tuple([text, text])),
  decimalPoint: z.optional(z.enum(['.', ','])),
  dateFormat: z.optional(text),
  timestampFormat: z.optional(text),
  zone: z.optional(text),
  bigNumbers: z.optional(z.enum(['number', 'text'])),
  round: z.optional(z.record(text, z.int().min(0))),
  split: z.optional(z.union([z.strictObject({ rows: z.int().min(1) }), z.strictObject({ bytes: z.int().min(1) })])),
  zeroRows: z.optional(z.enum(['headerOnly', 'emptyFile', 'noFile', 'fail', 'keepLast'])),
})

/** A data resource, as far as a contract can say whether it is so. */
export const resourceSchema = z.strictObject({
  ...said,
  $schema: z.optional(text),
  profile: z.optional(text),
  name: z.optional(text),
  type: z.optional(z.literal('table')),
  path: z.optional(text),
  scheme: z.optional(text),
  format: z.optional(text),
  mediatype: z.optional(text),
  encoding: z.optional(text),
  compression: z.optional(text),
  dialect: z.optional(dialect),
  schema,
  homepage: z.optional(text),
  licenses: z.optional(z.unknown()),
  sources: z.optional(z.unknown()),
  millrace: z.optional(own),
})

/** What a descriptor says of a delivered file: any part of what one may. */
export type StatedResource = z.infer<typeof resourceSchema>
export type StatedField = z.infer<typeof field>
export type StatedDialect = z.infer<typeof dialect>
export type StatedOwnPart = z.infer<typeof own>

/** The properties that each object may have, by its place without the places in lists: for those that are misspelt. */
export const PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(resourceSchema.shape),
  schema: Object.keys(schema.shape),
  'schema.fields': Object.keys(field.shape),
  'schema.fields.constraints': ['required', 'unique', 'minimum', 'maximum'],
  dialect: Object.keys(dialect.shape),
  millrace: Object.keys(own.shape),
}

/** Properties of the standard that a contract does not promise. */
export const NOT_PROMISED: readonly string[] = [
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'jsonSchema',
  'categories',
  'categoriesOrdered',
  'foreignKeys',
  'bytes',
  'hash',
  'data',
]
