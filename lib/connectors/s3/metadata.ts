/** Of each write its own, so that versions differ where contents do not, and a write whose reply was lost is known again. */
const WRITE = 'millrace-write'
/** Metadata that headers cannot carry, as percent-encoded JSON. */
const ENCODED = 'millrace-metadata'

/** S3 knows names in lower case, and values of printable ASCII; runs of blanks are folded when a request is signed. */
const PLAIN_NAME = /^[a-z0-9][a-z0-9._-]*$/
const PLAIN_VALUE = /^(?!.* {2})(?!.*=\?)[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** An object's metadata as S3 keeps them, with the mark of the write. */
export function withWrite(metadata: Readonly<Record<string, string>>, write: string): Record<string, string> {
  const pairs = Object.entries(metadata)
  const plain = pairs.filter(([name, value]) => isPlain(name, value))
  const others = pairs.filter(([name, value]) => !isPlain(name, value))
  return {
    ...Object.fromEntries(plain),
    ...(others.length > 0 && { [ENCODED]: encodeURIComponent(JSON.stringify(Object.fromEntries(others))) }),
    [WRITE]: write,
  }
}

/** What an object's metadata are without those of the store itself, and the mark of its write; undefined for a foreign object. */
export function withoutWrite(stored: Readonly<Record<string, string>>): {
  readonly metadata: Readonly<Record<string, string>>
  readonly write: string | undefined
} {
  const { [WRITE]: write, [ENCODED]: encoded, ...plain } = stored
  return { metadata: encoded === undefined ? plain : { ...plain, ...decoded(encoded) }, write }
}

function isPlain(name: string, value: string): boolean {
  return PLAIN_NAME.test(name) && name !== WRITE && name !== ENCODED && PLAIN_VALUE.test(value)
}

function decoded(text: string): Readonly<Record<string, string>> {
  try {
    const pairs = Object.entries(JSON.parse(decodeURIComponent(text)) as object)
    return Object.fromEntries(pairs.map(([name, value]) => [name, String(value)]))
  } catch {
    return {}
  }
}
