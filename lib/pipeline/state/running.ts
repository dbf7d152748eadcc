import type { AttemptRow } from '../../state/ledger-rows.ts'
import { isAlive } from '../run/workspace.ts'

/** The attempts that are under way, by partition: a run has begun them and is alive. What a run that was killed has begun is not. `workspaces`: the state's own. */
export function runningPartitions(attempts: readonly AttemptRow[], workspaces: string): ReadonlyMap<string, AttemptRow> {
  const alive = new Map<string, boolean>()
  const lives = (run: string) => {
    const known = alive.get(run) ?? isAlive(workspaces, run)
    alive.set(run, known)
    return known
  }
  return new Map(attempts.filter(({ run }) => run !== undefined && lives(run)).map((each) => [each.partition, each]))
}
