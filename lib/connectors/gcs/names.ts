import { ConfigError } from '../../core/errors.ts'
import { namePrefixOf, OWN, problemOfKey } from '../store-keys.ts'

/** Where the uploads of streams stand until their checksum is compared: `<prefix>.millrace-tmp/<uuid>`. */
const TEMPORARY = `${OWN}tmp/`

const MAX_NAME_BYTES = 1024

/** Between keys and the names of objects in a bucket. */
export interface Names {
  /** An object's name. @throws ConfigError for what cannot be a key in a bucket */
  nameOf(key: string): string
  /** The key of a listed object; undefined for what is no key: temporaries, and foreign objects with an empty part. */
  keyOf(name: string): string | undefined
  /** What the names of all keys that begin with `prefix` begin with; other names may, too. */
  listPrefix(prefix: string): string
  temporary(id: string): string
  /** What all names of temporaries begin with. */
  readonly temporaries: string
}

/**
 * Names under a prefix. A name is the key as it is, except that Cloud Storage knows no line ends in names (docs: "Object naming guidelines"): CR and LF become %0D and %0A, and a `%` that could be taken for
 * the begin of one of these, %25. Keys with such parts are listed where their names sort.
 */
export function namesUnder(prefix: string): Names {
  return {
    nameOf: (key) => {
      const problem = problemOfKey(key)
      if (problem) throw new ConfigError(`not a key: ${JSON.stringify(key.slice(0, 200))} ${problem}`)
      const name = prefix + escaped(key)
      if (Buffer.byteLength(name) > MAX_NAME_BYTES)
        throw new ConfigError(`not a key: ${JSON.stringify(key.slice(0, 200))}… makes a name longer than ${MAX_NAME_BYTES} bytes`)
      if (name.startsWith('.well-known/acme-challenge/'))
        throw new ConfigError(
          `not a key: ${JSON.stringify(key.slice(0, 200))} begins with .well-known/acme-challenge/, which Cloud Storage refuses`,
        )
      return name
    },
    keyOf: (name) => {
      const key = unescaped(name.slice(prefix.length))
      return problemOfKey(key) === undefined ? key : undefined
    },
    // A prefix may end within an escape: `a%2` begins the key `a%25`, whose name is `a%2525`.
    listPrefix: (start) => prefix + escaped(start.replace(/%[02]?$/, '')),
    temporary: (id) => `${prefix}${TEMPORARY}${id}`,
    temporaries: `${prefix}${TEMPORARY}`,
  }
}

/** The prefix of a store as names begin with it: '' or `a/b/`. @throws ConfigError */
export function namePrefix(prefix: string | undefined): string {
  const { prefix: text, problem } = namePrefixOf(prefix)
  if (problem) throw new ConfigError(`prefix ${JSON.stringify(prefix)} of gcs ${problem}`, { hint: 'write it as "deliveries/daily"' })
  return text
}

const escaped = (text: string): string =>
  text.replace(/%(?=0A|0D|25)|[\r\n]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
const unescaped = (text: string): string =>
  text.replace(/%(0A|0D|25)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
