/** A piece of SQL text that is not spacing or a comment. */
export interface SqlToken {
  readonly kind: 'word' | 'text' | 'identifier' | 'number' | 'parameter' | 'sign'
  readonly text: string
  readonly start: number
}

// DuckDB's lexer is PostgreSQL's: '' inside '…', \ only inside E'…', $tag$…$tag$, nested /* */.
const token =
  /(?<space>\s+|--[^\n]*)|(?<text>[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*')|(?<identifier>"(?:[^"]|"")*")|(?<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)|(?<parameter>\$\w+|\?)|(?<number>\d[\w.]*)|(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?<sign>[\s\S])/y

/** Splits SQL text into tokens; comments and spacing are left out. Text that DuckDB's parser refuses gives some tokens, never an error. */
export function sqlTokens(text: string): SqlToken[] {
  const tokens: SqlToken[] = []
  let at = 0
  while (at < text.length) {
    if (text.startsWith('/*', at)) {
      at = endOfComment(text, at)
      continue
    }
    token.lastIndex = at
    const match = token.exec(text)
    const [kind, found] = Object.entries(match?.groups ?? {}).find(([, value]) => value !== undefined) ?? ['sign', text.slice(at)]
    let end = at + found.length
    if (kind === 'dollar') {
      const close = text.indexOf(found, end)
      end = close < 0 ? text.length : close + found.length
    }
    if (kind !== 'space')
      tokens.push({ kind: kind === 'dollar' ? 'text' : (kind as SqlToken['kind']), text: text.slice(at, end), start: at })
    at = end
  }
  return tokens
}

function endOfComment(text: string, start: number): number {
  const border = /\/\*|\*\//g
  border.lastIndex = start
  let depth = 0
  for (let match = border.exec(text); match; match = border.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return border.lastIndex
  }
  return text.length
}

/** The text without its final semicolons and what stands after them, so that it can stand in parentheses. */
export function withoutSemicolon(text: string): string {
  const tokens = sqlTokens(text)
  let last = tokens.length
  while (last > 0 && tokens[last - 1]?.text === ';') last--
  const semicolon = tokens[last]
  return semicolon ? text.slice(0, semicolon.start) : text
}

/** The text with the named parameters that `rename` gives another name for (both without `$`). */
export function renameParameters(text: string, rename: (name: string) => string | undefined): string {
  let renamed = ''
  let from = 0
  for (const { kind, text: found, start } of sqlTokens(text)) {
    const name = kind === 'parameter' ? rename(found.slice(1)) : undefined
    if (name === undefined) continue
    renamed += `${text.slice(from, start)}$${name}`
    from = start + found.length
  }
  return renamed + text.slice(from)
}
