import { ConfigError } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import type { BindInput } from './bound.ts'

/** A partition for binding on zero rows. */
export const SAMPLE_WINDOW = {
  start: new Date('2001-01-01T00:00:00Z'),
  end: new Date('2001-01-02T00:00:00Z'),
  partition: '2001-01-01',
} as const

/** All names that steps may read: datasets, and `.changes` of those with a cursor. */
export function readableNames({ extracted, steps }: BindInput): string[] {
  const changes = Object.entries(extracted).flatMap(([name, { by }]) => (by === 'cursor' ? [`${name}.changes`] : []))
  return [...Object.keys(extracted), ...changes, ...Object.keys(steps)]
}

/** @throws ConfigError for names of datasets and parameters that cannot be told apart or have a meaning already. */
export function refuseNames({ extracted, steps, parameters }: BindInput): void {
  const seen = new Map<string, string>()
  for (const name of [...Object.keys(extracted), ...Object.keys(steps)]) {
    const place = { dataset: name, ...(name in steps && { stage: 'transform' as const }) }
    if (name === '' || name.includes('\0')) throw new ConfigError('a dataset needs a name', place)
    if (name.endsWith('.changes')) throw new ConfigError(`"${name}" ends in .changes, the name of a cursor dataset's new rows`, place)
    const other = seen.get(name.toLowerCase())
    if (other === name) throw new ConfigError(`"${name}" is both extracted and transformed: a dataset has one name`, place)
    if (other !== undefined)
      throw new ConfigError(`datasets "${other}" and "${name}" are the same name to DuckDB, which knows no case; rename one`, place)
    seen.set(name.toLowerCase(), name)
    if (extracted[name]?.by === 'cursor' && /^(main|temp|pg_catalog|information_schema)$/i.test(name))
      throw new ConfigError(`"${name}" is a schema of DuckDB's own; a cursor dataset needs another name`, place)
  }
  for (const name of Object.keys(parameters)) {
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name))
      throw new ConfigError(`parameter name ${JSON.stringify(name)} must be a letter, then letters, digits and _`, { stage: 'transform' })
    if (['start', 'end', 'partition'].includes(name.toLowerCase()))
      throw new ConfigError(`parameter "${name}" is the partition's own; give it another name`, { stage: 'transform' })
  }
}

/** What SQL and frames say of a name that no dataset has. */
export function unknownDataset(name: string, readable: readonly string[]): ConfigError {
  return new ConfigError(`it reads unknown dataset "${name}"${didYouMean(name, readable)}; there are: ${readable.join(', ')}`)
}

/** Why `start`, `end` or `partition` cannot be had. */
export function windowMissing(name: string, partitioned: BindInput['partitioned']): ConfigError {
  return new ConfigError(
    partitioned === 'keys'
      ? `it asks for ${name}, but partitions by key have no time window`
      : `it asks for ${name}, but the pipeline has no partitions`,
  )
}

export function unknownParameter(name: string, available: readonly string[]): ConfigError {
  const there = available.length === 0 ? 'there are none' : `there are: ${available.join(', ')}`
  return new ConfigError(`it asks for unknown parameter ${name}${didYouMean(name, available)}; ${there}`)
}
