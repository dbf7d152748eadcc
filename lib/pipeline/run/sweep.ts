import { sweepTemporary } from '../../export/delivered.ts'
import type { Session } from './session.ts'
import { sweepWorkspaces } from './workspace.ts'

/**
 * Removes what runs that were killed on this machine have left: what they were writing into the stores, then their workspaces. Other machines' runs are let alone: of them it is not known here whether they
 * live.
 */
export async function sweepDeadRuns(workspaces: string, { exports, store }: Pick<Session, 'exports' | 'store'>): Promise<void> {
  await sweepWorkspaces(workspaces, async (dead) => {
    await sweepTemporary(exports, (run) => !dead.has(run))
    await store.sweep?.('')
  })
}
