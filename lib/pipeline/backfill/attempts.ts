import { PermanentError } from '../../core/errors.ts'
import { errorReport } from '../../observe/error-report.ts'
import type { ErrorReport, PartitionReport } from '../report.ts'
import type { Ended } from './messages.ts'
import type { Death } from './worker.ts'

/** What becomes of a partition after an attempt. */
export type Verdict =
  | { readonly again: false; readonly report: PartitionReport }
  /** `counts`: it was an attempt. `report`: what it comes to if there is no other one. */
  | { readonly again: true; readonly afterMs: number; readonly counts: boolean; readonly reason: string; readonly report: PartitionReport }

/** How often and where a partition has been tried. */
export interface Tried {
  readonly pipeline: string
  readonly partition: string
  /** From 1: the attempt that has just ended. */
  readonly attempt: number
  /** How often somebody else was found at work on it. */
  readonly held: number
  readonly ms: number
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

const pauseMs = (times: number) => Math.min(FIRST_PAUSE_MS * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS)

/**
 * Decides it: what has ended well, or failed for good, is over; what may go through later, and what its worker did not survive, is tried again, `attempts` times in all. A partition that another run is at work on
 * has not been tried: it is looked at again until that run has ended.
 */
export function afterAttempt(tried: Tried, outcome: Ended | Death, attempts: number): Verdict {
  const { attempt, held } = tried
  if ('how' in outcome) {
    const report = deathReport(tried, outcome)
    if (attempt >= attempts) return { again: false, report }
    return { again: true, afterMs: 0, counts: true, reason: `its worker died (${outcome.how})`, report }
  }
  const { report } = outcome
  const { error } = report
  if (report.outcome !== 'failed' || error === undefined) return { again: false, report }
  const reason = error.message
  if (error.kind === 'HeldError') return { again: true, afterMs: pauseMs(held), counts: false, reason, report }
  if (error.exitCode !== 75 || attempt >= attempts) return { again: false, report }
  return { again: true, afterMs: pauseMs(attempt - 1), counts: true, reason, report }
}

function deathReport({ partition, pipeline, attempt, ms }: Tried, { how, words }: Death): PartitionReport {
  const times = attempt === 1 ? 'once' : attempt === 2 ? 'twice' : `${attempt} times`
  const last = words.split('\n').at(-1)?.slice(0, 200)
  const memory = how === 'SIGKILL' || how === 'SIGABRT' || /memory/i.test(words)
  const error: ErrorReport = errorReport(
    new PermanentError(`the worker at work on it died ${times} (${how})`, {
      pipeline,
      partition,
      hint: memory
        ? 'where the machine ran out of memory, give each worker less to do at once: fewer --jobs, or a smaller --memory; else run it alone to see more'
        : `run it alone to see more: millrace run ${pipeline} --partition ${partition}`,
      ...(last && { cause: new Error(last) }),
    }),
  )
  return { partition, outcome: 'failed', ms, steps: [], error, rssBytes: 0 }
}
