import { ConfigError } from '../../core/errors.ts'
import { namePrefixOf, problemOfKey } from '../store-keys.ts'
import type { AzureOptions } from './options.ts'

/** Where the blobs of a store are: `azure://account/container/name`, for errors. */
export type UrlOf = (name: string) => string

export const urlsIn =
  ({ account, container }: Pick<AzureOptions, 'account' | 'container'>): UrlOf =>
  (name) =>
    `azure://${account}/${container}/${name}`

const MAX_NAME = 1024
const MAX_PARTS = 254

/** Between keys and the names of blobs. */
export interface Names {
  /** A blob's name. @throws ConfigError for what cannot be a key in a container */
  nameOf(key: string): string
  /** The key of a listed blob; undefined for a foreign one that no key gives. */
  keyOf(name: string): string | undefined
  /** What the names of all keys that begin with `prefix` begin with; other names may, too. */
  listPrefix(prefix: string): string
}

/**
 * Names under a prefix. A name is the key as it is, except for what Azure knows in no name, or takes for something else ("Naming and referencing containers, blobs, and metadata"): control characters, backslashes and
 * dots at the end of a part become %XX, byte by byte, and so does a `%` that could be taken for the begin of that. Keys with such parts are listed where their names sort.
 */
export function namesUnder(prefix: string): Names {
  const nameOf = (key: string): string => {
    const problem = problemOfKey(key)
    if (problem) throw new ConfigError(`not a key: ${JSON.stringify(key.slice(0, 200))} ${problem}`)
    const name = prefix + escaped(key)
    if (name.length > MAX_NAME || name.split('/').length > MAX_PARTS)
      throw new ConfigError(
        `not a key: ${JSON.stringify(key.slice(0, 200))}… makes a name longer than ${MAX_NAME} characters or ${MAX_PARTS} parts`,
      )
    return name
  }
  return {
    nameOf,
    keyOf: (name) => {
      const key = unescaped(name.slice(prefix.length))
      return key !== undefined && problemOfKey(key) === undefined && prefix + escaped(key) === name ? key : undefined
    },
    // A prefix may end within an escape, or before what makes its last dots no end of a part.
    listPrefix: (start) => prefix + escaped(start.replace(/(\.|%[0-9A-F]?)+$/, '')),
  }
}

/** The prefix of a store as names begin with it: '' or `a/b/`. @throws ConfigError */
export function namePrefix(prefix: string | undefined): string {
  const { prefix: text, problem } = namePrefixOf(prefix)
  const odd = problem ?? (escaped(text) === text ? undefined : 'has a part that Azure cannot have in a name')
  if (odd) throw new ConfigError(`prefix ${JSON.stringify(prefix)} of azure ${odd}`, { hint: 'write it as "deliveries/daily"' })
  return text
}

const ODD = /%(?=[0-9A-F]{2})|[\p{Cc}\\\ufffe\uffff]|\.+(?=\/|$)/gu

const escaped = (text: string): string =>
  text.replace(ODD, (signs) => [...Buffer.from(signs)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''))

function unescaped(name: string): string | undefined {
  try {
    return name.replace(/(%[0-9A-F]{2})+/g, decodeURIComponent)
  } catch {
    return undefined
  }
}
