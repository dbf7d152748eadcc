import { quoteLiteral } from '../core/quote.ts'

/** What becomes of a text that a spreadsheet would take for a formula. */
export const FORMULAS = ['raw', 'escape', 'reject'] as const
export type Formulas = (typeof FORMULAS)[number]

// OWASP's list of characters that begin a formula, with their full-width forms, and the white space that Excel drops before one. RE2 and JavaScript's `u`.
const SIGNS = '=+\\-@\\x{FF1D}\\x{FF0B}\\x{FF0D}\\x{FF20}'
const FIRST = `^[${SIGNS}\\t\\r\\n\\x{0}]`

/**
 * After a delimiter, a quote or a line end inside a value: where a reader that takes quotes wrongly begins a new cell. Comma, semicolon and tab delimit whatever the contract says, and `"` quotes: a spreadsheet takes the
 * delimiter of its own locale, and of `a;=1` in a file with commas it makes a cell that begins with `=` (OWASP, CSV injection).
 */
function innerPattern(delimiter: string, quote: string): string {
  const hex = (char: string) => `\\x{${char.charCodeAt(0).toString(16)}}`
  return `([${hex(delimiter)}${hex(quote)},;"\\t\\r\\n])([${SIGNS}])`
}

/** What formulas are looked for by. */
export interface Separators {
  readonly delimiter: string
  readonly quote: string
}

/** SQL: whether a text, or a cell that a wrong reader would make of a part of it, begins as a formula does. */
export function isFormula(text: string, { delimiter, quote }: Separators): string {
  return `regexp_matches(${text}, ${quoteLiteral(`${FIRST}|${innerPattern(delimiter, quote)}`)})`
}

/** SQL: the text with an apostrophe before each such beginning, by which a spreadsheet shows it as text. */
export function escapeFormula(text: string, separators: Separators): string {
  const { delimiter, quote } = separators
  const inner = `regexp_replace(${text}, ${quoteLiteral(innerPattern(delimiter, quote))}, '\\1''\\2', 'g')`
  const first = `regexp_replace(${inner}, ${quoteLiteral(`(${FIRST})`)}, '''\\1')`
  return `CASE WHEN ${isFormula(text, separators)} THEN ${first} ELSE ${text} END`
}

/** The same of a text that is at hand: a column's name. */
export function formulaIn(text: string, { delimiter, quote }: Separators): boolean {
  return jsPattern(`${FIRST}|${innerPattern(delimiter, quote)}`).test(text)
}

export function escapedFormula(text: string, { delimiter, quote }: Separators): string {
  return text.replace(jsPattern(innerPattern(delimiter, quote), 'g'), "$1'$2").replace(jsPattern(FIRST), "'$&")
}

const jsPattern = (pattern: string, flags = '') => new RegExp(pattern.replaceAll('\\x{', '\\u{'), `u${flags}`)
