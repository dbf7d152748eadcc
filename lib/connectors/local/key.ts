import { join } from 'node:path'
import { ConfigError } from '../../core/errors.ts'

/** Names of millrace's own files inside a store's folder begin so; no key part may. */
export const OWN = '.millrace-'
/** Begins the name of a temporary file: `.millrace-tmp-<owner>-<n>`. */
export const TEMPORARY = `${OWN}tmp-`
/** The folder of sidecars, owners and locks, at the store's root. */
export const META = `${OWN}meta`

const MAX_PART_BYTES = 255
const MAX_PATH_BYTES = 4095

/** Where a key's file is. @throws ConfigError for what cannot be a key on a disk: it never leaves the folder. */
export function pathOfKey(root: string, key: string): string {
  for (const part of key.split('/')) {
    const problem = problemOf(part)
    if (problem) throw new ConfigError(`not a key: ${JSON.stringify(key.slice(0, 200))} ${problem}`)
  }
  const path = join(root, key)
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new ConfigError(`not a key: ${JSON.stringify(key.slice(0, 200))}… makes a path longer than ${MAX_PATH_BYTES} bytes`)
  return path
}

/** A listing's prefix as the folder to begin in and what names in it begin with. */
export function folderOfPrefix(root: string, prefix: string): { readonly folder: string; readonly within: string; readonly start: string } {
  const slash = prefix.lastIndexOf('/')
  const within = prefix.slice(0, slash + 1)
  const start = prefix.slice(slash + 1)
  if (start.includes('\0')) throw new ConfigError(`not a prefix: ${JSON.stringify(prefix)} has a NUL`)
  return { folder: slash < 0 ? root : pathOfKey(root, prefix.slice(0, slash)), within, start }
}

function problemOf(part: string): string | undefined {
  if (part === '') return 'has an empty part'
  if (part === '.' || part === '..') return `has the part "${part}"`
  if (part.includes('\0')) return 'has a NUL'
  if (!part.isWellFormed()) return 'has half a surrogate pair'
  if (part.startsWith(OWN)) return `has a part that begins with ${OWN}, which is millrace's own`
  if (Buffer.byteLength(part) > MAX_PART_BYTES) return `has a part longer than ${MAX_PART_BYTES} bytes, which a disk does not take`
  return undefined
}
