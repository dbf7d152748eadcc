import type { RunContext } from '../../core/context.ts'
import type { Dataset } from '../../core/dataset.ts'
import { GateError, messageOf } from '../../core/errors.ts'
import { bytesOfFiles } from '../../core/files-bytes.ts'
import { sideBySide } from '../../core/side-by-side.ts'
import { keptSessions } from '../../engines/kept-sessions.ts'
import { limitsAnything } from '../../export/contract/gate-options.ts'
import { type Target, targetName } from '../define/bind.ts'
import type { Session } from './session.ts'

/** A target that is to be committed, and what it is made of. */
export interface Pending {
  readonly target: Target
  readonly dataset: Dataset
}

/** An export of at most so much goes beside others. What an engine does not count (buffers, copies of a file that is read back, Polars) grows with the rows: four of 20,000 rows of half a kilobyte took a run from 530 to 701 MB. */
const SMALL = { rows: 5_000, fileBytes: 2 ** 20 }

/** So many at a time: half of what one takes is waiting for the disk or the network, and one thread of JavaScript leads them all. */
const mostOf = (threads: number) => Math.min(4, 2 * threads)

/**
 * Commits pending targets by `commit`, one after the other in their order, then the exports of little data, a few at a time, with sessions of one engine. One that fails ends it: those under way beside it are committed or fail first, a warning names
 * each other one that failed, and the rest is for the next run. An export that is held has not failed: the others are committed, and then it is told.
 * @throws what `commit` throws, of the first of them that has failed
 */
export async function commitAll<P extends Pending>(
  session: Session,
  pending: readonly P[],
  commit: (session: Session, pending: P) => Promise<void>,
  ctx: RunContext,
): Promise<void> {
  const small = session.aside ? [] : await smallExports(pending)
  const beside = new Set(small.length > 1 ? small : [])
  const alsoFailed = ({ target }: P, failure: unknown) => {
    if (ctx.signal.aborted) return
    const message = `${targetName(target)} ${failure instanceof GateError ? 'is held' : 'has failed'} as well: ${messageOf(failure)}`
    ctx.emit({ type: 'warning', stage: target.stage, dataset: target.dataset, message })
  }
  let held: GateError | undefined
  for (const each of pending.filter((one) => !beside.has(one)))
    try {
      await commit(session, each)
    } catch (error) {
      if (!(error instanceof GateError)) throw error
      if (held) alsoFailed(each, error)
      held ??= error
    }
  await commitBeside(session, [...beside], commit, alsoFailed, ctx)
  if (held) throw held
}

async function commitBeside<P extends Pending>(
  session: Session,
  beside: readonly P[],
  commit: (session: Session, pending: P) => Promise<void>,
  alsoFailed: (pending: P, failure: unknown) => void,
  ctx: RunContext,
): Promise<void> {
  if (beside.length === 0) return
  const sessions = keptSessions(session.openEngine)
  const sharing: Session = { ...session, openEngine: sessions.open }
  try {
    await sideBySide(mostOf(ctx.limits.threads), beside, (each) => commit(sharing, each), alsoFailed)
  } finally {
    await sessions.close()
  }
}

/** Those whose dataset is small. What a gate compares with the last delivery has an engine of its own, and so the memory of a whole run. */
async function smallExports<P extends Pending>(pending: readonly P[]): Promise<readonly P[]> {
  const bytes = new Map<Dataset, number>()
  const small: P[] = []
  for (const each of pending) {
    const { target, dataset } = each
    if (target.stage !== 'export' || dataset.rows > SMALL.rows) continue
    if (target.export.delivery === undefined && limitsAnything(target.export.contract.gate)) continue
    const size = bytes.get(dataset) ?? (await bytesOfFiles(dataset.files))
    bytes.set(dataset, size)
    if (size <= SMALL.fileBytes) small.push(each)
  }
  return small
}
