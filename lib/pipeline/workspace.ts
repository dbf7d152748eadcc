import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disk } from '../core/disk.ts'
import { lock, tryLock } from '../state/lock.ts'

/** A run's own folder, held by a lock that dies with its process. */
export interface Workspace {
  readonly folder: string
  /** A fresh folder inside, for one unit. */
  unit(): Promise<string>
  drop(unit: string): Promise<void>
  close(): Promise<void>
}

/** Opens the workspace of a run and sweeps those whose runs are gone. */
export async function openWorkspace(workspaces: string, run: string): Promise<Workspace> {
  const folder = join(workspaces, run)
  await mkdir(folder, { recursive: true })
  const held = await lock(join(folder, 'run.lock'), { what: `run ${run}` })
  await sweepWorkspaces(workspaces)
  let units = 0
  return {
    folder,
    unit: async () => {
      const path = join(folder, `unit-${++units}`)
      await mkdir(path, { recursive: true })
      return path
    },
    drop: (unit) => disk.removeTree(unit),
    close: async () => {
      held.release()
      await disk.removeTree(folder)
    },
  }
}

/** Removes the workspaces of runs whose process is gone: their locks can be taken. Gives how many. */
export async function sweepWorkspaces(workspaces: string): Promise<number> {
  let swept = 0
  for (const name of await readdir(workspaces).catch(() => [])) {
    if (name.startsWith('_')) continue
    const free = tryLock(join(workspaces, name, 'run.lock'))
    if (!free) continue
    free.release()
    await disk.removeTree(join(workspaces, name))
    swept++
  }
  return swept
}
