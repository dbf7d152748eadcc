import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disk } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { isHeld, lock, tryLock } from '../../state/lock.ts'

/** A run's own folder, held by a lock that dies with its process. */
export interface Workspace {
  readonly folder: string
  /** A fresh folder inside, for one unit. */
  unit(): Promise<string>
  drop(unit: string): Promise<void>
  close(): Promise<void>
}

/** Opens the workspace of a run. What of it cannot be removed at the end is left to the next sweep. */
export async function openWorkspace(workspaces: string, run: string): Promise<Workspace> {
  const folder = join(workspaces, run)
  const held = await inTurn(workspaces, async () => {
    await makeFolder(folder)
    return lock(join(folder, 'run.lock'), { what: `run ${run}` })
  })
  return {
    ...unitsIn(folder),
    close: async () => {
      try {
        await inTurn(workspaces, async () => {
          held.release()
          await removed(folder)
        })
      } catch {
        held.release()
      }
    },
  }
}

/** A workspace in a folder that another process holds, and removes: a worker's. */
export function workspaceIn(folder: string): Workspace {
  return { ...unitsIn(folder), close: async () => {} }
}

function unitsIn(folder: string): Omit<Workspace, 'close'> {
  let units = 0
  return {
    folder,
    unit: async () => {
      const path = join(folder, `unit-${++units}`)
      await makeFolder(path)
      return path
    },
    drop: async (unit) => void (await removed(unit)),
  }
}

/**
 * Removes the workspaces of runs whose process is gone: their locks can be taken. Gives how many. `before` is told their runs first: what it throws leaves them for the next sweep.
 */
export async function sweepWorkspaces(workspaces: string, before?: (dead: ReadonlySet<string>) => Promise<void>): Promise<number> {
  const dead = await inTurn(workspaces, () => deadRuns(workspaces))
  if (dead.size === 0) return 0
  await before?.(dead)
  return inTurn(workspaces, async () => {
    let swept = 0
    for (const name of await deadRuns(workspaces)) if (dead.has(name) && (await removed(join(workspaces, name)))) swept++
    return swept
  })
}

/** Whether a run whose workspace was opened is still at work on this machine. */
export function isAlive(workspaces: string, run: string): boolean {
  return isHeld(join(workspaces, run, 'run.lock'))
}

async function deadRuns(workspaces: string): Promise<ReadonlySet<string>> {
  const dead = new Set<string>()
  for (const name of await readdir(workspaces).catch(() => [])) {
    if (name.startsWith('_')) continue
    const free = tryLock(join(workspaces, name, 'run.lock'))
    free?.release()
    if (free) dead.add(name)
  }
  return dead
}

const TURN_WAIT_MS = 60_000

/** One at a time, among all runs: a workspace that has no lock yet is not to be taken for a dead run's, nor one that is just being removed. */
async function inTurn<T>(workspaces: string, work: () => Promise<T>): Promise<T> {
  using _turn = await lock(join(workspaces, '_turn.lock'), { what: 'the workspaces', waitMs: TURN_WAIT_MS })
  return await work()
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await disk.mkdir(folder)
  } catch (error) {
    throw refusedByDisk(error, folder)
  }
}

async function removed(folder: string): Promise<boolean> {
  try {
    await disk.removeTree(folder)
    return true
  } catch {
    return false
  }
}
