import { parseType, typeText } from '../../engines/types.ts'
import { type Breach, columnBreach } from './breach.ts'
import type { Descriptor } from './descriptor.ts'
import { FIELD_TYPES, type Field } from './descriptor-field.ts'
import type { StatedField, StatedResource } from './descriptor-schema.ts'
import { hasKey } from './expected-order.ts'
import { boundBreaches } from './expected-range.ts'

/** What of columns a consumer expects and does not get: which there are, their types and formats, what is never NULL, and the text of NULL. */
export function fieldBreaches(stated: StatedResource, candidate: Descriptor): readonly Breach[] {
  const types = stated.millrace?.types ?? {}
  return [
    ...stated.schema.fields.flatMap((field) => breachesOfField(field, stated, candidate)),
    ...Object.entries(types).flatMap(([name, type]) => exactBreaches(name, type, candidate)),
  ]
}

function breachesOfField(field: StatedField, stated: StatedResource, candidate: Descriptor): readonly Breach[] {
  const { name, constraints } = field
  const at = candidate.schema.fields.findIndex((each) => each.name === name)
  const actual = candidate.schema.fields[at]
  if (!actual) {
    const mayLack = ['superset', 'partial'].includes(stated.schema.fieldsMatch ?? '')
    return mayLack ? [] : [columnBreach(name, '', 'is gone', `contract: columns: "${name}" again, or ${OLD_VERSION}`, [name, null])]
  }
  // By its place: a name may be escaped in the header.
  const exact = Object.values(candidate.millrace.types)[at] ?? 'text'
  return [
    ...typeBreaches(field, actual, exact),
    ...(constraints?.required === true && !actual.constraints?.required
      ? [columnBreach(name, 'constraints.required', 'may be NULL', `contract: notNull: ["${name}"]`, [true, false])]
      : []),
    ...(constraints?.unique === true && !hasKey([name], candidate)
      ? [columnBreach(name, 'constraints.unique', 'may have a value twice', `contract: orderBy: ["${name}"], a total order`, [true, false])]
      : []),
    ...boundBreaches(field, exact),
    ...missingBreaches(field, actual, stated, candidate),
  ]
}

/** What a breaking change of columns asks for. */
const OLD_VERSION = 'the version that has it delivered too, at a path of its own'

/** Exact types that a consumer names: they tell the digits of decimals and the bits of integers. */
function exactBreaches(name: string, wanted: string, candidate: Descriptor): readonly Breach[] {
  const actual = candidate.millrace.types[name]
  const type = typeText(parseType(wanted))
  if (actual !== undefined && type === typeText(parseType(actual))) return []
  const what = `column "${name}" is ${actual ?? 'gone'}, expected ${type}`
  return [{ at: `millrace.types.${name}`, expected: type, actual: actual ?? null, what, mend: `contract: columns: ${name}: "${type}"` }]
}

/** What columns are delivered as: the standard has more. */
const DELIVERED: readonly string[] = FIELD_TYPES

function typeBreaches(field: StatedField, actual: Field, exact: string): readonly Breach[] {
  const { name, type = 'any' } = field
  if (type === 'any') return []
  // Every reader of numbers reads whole ones.
  if (type !== actual.type && !(type === 'number' && actual.type === 'integer')) {
    const mend = DELIVERED.includes(type)
      ? `contract: columns: ${name}: a type that is delivered as ${type}`
      : `none: nothing is delivered as ${type}`
    return [columnBreach(name, 'type', `is ${actual.type} (${exact}), expected ${type}`, mend, [type, actual.type])]
  }
  return [...formatBreaches(field, actual), ...decimalBreaches(field, actual), ...booleanBreaches(field, actual)]
}

const FORMAT_OPTIONS: Readonly<Record<string, string>> = { date: 'dateFormat', datetime: 'timestampFormat' }

function formatBreaches({ name, type = 'any', format = 'default' }: StatedField, actual: Field): readonly Breach[] {
  const is = actual.format ?? 'default'
  // Any text is a string, and a reader that guesses takes all that it can guess.
  if (format === is || format === 'any' || (type === 'string' && format === 'default')) return []
  const option = FORMAT_OPTIONS[type]
  const mend =
    option === undefined
      ? `none: a ${type} is delivered as ${is}, which the consumer has to read`
      : `contract: ${option}: ${format === 'default' ? 'none, which is ISO 8601' : `"${format}"`}`
  return [columnBreach(name, 'format', `has the format ${is}, expected ${format}`, mend, [format, is])]
}

function decimalBreaches({ name, type, decimalChar = '.', groupChar }: StatedField, actual: Field): readonly Breach[] {
  const is = actual.decimalChar ?? '.'
  if (type !== 'number' || actual.type !== 'number' || (decimalChar === is && groupChar !== is)) return []
  const what = `has "${is}" before its fractions, expected "${decimalChar}"`
  return [columnBreach(name, 'decimalChar', what, `contract: decimalPoint: "${decimalChar}"`, [decimalChar, is])]
}

/** The standard's texts of true and false. */
const [TRUE, FALSE] = [
  ['true', 'True', 'TRUE', '1'],
  ['false', 'False', 'FALSE', '0'],
]

function booleanBreaches({ name, trueValues = TRUE, falseValues = FALSE }: StatedField, actual: Field): readonly Breach[] {
  if (actual.type !== 'boolean' || !actual.trueValues) return []
  const [yes = '', no = ''] = [actual.trueValues?.[0], actual.falseValues?.[0]]
  if (trueValues.includes(yes) && falseValues.includes(no)) return []
  const what = `has "${yes}" and "${no}" for true and false, expected ${trueValues.join(', ')} and ${falseValues.join(', ')}`
  const mend = `contract: booleans: ["${trueValues[0]}", "${falseValues[0]}"]`
  return [
    columnBreach(name, 'trueValues', what, mend, [
      [trueValues, falseValues],
      [yes, no],
    ]),
  ]
}

/** A reader must know the text of NULL where there may be one. */
function missingBreaches(field: StatedField, actual: Field, { schema, dialect }: StatedResource, candidate: Descriptor): readonly Breach[] {
  const { name } = field
  const sequence = dialect?.nullSequence
  const known = [...(field.missingValues ?? schema.missingValues ?? ['']), ...(sequence === undefined ? [] : [sequence])]
  const [text] = candidate.schema.missingValues
  if (text === undefined || actual.constraints?.required || known.includes(text)) return []
  const [wanted] = known
  const what = `has "${text}" for NULL, expected ${known.map((each) => `"${each}"`).join(' or ') || 'none'}`
  const mend = wanted === undefined ? `contract: notNull: ["${name}"]` : `contract: null: "${wanted}"`
  return [columnBreach(name, 'missingValues', what, mend, [known, text])]
}
