import { join } from 'node:path'
import type { GivenLimits } from '../config/limits.ts'
import { loadConfig, type ProjectConfig, pinnedNow } from '../config/load.ts'
import { type Clock, pinnedClock, systemClock } from '../core/clock.ts'
import { limitPolars } from '../engines/polars.ts'

/** A checkout with one profile chosen. Nothing is open in it. */
export interface Project {
  readonly config: ProjectConfig
  /** The clock of a pipeline: the machine's, or pinned by the profile. */
  clock(pipeline: string): Clock
}

/**
 * Finds the project that `folder` is in and chooses a profile. Makes the project's folder the working folder: relative paths of a configuration are meant from
 * there. Its threads are Polars' from then on. `given`: limits of the command line.
 * @throws ConfigError when there is no configuration, or it is wrong
 */
export async function openProject(folder: string, profile?: string, given?: GivenLimits): Promise<Project> {
  const config = await loadConfig(folder, profile, given)
  process.chdir(config.folder)
  limitPolars(config.limits.threads)
  return {
    config,
    clock: (pipeline) => {
      const now = pinnedNow(config, pipeline)
      return now ? pinnedClock(now) : systemClock
    },
  }
}

/** Paths under a profile's state folder. */
export const statePaths = (state: string) => ({
  candidates: join(state, 'candidates'),
  ledger: join(state, 'ledger.sqlite'),
  locks: join(state, 'locks'),
  recipes: join(state, 'recipes'),
  runs: join(state, 'runs'),
  workspaces: join(state, 'workspace'),
})
