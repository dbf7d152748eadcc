import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where millrace's own code lies: what is thrown from there was caused by its caller. */
const OWN = fileURLToPath(new URL('../', import.meta.url))

/**
 * ` (line 7)` when the error's stack says where in `file` it came from, ` (contract.ts line 7)` when that was in a module that it imports; else nothing. A syntax error has its
 * place in the stack's first line.
 */
export function codePlace(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const places = [...stack.matchAll(/(file:\/\/\/[^\s()]+?|(?<=[\s(])\/[^\s()]+?):(\d+)/g)].map(([, at = '', line = '']) => ({
    path: pathOf(at),
    line,
  }))
  const syntax = /^file:\/\//.test(stack)
  const at = syntax ? places[0] : places.find(({ path }) => path === file || !(path.startsWith(OWN) || path.includes('/node_modules/')))
  if (at === undefined) return ''
  return at.path === file ? ` (line ${at.line})` : ` (${relative(dirname(file), at.path)} line ${at.line})`
}

function pathOf(place: string): string {
  try {
    return place.startsWith('file:') ? fileURLToPath(place) : place
  } catch {
    return place
  }
}
