import { ConfigError } from '../../core/errors.ts'
import { namePrefixOf, problemOfKey } from '../store-keys.ts'

const MAX_NAME_BYTES = 1024

/** Where the objects of a store are, and what their names are: keys as they are, below the prefix. */
export interface Bucket {
  readonly name: string
  /** '' or `a/b/`. */
  readonly prefix: string
  /** `s3://bucket/name`, for errors. */
  urlOf(name: string): string
  /** An object's name. @throws ConfigError for what cannot be a key in a bucket */
  nameOf(key: string): string
  /** The key of a listed object; undefined for what is no key, as foreign objects with an empty part. */
  keyOf(name: string): string | undefined
}

export function bucketOf(name: string, prefix: string): Bucket {
  return {
    name,
    prefix,
    urlOf: (object) => `s3://${name}/${object}`,
    nameOf: (key) => {
      const problem = problemOfKey(key)
      if (problem) throw new ConfigError(`not a key: ${JSON.stringify(key.slice(0, 200))} ${problem}`)
      if (Buffer.byteLength(prefix + key) > MAX_NAME_BYTES)
        throw new ConfigError(`not a key: ${JSON.stringify(key.slice(0, 200))}… makes a name longer than ${MAX_NAME_BYTES} bytes`)
      return prefix + key
    },
    keyOf: (object) => {
      const key = object.slice(prefix.length)
      return problemOfKey(key) === undefined ? key : undefined
    },
  }
}

/** The prefix of a store as names begin with it: '' or `a/b/`. @throws ConfigError */
export function namePrefix(prefix: string | undefined): string {
  const { prefix: text, problem } = namePrefixOf(prefix)
  if (problem) throw new ConfigError(`prefix ${JSON.stringify(prefix)} of s3 ${problem}`, { hint: 'write it as "deliveries/daily"' })
  return text
}
