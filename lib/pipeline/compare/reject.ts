import { CheckError, ConfigError, type MillraceError, PermanentError, TransientError } from '../../core/errors.ts'
import { keyPart } from '../../core/key-part.ts'
import { namedPartitions } from '../backfill/select.ts'
import { partitionsUntil } from '../define/partitions.ts'
import { type Project, statePaths } from '../project.ts'
import type { ErrorReport, PartitionReport, RunReport } from '../report.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import type { Session } from '../run/session.ts'
import { finishAccepts } from './accept.ts'
import { candidateFiles } from './candidate-files.ts'
import { type NamedPartitions, removeCandidate } from './chosen.ts'

/** What was given up. */
export interface RejectReport {
  readonly pipeline: string
  /** Names of partitions; `shared`: what they share. */
  readonly partitions: readonly string[]
  readonly bytes: number
  /** An accept that was killed had begun to commit these: they were accepted whole, and not given up. */
  readonly accepted: readonly string[]
  /** Some of these is committed by such an accept, and what they were compared with has changed since: they were given up, and the next run makes the rest. */
  readonly begun: readonly string[]
}

/** A folder with what a comparison has made of one partition, whole or not. */
export interface CandidateFolder {
  /** Its partition, `shared` for what partitions share; where the pipeline has it no more, the folder's name. */
  readonly name: string
  /** Of what partitions share. */
  readonly shared: boolean
  readonly bytes: number
  remove(): Promise<void>
}

/** What comparisons of a pipeline have left, of what partitions share first, then in their order; of partitions that it no longer has at the end. */
export async function candidateFolders(
  session: Pick<Session, 'pipeline' | 'locks'>,
  state: string,
  now: Date,
  signal?: AbortSignal,
): Promise<readonly CandidateFolder[]> {
  const { name, partition } = session.pipeline.definition
  const files = candidateFiles(statePaths(state).candidates, name)
  const left = new Map((await files.list()).map((each) => [each.name, each.bytes]))
  const folders: CandidateFolder[] = []
  const shared = left.get(keyPart(''))
  if (shared !== undefined) {
    left.delete(keyPart(''))
    folders.push({ name: 'shared', shared: true, bytes: shared, remove: () => removeCandidate(session, files, undefined, signal) })
  }
  for (const { name: each } of partition && left.size > 0 ? partitionsUntil(partition, now) : []) {
    const bytes = left.get(keyPart(each))
    if (bytes === undefined) continue
    left.delete(keyPart(each))
    folders.push({ name: each, shared: false, bytes, remove: () => removeCandidate(session, files, each, signal) })
  }
  // Nobody can be at work on what is no partition.
  return [
    ...folders,
    ...[...left].map(([folder, bytes]) => ({ name: folder, shared: false, bytes, remove: () => files.removeFolder(folder) })),
  ]
}

/** Gives up candidates: all, or those of a range or a list. What an accept that was killed has begun to commit is finished first. The files of their deliveries, to which nothing leads, are left to `prune`. @throws ConfigError for a name that is none, and where there are none; what keeps a begun accept from being finished, but for being out of date */
export async function reject(
  project: Project,
  name: string,
  { signal, ...named }: NamedPartitions & { readonly signal?: AbortSignal },
): Promise<RejectReport> {
  const finished = await finishAccepts(project, name, { ...named, ...(signal && { signal }) })
  signal?.throwIfAborted()
  const [accepted, begun] = settled(finished ?? { partitions: [] })
  const { session, close } = await openSession(project, name, LOOKING, signal ? { signal } : {})
  try {
    const now = project.clock(name).now()
    const names = namedPartitions(session.pipeline.definition, named, now)
    const all = await candidateFolders(session, project.config.state, now, signal)
    const folders = all.filter((each) => !names || (!each.shared && names.has(each.name)))
    if (folders.length === 0 && accepted.length === 0)
      throw new ConfigError(`there are no candidates of "${name}"${names ? ' among these partitions' : ''}`, { pipeline: name })
    for (const each of folders) await each.remove()
    const bytes = folders.reduce((sum, each) => sum + each.bytes, 0)
    return { pipeline: name, partitions: folders.map((each) => each.name), bytes, accepted, begun }
  } finally {
    await close()
  }
}

/** Names of those that were accepted, and of those that are out of date. @throws what else kept one from being accepted */
function settled({
  partitions,
  deliveries = [],
}: Pick<RunReport, 'partitions' | 'deliveries'>): readonly [accepted: readonly string[], begun: readonly string[]] {
  const failed = [...partitions.filter(({ error }) => error?.exitCode !== 2), ...deliveries].find(({ error }) => error)
  if (failed?.error) throw unfinished(failed.error)
  const names = (of: readonly PartitionReport[]) => of.map(({ partition }) => partition || 'shared')
  return [names(partitions.filter(({ error }) => !error)), names(partitions.filter(({ error }) => error))]
}

function unfinished({ message, exitCode, hint, ...place }: ErrorReport): MillraceError {
  const Kind = exitCode === 75 ? TransientError : exitCode === 3 ? CheckError : PermanentError
  const { kind: _, stack: __, ...at } = place
  return new Kind(`an accept that was killed has begun to commit candidates, and cannot be finished: ${message}`, {
    ...at,
    hint: hint ?? 'mend that, then --accept or --reject again: nothing was given up',
  })
}
