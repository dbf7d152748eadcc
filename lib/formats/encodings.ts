import { quoteLiteral } from '../core/quote.ts'

/** Encodings of a text file that millrace writes, by their WHATWG names but for `latin-1`, which there means windows-1252. */
export const ENCODINGS = ['utf-8', 'utf-16le', 'latin-1', 'windows-1252'] as const
export type Encoding = (typeof ENCODINGS)[number]

/** The name of an encoding in a Content-Type. */
export function charsetOf(encoding: Encoding): string {
  return encoding === 'latin-1' ? 'iso-8859-1' : encoding
}

/** Whether an encoding has every character. */
export function isUnicode(encoding: Encoding): boolean {
  return encoding === 'utf-8' || encoding === 'utf-16le'
}

/** The characters of windows-1252 from 0x80 to 0x9F, in order; a blank stands for the five bytes that mean nothing. */
const WINDOWS_80 = '€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ'
const BYTE_OF = new Map(
  [...WINDOWS_80].flatMap((char, i): [string, string][] => (char === ' ' ? [] : [[char, String.fromCharCode(0x80 + i)]])),
)
const OF_80 = new RegExp(`[${[...BYTE_OF.keys()].join('')}]`, 'gu')

/** A regular expression (RE2, JavaScript) of one character that an encoding has not; undefined where it has all. */
export function unfitPattern(encoding: Encoding): string | undefined {
  if (encoding === 'latin-1') return '[^\\x{0}-\\x{FF}]'
  if (encoding === 'windows-1252') return `[^\\x{0}-\\x{7F}\\x{A0}-\\x{FF}${[...BYTE_OF.keys()].join('')}]`
  return undefined
}

/** The first character of a text that an encoding has not. */
export function unfitIn(text: string, encoding: Encoding): string | undefined {
  return [...text].find((char) => {
    const code = char.codePointAt(0) ?? 0
    if (encoding === 'latin-1') return code > 0xff
    return encoding === 'windows-1252' && !(code < 0x80 || (code > 0x9f && code < 0x100) || BYTE_OF.has(char))
  })
}

/** SQL that puts `?` for every character of a text that an encoding has not. */
export function replaceUnfit(text: string, encoding: Encoding): string {
  const pattern = unfitPattern(encoding)
  return pattern === undefined ? text : `regexp_replace(${text}, ${quoteLiteral(pattern)}, '?', 'g')`
}

/**
 * UTF-8 as another encoding, chunk by chunk, with a byte-order mark before it where it is wanted. Every character must be one that the encoding has.
 * @throws TypeError for bytes that are no UTF-8
 */
export async function* encoded(chunks: AsyncIterable<Uint8Array>, encoding: Encoding, mark: boolean): AsyncGenerator<Uint8Array> {
  if (mark) yield encode('\uFEFF', encoding)
  if (encoding === 'utf-8') return yield* chunks
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for await (const chunk of chunks) yield encode(decoder.decode(chunk, { stream: true }), encoding)
  const rest = decoder.decode()
  if (rest !== '') yield encode(rest, encoding)
}

function encode(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text)
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le')
  return Buffer.from(encoding === 'latin-1' ? text : text.replace(OF_80, (char) => BYTE_OF.get(char) ?? '?'), 'latin1')
}
