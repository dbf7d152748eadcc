/** What of a terminal decides how to write to it. */
export interface TerminalStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Whether to colour: `FORCE_COLOR` (not `0`), then `NO_COLOR`, then whether it is a terminal that can. */
export function colorWanted(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: term } = environment
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false'
  return !no && stream.isTTY === true && term !== 'dumb'
}

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, bold: 1, dim: 2 } as const

/** Puts a text into a colour where colours are wanted. */
export type Paint = (style: keyof typeof CODES, text: string) => string

export function painter(color: boolean): Paint {
  return color ? (style, text) => `\x1b[${CODES[style]}m${text}\x1b[0m` : (_, text) => text
}
