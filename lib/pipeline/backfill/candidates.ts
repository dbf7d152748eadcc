import type { RunContext } from '../../core/context.ts'
import type { Ledger } from '../../state/ledger.ts'
import type { Session } from '../run/session.ts'
import { stalePartitions } from '../state/restatement.ts'
import { partitionStates } from '../state/states.ts'
import type { Candidate } from './select.ts'

/**
 * All partitions that have begun by `now` and how they stand, oldest first: by the commit points, with what the ledger remembers of failures, of what is done too: a restatement, or a read again, may have failed. `restated`: stale are those that are made of what has changed since, as `plan --stale`
 * names them; absent: those that other code has made.
 */
export async function candidatesOf(
  session: Session,
  ledger: Pick<Ledger, 'partitions'>,
  now: Date,
  restated?: RunContext,
): Promise<readonly Candidate[]> {
  const { definition } = session.pipeline
  const failures = new Map(
    ledger.partitions(definition.name).flatMap(({ partition, state, error }) => (state === 'failed' ? [[partition, error ?? '']] : [])),
  )
  const found = restated && new Set((await stalePartitions(session, undefined, now, restated)).map(({ name }) => name))
  return (await partitionStates(session, now)).map(({ partition, state, ...each }) => {
    const stale = found ? found.has(partition.name) : each.stale
    const failed = failures.get(partition.name)
    return { partition, state, stale, ...(failed !== undefined && { failed }) }
  })
}
