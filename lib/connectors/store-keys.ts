/** Names of millrace's own objects in a bucket begin so in each part; no key part may. */
export const OWN = '.millrace-'

/** Why a text is no key of an object in a bucket, as the end of a sentence; undefined where it is one. */
export function problemOfKey(key: string): string | undefined {
  if (!key.isWellFormed()) return 'has half a surrogate pair'
  if (key.includes('\0')) return 'has a NUL'
  for (const part of key.split('/')) {
    if (part === '') return 'has an empty part'
    if (part === '.' || part === '..') return `has the part "${part}"`
    if (part.startsWith(OWN)) return `has a part that begins with ${OWN}, which is millrace's own`
  }
  return undefined
}

/** The prefix of a store as the names of its objects begin with it: '' or `a/b/`. */
export function namePrefixOf(prefix: string | undefined): { readonly prefix: string; readonly problem: string | undefined } {
  const text = (prefix ?? '').replace(/\/$/, '')
  return text === '' ? { prefix: '', problem: undefined } : { prefix: `${text}/`, problem: problemOfKey(text) }
}
