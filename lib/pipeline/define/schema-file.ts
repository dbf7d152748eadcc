import type { Columns } from '../../core/dataset.ts'
import { displayWidth } from '../../observe/width.ts'
import type { Schema } from './definition.ts'

const LINE_WIDTH = 140

/**
 * The text of a pipeline's schema.ts: TypeScript that exports `schema`, in the order given, formatted as Biome would with this project's settings, so that neither the formatter nor a second
 * `plan` changes it. Importing it gives the schema back exactly.
 */
export function renderSchema(pipeline: string, schema: Schema): string {
  const datasets = Object.entries(schema).map(([name, columns]) => renderDataset(name, columns))
  const body = datasets.length === 0 ? '{}' : `{\n${datasets.join('')}}`
  return `// written by \`millrace plan ${pipeline}\`; commit it\nexport const schema = ${body} as const\n`
}

/**
 * What makes `known` another schema than `wanted`, one readable line for each dataset or column, in the order of `wanted`, then what is gone. Empty if and only if both are the
 * same, order of datasets and columns included.
 */
export function schemaDifference(known: Schema, wanted: Schema): string[] {
  const lines = Object.entries(wanted).flatMap(([name, columns]) => {
    const before = Object.hasOwn(known, name) ? known[name] : undefined
    return before ? columnDifference(name, before, columns) : [`+ ${name}: ${describe(columns)}`]
  })
  const gone = Object.keys(known).filter((name) => !Object.hasOwn(wanted, name))
  const reordered =
    lines.length + gone.length === 0 && !sameOrder(known, wanted)
      ? [`datasets are in another order: ${Object.keys(wanted).join(', ')}`]
      : []
  return [...lines, ...gone.map((name) => `- ${name}`), ...reordered]
}

function columnDifference(dataset: string, before: Columns, after: Columns): string[] {
  const changed = Object.entries(after).flatMap(([column, type]) => {
    const was = Object.hasOwn(before, column) ? before[column] : undefined
    if (was === undefined) return [`+ ${dataset}.${column}: ${type}`]
    return was === type ? [] : [`~ ${dataset}.${column}: ${was} -> ${type}`]
  })
  const gone = Object.keys(before).filter((column) => !Object.hasOwn(after, column))
  const lines = [...changed, ...gone.map((column) => `- ${dataset}.${column}: ${before[column]}`)]
  if (lines.length > 0 || sameOrder(before, after)) return lines
  return [`~ ${dataset}: columns are in another order: ${Object.keys(after).join(', ')}`]
}

function sameOrder(a: object, b: object): boolean {
  return JSON.stringify(Object.keys(a)) === JSON.stringify(Object.keys(b))
}

function describe(columns: Columns): string {
  const all = Object.entries(columns).map(([name, type]) => `${name} ${type}`)
  return all.join(', ') || 'no columns'
}

function renderDataset(name: string, columns: Columns): string {
  const pairs = Object.entries(columns).map(([column, type]) => [key(column), literal(type)] as const)
  if (pairs.length === 0) return `  ${key(name)}: {},\n`
  const line = `  ${key(name)}: { ${pairs.map(([column, type]) => `${column}: ${type}`).join(', ')} },`
  if (displayWidth(line) <= LINE_WIDTH) return `${line}\n`
  return `  ${key(name)}: {\n${pairs.map(([column, type]) => renderColumn(column, type)).join('')}  },\n`
}

/** The formatter moves a type that is too long for its line under its column, unless the column's name is as short as an indent. */
function renderColumn(column: string, type: string): string {
  const line = `    ${column}: ${type},`
  return displayWidth(line) <= LINE_WIDTH || displayWidth(column) < 5 ? `${line}\n` : `    ${column}:\n      ${type},\n`
}

/** A property name: plain where JavaScript allows it. `__proto__: …` would set the prototype. */
function key(name: string): string {
  if (name === '__proto__') return "['__proto__']"
  return /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name) ? name : literal(name)
}

/** A string literal in the quotes that need fewer escapes, single ones first. */
function literal(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  const quote = count(text, "'") > count(text, '"') ? '"' : "'"
  return quote + escaped.replaceAll(quote, `\\${quote}`) + quote
}

function count(text: string, sign: string): number {
  return text.split(sign).length - 1
}
