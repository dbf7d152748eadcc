import { ConfigError } from './errors.ts'

/** The one function that quotes SQL identifiers. */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0')) throw new ConfigError(`not a name: ${JSON.stringify(name)}`)
  return `"${name.replaceAll('"', '""')}"`
}

/** Quotes a text literal, for the few places of SQL that take no parameter (paths and options of table functions, SET). Values of users are parameters. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new ConfigError(`a NUL byte cannot stand in SQL: ${JSON.stringify(text)}`)
  return `'${text.replaceAll("'", "''")}'`
}

/** `[a, b]` as a SQL list of text literals. */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quoteLiteral).join(', ')}]`
}
