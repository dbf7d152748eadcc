import { ConfigError } from '../../core/errors.ts'
import { keyPart } from '../../core/key-part.ts'
import { lock, partitionLock, sharedLock } from '../../state/lock.ts'
import { namedPartitions, type Selection } from '../backfill/select.ts'
import type { AnyPipeline } from '../define/definition.ts'
import { type Partition, partitionsUntil } from '../define/partitions.ts'
import type { Session } from '../run/session.ts'
import type { CandidateFiles } from './candidate-files.ts'

/** Which candidates a user means: all, or those of a range or a list of partitions. */
export type NamedPartitions = Pick<Selection, 'from' | 'to' | 'partitions'>

/**
 * The partitions that have a candidate, oldest first; before them, where no partition is named, what they share (undefined) if that has one.
 * @throws ConfigError where none has; for a name that is none
 */
export async function chosenCandidates(
  pipeline: AnyPipeline,
  files: CandidateFiles,
  named: NamedPartitions,
  now: Date,
): Promise<readonly (Partition | undefined)[]> {
  const chosen = await candidatesAmong(pipeline, files, named, now)
  if (chosen.length > 0) return chosen
  throw new ConfigError(
    `there are no candidates of "${pipeline.name}"${namedPartitions(pipeline, named, now) ? ' among these partitions' : ''}`,
    {
      pipeline: pipeline.name,
      hint: `make them: millrace backfill ${pipeline.name} --stale --compare`,
    },
  )
}

/** The same, where there may be none. */
export async function candidatesAmong(
  pipeline: AnyPipeline,
  files: CandidateFiles,
  named: NamedPartitions,
  now: Date,
): Promise<readonly (Partition | undefined)[]> {
  const names = namedPartitions(pipeline, named, now)
  const there = new Set((await files.list()).map(({ name }) => name))
  const chosen: (Partition | undefined)[] = !names && (await files.has('')) ? [undefined] : []
  for (const partition of pipeline.partition ? partitionsUntil(pipeline.partition, now) : []) {
    if (names && !names.has(partition.name)) continue
    // Where nothing is written, a comparison was killed: there is none.
    if (there.has(keyPart(partition.name)) && (await files.has(partition.name))) chosen.push(partition)
  }
  return chosen
}

/** Removes what was made of one partition, or (undefined) of what partitions share, under its lock. */
export async function removeCandidate(
  { pipeline, locks }: Pick<Session, 'pipeline' | 'locks'>,
  files: CandidateFiles,
  partition: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const { name } = pipeline.definition
  const { path, what } = partition === undefined ? sharedLock(locks, name) : partitionLock(locks, name, partition)
  using _held = await lock(path, { what, waitMs: 60_000, ...(signal && { signal }) })
  await files.remove(partition ?? '')
}
