import { ConfigError } from '../../core/errors.ts'
import type { AnyPipeline } from '../define/definition.ts'
import { type Partition, partitionNamed, partitionsBetween, partitionsUntil } from '../define/partitions.ts'

/** Which partitions a user wants: of a range or a list, those in one of the states. */
export interface Selection {
  readonly from?: string
  /** Exclusive. */
  readonly to?: string
  readonly partitions?: readonly string[]
  /** Those that are not done, whatever the reason. */
  readonly missing?: boolean
  /** Those whose last attempt has failed. */
  readonly failed?: boolean
  /** Those that are done, and made of what has changed since. */
  readonly stale?: boolean
  readonly newestFirst?: boolean
}

/** A partition, and how it stands. */
export interface Candidate {
  readonly partition: Partition
  readonly state: 'done' | 'due' | 'open'
  readonly stale: boolean
  /** Its last attempt has failed, in these words. */
  readonly failed?: string
}

/** A partition that is to be run. */
export interface Chosen {
  readonly partition: Partition
  /** How it stands: `due`, `stale`, `failed: …`. */
  readonly why: string
}

/**
 * Decides which partitions are run, and in which order: oldest first, unless asked otherwise. Without any choice those that are due.
 * @throws ConfigError for a name that is none, a range without partitions, and choices that exclude each other
 */
export function select(pipeline: AnyPipeline, selection: Selection, candidates: readonly Candidate[], now: Date): readonly Chosen[] {
  const { missing, failed, stale, newestFirst } = selection
  const named = namedPartitions(pipeline, selection, now)
  const anyState = missing || failed || stale
  const wanted = candidates.filter(({ partition, ...each }) => {
    if (named && !named.has(partition.name)) return false
    if (anyState) return (missing && each.state === 'due') || (failed && each.failed !== undefined) || (stale && each.stale)
    return named !== undefined || each.state === 'due'
  })
  const chosen = wanted.map((each) => ({ partition: each.partition, why: whyOf(each) }))
  return newestFirst ? chosen.toReversed() : chosen
}

function whyOf({ state, stale, failed }: Candidate): string {
  if (failed !== undefined) return `failed: ${failed.split('\n', 1)[0]}`
  return stale ? 'stale' : state
}

/** Names of a range or a list; undefined: all. @throws ConfigError for a name that is none, and a range without partitions */
export function namedPartitions(
  { name, partition: partitioning }: AnyPipeline,
  { from, to, partitions = [] }: Pick<Selection, 'from' | 'to' | 'partitions'>,
  now: Date,
): ReadonlySet<string> | undefined {
  if (!partitioning)
    throw new ConfigError(`pipeline "${name}" has no partitions: there is nothing to backfill`, {
      pipeline: name,
      hint: `millrace run ${name} brings it up to date`,
    })
  const listed = partitions.flatMap((each) => listOf(each, partitioning.by === 'keys' ? partitioning.keys : []))
  if (partitions.length > 0 && (from !== undefined || to !== undefined))
    throw new ConfigError('--partition and --from/--to exclude each other', { pipeline: name })
  if (partitions.length > 0) {
    if (listed.length === 0) throw new ConfigError('--partition names no partition', { pipeline: name })
    return new Set(listed.map((each) => partitionNamed(partitioning, each, now).name))
  }
  if (from === undefined && to === undefined) return undefined
  const range = partitionsBetween(partitioning, from, to, now)
  const begun = range.length === 0 ? partitionsUntil(partitioning, now) : []
  if (range.length === 0)
    throw new ConfigError(`no partition of "${name}" lies in [${from ?? '…'}, ${to ?? '…'}) and has begun by ${now.toISOString()}`, {
      pipeline: name,
      hint: begun.length === 0 ? 'none has begun yet' : `there are ${begun[0]?.name} to ${begun.at(-1)?.name}`,
    })
  return new Set(range.map((each) => each.name))
}

/** The names of a list with commas between them. A key may hold commas itself: as many parts as make a key are one name. */
function listOf(text: string, keys: readonly string[]): readonly string[] {
  if (keys.includes(text)) return [text]
  const parts = text.split(',')
  const names: string[] = []
  for (let at = 0; at < parts.length; ) {
    let end = parts.length
    while (end > at + 1 && !keys.includes(parts.slice(at, end).join(',').trim())) end--
    names.push(parts.slice(at, end).join(',').trim())
    at = end
  }
  return names.filter((name) => name !== '')
}
