import type { Store } from '../../connectors/store.ts'
import { ConfigError } from '../../core/errors.ts'
import { canonicalJson } from '../../core/hash.ts'
import { lookBefore } from '../../export/begin.ts'
import { requireWhole } from '../../export/go-to.ts'
import { deliveryLayout } from '../../export/layout.ts'
import type { ExportTarget, LoadTarget, Target } from '../define/bind.ts'
import { targetName } from '../define/bind.ts'
import { isKeyOf, type KeyInputs } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { sharedIsCurrent } from '../run/compute.ts'
import { contentsOf } from '../run/contents.ts'
import { readableOf, type Session } from '../run/session.ts'
import { committedInputs } from '../state/committed-inputs.ts'
import type { Candidate, ExportCandidate, LoadCandidate, TargetCandidate } from './candidate.ts'
import type { CandidateFiles } from './candidate-files.ts'

/** A candidate's target that is still to be committed. */
export type Ready =
  | { readonly target: LoadTarget; readonly candidate: LoadCandidate }
  | { readonly target: ExportTarget; readonly candidate: ExportCandidate }

/**
 * Which targets of a candidate are still to be committed, in their order; those that are committed already, by an accept that was killed or by a run that made the same, are left out.
 * @throws ConfigError where one cannot be any more: the pipeline, its inputs or what is there have changed since the comparison, or files are gone or damaged
 */
export async function readyTargets(
  session: Session,
  candidate: Candidate,
  partition: Partition | undefined,
  files: CandidateFiles,
): Promise<readonly Ready[]> {
  const ready: Ready[] = []
  for (const each of candidate.targets) {
    const refuse = (why: string): never => {
      throw outOfDate(candidate, each, why)
    }
    const target = session.pipeline.targets.find((one) => isTargetOf(one, each, partition)) ?? refuse('the pipeline has it no more')
    if (await isDone(session, target, each, candidate)) continue
    if (!(await isOfToday(session, target, each, partition))) refuse('its inputs, or the code, are others now')
    if (!(await isAsCompared(session, target, each, candidate))) refuse(otherThanCompared(session, each, partition))
    if (each.stage === 'load') {
      for (const file of [...each.files, ...(each.tombstones ?? [])])
        if (!(await files.isWhole(partition?.name ?? '', file))) refuse(`its file ${file.name} is gone or damaged`)
      if (target.stage === 'load') ready.push({ target, candidate: each })
    } else if (target.stage === 'export') {
      const gone = each.made && (await goneFrom(session.exports, each.made, each.inputKey))
      if (gone) refuse(`${gone} is gone, or is not what was compared`)
      ready.push({ target, candidate: each })
    }
  }
  return ready
}

/** Whether any of a candidate's targets is committed: by an accept that was killed, or by a run that made the same. */
export async function isBegun(session: Session, candidate: Candidate, partition: Partition | undefined): Promise<boolean> {
  for (const each of candidate.targets) {
    const target = session.pipeline.targets.find((one) => isTargetOf(one, each, partition))
    if (target && (await isDone(session, target, each, candidate))) return true
  }
  return false
}

/** Whether a target's inputs are still those of its candidate. */
export async function isStillCurrent(session: Session, { target, candidate }: Ready, partition: Partition | undefined): Promise<boolean> {
  return (await sharedIsCurrent(session)) && (await isOfToday(session, target, candidate, partition))
}

function isTargetOf(target: Target, { stage, dataset, target: name }: TargetCandidate, partition: Partition | undefined): boolean {
  return (
    target.partitioned === (partition !== undefined) && target.stage === stage && target.dataset === dataset && targetName(target) === name
  )
}

async function isOfToday(
  session: Session,
  target: Target,
  { inputKey: key }: TargetCandidate,
  partition: Partition | undefined,
): Promise<boolean> {
  const { seen } = await contentsOf(session, readableOf(session, partition !== undefined), partition)
  const inputs: KeyInputs = { steps: session.steps, partition, contents: (name) => seen.get(name) ?? [] }
  return isKeyOf(key, session.pipeline, target, inputs)
}

async function isDone(session: Session, target: Target, each: TargetCandidate, candidate: Candidate): Promise<boolean> {
  if (each.stage === 'load') {
    const loads = loadsInto(candidate, each.target)
    return loads.indexOf(each) < (committedOf(session, loads, candidate.partition) ?? 0)
  }
  const partition = candidate.partition || undefined
  if (!(await committedInputs(session, target, partition)).includes(each.inputKey)) return false
  return each.made === null || (await deliveredOf(session, target, partition)) === each.made.key
}

/** A candidate's loads of one table, in the order in which they are committed. */
function loadsInto({ targets }: Candidate, table: string): readonly LoadCandidate[] {
  return targets.filter((each): each is LoadCandidate => each.stage === 'load' && each.target === table)
}

/**
 * How many of a table's loads are committed, as its token tells; undefined where it is of none of them. What `--force` has asked for may leave the token as it was before: then all of it is done again, which changes nothing
 * where it was.
 */
function committedOf({ tokens }: Session, loads: readonly LoadCandidate[], partition: string): number | undefined {
  const [first] = loads
  const now = contentOf(tokens.get(first?.target ?? '', partition) ?? null)
  const found = [first?.against ?? null, ...loads].findIndex((each) => contentOf(each) === now)
  return found < 0 ? undefined : found
}

function contentOf(token: Pick<NonNullable<LoadCandidate['against']>, 'inputKey' | 'loads'> | null): string {
  return canonicalJson(token && [token.inputKey, token.loads])
}

async function isAsCompared(session: Session, target: Target, each: TargetCandidate, candidate: Candidate): Promise<boolean> {
  if (each.stage === 'load') return committedOf(session, loadsInto(candidate, each.target), candidate.partition) !== undefined
  const delivered = await deliveredOf(session, target, candidate.partition || undefined)
  // Switched to by an accept that was killed before the plain copy.
  return delivered === each.against || delivered === each.made?.key
}

function otherThanCompared({ tokens }: Session, { stage, target }: TargetCandidate, partition: Partition | undefined): string {
  if (stage === 'export') return 'it was delivered again'
  return tokens.get(target, partition?.name ?? '')
    ? 'its rows were loaded again'
    : 'what it was compared with is gone: its table was dropped'
}

async function deliveredOf({ exports }: Session, target: Target, partition: string | undefined): Promise<string | null> {
  if (target.stage !== 'export') return null
  return (await lookBefore(exports, target.export, partition, deliveryLayout(target.export, partition))).last?.manifest ?? null
}

/** The first object of a delivery that is not there as it was made. */
async function goneFrom(
  store: Store,
  { key, sha256 }: NonNullable<ExportCandidate['made']>,
  inputKey: string,
): Promise<string | undefined> {
  try {
    await requireWhole(store, { manifest: key, manifestSha256: sha256, inputKey }, false)
    return undefined
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.place.file
  }
}

function outOfDate({ pipeline, partition }: Candidate, { stage, dataset, target }: TargetCandidate, why: string): ConfigError {
  const named = `millrace backfill ${pipeline}${partition && ` --partition ${partition}`}`
  return new ConfigError(`the candidate of "${target}" is out of date: ${why}`, {
    ...{ pipeline, stage, dataset },
    ...(partition && { partition }),
    hint: `compare again: ${named} --compare; or give it up: ${named} --reject`,
  })
}
