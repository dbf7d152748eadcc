import type { Stored } from './objects.ts'
import { conditionNotMet, invalid, Problem } from './problem.ts'

const NAMES = ['GenerationMatch', 'GenerationNotMatch', 'MetagenerationMatch', 'MetagenerationNotMatch'] as const

/** What a request expects of an object. */
export type Preconditions = Readonly<Partial<Record<(typeof NAMES)[number], string>>>

/** The preconditions of a query: `ifGenerationMatch` … or, with `Source` between, those of a copy's source. */
export function preconditionsOf(query: URLSearchParams, of: '' | 'Source' = ''): Preconditions {
  const found: Record<string, string> = {}
  for (const name of NAMES) {
    const value = query.get(`if${of}${name}`)
    if (value === null) continue
    if (!/^\d+$/.test(value)) throw invalid(`Invalid value for parameter: if${of}${name}`)
    found[name] = value
  }
  return found
}

/** Throws where they do not hold: 412, or 304 for a read of what has not changed. A missing object has generation 0 and metageneration 0. */
export function requireAll(
  conditions: Preconditions,
  object: Pick<Stored, 'generation' | 'metageneration'> | undefined,
  read = false,
): void {
  const generation = object?.generation ?? '0'
  const metageneration = String(object?.metageneration ?? 0)
  const { GenerationMatch, GenerationNotMatch, MetagenerationMatch, MetagenerationNotMatch } = conditions
  if (GenerationMatch !== undefined && GenerationMatch !== generation) throw conditionNotMet()
  if (MetagenerationMatch !== undefined && MetagenerationMatch !== metageneration) throw conditionNotMet()
  if (GenerationNotMatch === generation || MetagenerationNotMatch === metageneration)
    throw read ? new Problem(304, 'notModified', 'Not Modified') : conditionNotMet()
}
