import { createHash } from 'node:crypto'

const MAX_BYTES = 180
const KEPT_BYTES = 120

/**
 * Any name as one part of a store key or one file name, injective and readable: `/`, `%`, what globs read (`* ? [ ]`), control characters, a leading `.` and lone surrogates are percent-encoded,
 * and what is longer than 180 bytes is cut and ends with `%~` and a hash. Plain names stay as they are.
 */
export function keyPart(name: string): string {
  if (name === '') return '%'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is encoded
  const encoded = name.replaceAll(/[/%*?[\]\u0000-\u001f\u007f]|^\.|\p{Cs}/gu, (c) => {
    const code = c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')
    return code.length > 2 ? `%u${code}` : `%${code}`
  })
  if (Buffer.byteLength(encoded) <= MAX_BYTES) return encoded
  let kept = ''
  for (const character of encoded) {
    if (Buffer.byteLength(kept + character) > KEPT_BYTES) break
    kept += character
  }
  return `${kept}%~${createHash('sha256').update(encoded).digest('hex').slice(0, 32)}`
}
