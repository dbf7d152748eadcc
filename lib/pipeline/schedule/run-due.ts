import { placed, TransientError } from '../../core/errors.ts'
import { errorReport } from '../../observe/error-report.ts'
import { type Lock, lock, scheduleLock } from '../../state/lock.ts'
import { type Project, statePaths } from '../project.ts'
import type { BrokenPipeline, DueReport, ErrorReport, RunReport } from '../report.ts'
import { type RunOptions, run } from '../run/run.ts'
import { due } from './due.ts'

/** What became of a pipeline that was due. */
export type DueRun = DueReport &
  (
    | { readonly outcome: 'ran'; readonly report: RunReport }
    /** Nothing was run: the pipeline or its configuration is wrong, or something was held by another process. */
    | { readonly outcome: 'failed'; readonly error: ErrorReport }
    /** Another scheduler is at work on it. */
    | { readonly outcome: 'running' }
    /** The command was stopped before its turn. */
    | { readonly outcome: 'notRun' }
  )

/** What `millrace run --due` did. */
export interface DueRuns {
  readonly runs: readonly DueRun[]
  /** What was not due. */
  readonly waiting: readonly DueReport[]
  readonly broken: readonly BrokenPipeline[]
  /** 0 where all that was due has succeeded, or another scheduler is at work on it. 130 when stopped. Else the first code that is not 75, or 75 where all that failed may go through later. */
  readonly exitCode: number
}

type DueRunOptions = Pick<RunOptions, 'keepGoing' | 'events' | 'signal'>

/**
 * Runs what is due by its schedule, one pipeline after the other, that which has waited longest first. Pipelines know nothing of each other: one that fails stops no other. A lock for each keeps a second
 * scheduler from running the same: it leaves out what is at work, and looks again whether it is still due once it has the lock.
 * @throws ConfigError for a named pipeline that is wrong, or has no schedule
 */
export async function runDue(project: Project, name: string | undefined, options: DueRunOptions): Promise<DueRuns> {
  const found = await due(project, name)
  const runs: DueRun[] = []
  const waiting: DueReport[] = []
  for (const each of found.pipelines) {
    if (!each.schedule.due) waiting.push(each)
    else if (options.signal?.aborted) runs.push({ ...each, outcome: 'notRun' })
    else {
      const done = await runOne(project, each, options)
      if ('outcome' in done) runs.push(done)
      else waiting.push(done)
    }
  }
  return { runs, waiting, broken: found.broken, exitCode: options.signal?.aborted ? 130 : exitCodeOf(runs, found.broken) }
}

/** Gives how it stands where another scheduler has run it meanwhile. */
async function runOne(project: Project, before: DueReport, options: DueRunOptions): Promise<DueRun | DueReport> {
  const { pipeline } = before
  try {
    using held = await takenLock(project, pipeline)
    if (!held) return { ...before, outcome: 'running' }
    const [now = before] = (await due(project, pipeline)).pipelines
    if (!now.schedule.due) return now
    return { ...now, outcome: 'ran', report: await run(project, pipeline, options) }
  } catch (error) {
    return { ...before, outcome: 'failed', error: errorReport(placed(error, { pipeline })) }
  }
}

async function takenLock(project: Project, pipeline: string): Promise<Lock | undefined> {
  const { path, what } = scheduleLock(statePaths(project.config.state).locks, pipeline)
  return lock(path, { what }).catch((error: unknown) => {
    if (error instanceof TransientError) return undefined
    throw error
  })
}

function exitCodeOf(runs: readonly DueRun[], broken: readonly BrokenPipeline[]): number {
  const codes = [
    ...runs.map((each) => (each.outcome === 'ran' ? each.report.exitCode : each.outcome === 'failed' ? each.error.exitCode : 0)),
    ...broken.map(({ error }) => error.exitCode),
  ].filter((code) => code !== 0)
  return codes.find((code) => code !== 75) ?? codes[0] ?? 0
}
