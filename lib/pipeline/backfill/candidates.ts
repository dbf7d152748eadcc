import type { Ledger } from '../../state/ledger.ts'
import { checksPartitionsAlone } from '../run/checked.ts'
import type { Session } from '../run/session.ts'
import { partitionStates } from '../state/states.ts'
import type { Candidate } from './select.ts'

/** All partitions that have begun by `now` and how they stand, oldest first: by the commit points, with what the ledger remembers of failures. */
export async function candidatesOf(session: Session, ledger: Pick<Ledger, 'partitions'>, now: Date): Promise<readonly Candidate[]> {
  const { definition } = session.pipeline
  const failures = new Map(
    ledger.partitions(definition.name).flatMap(({ partition, state, error }) => (state === 'failed' ? [[partition, error ?? '']] : [])),
  )
  // A failed check leaves no trace in the commit points where nothing is made of what it checks.
  const checks = checksPartitionsAlone(session.pipeline)
  return (await partitionStates(session, now)).map(({ partition, state, stale }) => {
    const failed = state !== 'done' || checks ? failures.get(partition.name) : undefined
    return { partition, state, stale, ...(failed !== undefined && { failed }) }
  })
}
