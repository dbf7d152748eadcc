import type { Clock } from '../../core/clock.ts'
import type { EventSink } from '../../observe/events.ts'
import { type MemoryWatch, watchMemory } from '../../observe/memory.ts'
import { type Ledger, openLedger } from '../../state/ledger.ts'
import { type NoticeDesk, openNotices } from '../notice/notices.ts'
import { type Project, statePaths } from '../project.ts'
import { leftoverRows } from './leftover-rows.ts'
import { type OpenOptions, type OpenSession, openSession } from './open-session.ts'
import type { RunChoices } from './session.ts'
import { sweepDeadRuns } from './sweep.ts'

/** What the parts of one run share, be it of `run` or of `backfill`. */
export interface Running extends OpenSession {
  readonly project: Project
  readonly name: string
  readonly clock: Clock
  /** Go on with the other partitions when one fails; the exit code is then 1. */
  readonly keepGoing: boolean
  readonly startedAt: Date
  readonly memory: MemoryWatch
  readonly ledger: Ledger
  readonly notices: NoticeDesk
}

/** What a run is opened with. */
export interface RunningOptions {
  readonly choices: RunChoices
  readonly keepGoing: boolean
  readonly events?: EventSink
  readonly signal?: AbortSignal
  readonly keepOpenMs?: number
  /** How often memory is looked at: with many processes below this one that takes a while. */
  readonly memoryIntervalMs?: number
  limitsOf?: NonNullable<OpenOptions['limitsOf']>
}

/** Opens what a run needs, sweeps what killed ones have left, does `work`, and closes all of it. @throws ConfigError when the pipeline or its schema.ts is wrong */
export async function whileRunning<T>(
  project: Project,
  name: string,
  { choices, keepGoing, memoryIntervalMs, ...options }: RunningOptions,
  work: (running: Running) => Promise<T>,
): Promise<T> {
  const startedAt = new Date()
  const memory = watchMemory(memoryIntervalMs)
  try {
    const open = await openSession(project, name, choices, { ...options, memory })
    try {
      const { ledger: file, workspaces } = statePaths(project.config.state)
      const notices = openNotices(open.session, project.config)
      await sweepDeadRuns(workspaces, open.session)
      using ledger = openLedger(file)
      const { emit } = open.context(undefined, open.workspace.folder)
      for (const message of leftoverRows(open.session)) emit({ type: 'warning', stage: 'load', message })
      return await work({ ...open, project, name, clock: project.clock(name), keepGoing, startedAt, memory, ledger, notices })
    } finally {
      await open.close()
    }
  } finally {
    memory.stop()
  }
}
