import { PermanentError } from '../../core/errors.ts'
import { endedAtStart } from '../../core/group-signals.ts'
import { errorReport } from '../../observe/error-report.ts'
import { isOutOfMemory } from '../../transform/engine-errors.ts'
import type { ErrorReport, PartitionReport } from '../report.ts'
import type { Ended } from './messages.ts'
import type { Death } from './worker.ts'

/** What becomes of a partition after an attempt. */
export type Verdict =
  | { readonly again: false; readonly report: PartitionReport }
  /** `alone`: with all memory, and nothing beside it. `counts`: it was an attempt. `report`: what it comes to if there is no other one. */
  | {
      readonly again: true
      readonly afterMs: number
      readonly counts: boolean
      readonly alone?: boolean
      readonly reason: string
      readonly report: PartitionReport
    }

/** How often and where a partition has been tried. */
export interface Tried {
  readonly pipeline: string
  readonly partition: string
  /** From 1: the attempt that has just ended. */
  readonly attempt: number
  /** How often somebody else was found at work on it. */
  readonly held: number
  /** Nothing ran beside it. */
  readonly alone: boolean
  readonly ms: number
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

const pauseMs = (times: number) => Math.min(FIRST_PAUSE_MS * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS)

/**
 * Decides it: what has ended well, or failed for good, is over; what may go through later, and what its worker did not survive, is tried again, `attempts` times in all. A partition that another run is at work on
 * has not been tried: it is looked at again until that run has ended. Nor has one whose worker a signal to all took while it started, as Ctrl-C may.
 */
export function afterAttempt(tried: Tried, outcome: Ended | Death, attempts: number): Verdict {
  const { attempt, held } = tried
  if ('how' in outcome && endedAtStart(outcome.how)) {
    const report: PartitionReport = { partition: tried.partition, outcome: 'notRun', ms: 0, steps: [], rssBytes: 0 }
    return {
      again: true,
      afterMs: pauseMs(held),
      counts: false,
      reason: `its worker was stopped while it started (${outcome.how})`,
      report,
    }
  }
  if ('how' in outcome) {
    const report = deathReport(tried, outcome)
    if (attempt >= attempts) return { again: false, report }
    const alone = diedOfMemory(outcome)
    const reason = outcome.memory ?? `its worker died (${outcome.how})`
    return {
      again: true,
      afterMs: 0,
      counts: true,
      ...(alone && { alone }),
      reason: alone ? `${reason}; it is tried again alone` : reason,
      report,
    }
  }
  const { report } = outcome
  const { error } = report
  if (report.outcome !== 'failed' || error === undefined) return { again: false, report }
  const reason = error.message
  if (error.kind === 'HeldError') return { again: true, afterMs: pauseMs(held), counts: false, reason, report }
  // What an engine cannot do with its share of the memory it may do with all of it.
  if (isOutOfMemory(error.message) && !tried.alone && attempt < attempts)
    return { again: true, afterMs: 0, counts: true, alone: true, reason: `${reason}; it is tried again alone`, report }
  if (error.exitCode !== 75 || attempt >= attempts) return { again: false, report }
  return { again: true, afterMs: pauseMs(attempt - 1), counts: true, reason, report }
}

/** Known, or said in its last words: V8, the allocators of C++ and of Rust each have their own. */
function diedOfMemory({ memory, words }: Death): boolean {
  return memory !== undefined || /out of memory|memory allocation of \d+ bytes failed|bad_alloc|cannot allocate memory/i.test(words)
}

function deathReport({ partition, pipeline, attempt, alone, ms }: Tried, death: Death): PartitionReport {
  const { how, words } = death
  const times = attempt === 1 ? 'once' : attempt === 2 ? 'twice' : `${attempt} times`
  const last = words.split('\n').at(-1)?.slice(0, 200)
  const ofMemory = diedOfMemory(death)
  const memory = ofMemory || how === 'SIGKILL' || how === 'SIGABRT'
  const error: ErrorReport = errorReport(
    new PermanentError(`the worker at work on it died ${times} (${how})${death.memory ? `: ${death.memory}` : ''}`, {
      pipeline,
      partition,
      hint:
        ofMemory && alone
          ? 'it ran alone, with all memory that the backfill may use: allow more (--memory, a larger machine), or make it smaller (shorter partitions, steps that spill)'
          : memory
            ? 'where the machine ran out of memory, give each worker less to do at once: fewer --jobs, or a smaller --memory; else run it alone to see more'
            : `run it alone to see more: millrace run ${pipeline} --partition ${partition}`,
      ...(last && { cause: new Error(last) }),
    }),
  )
  return { partition, outcome: 'failed', ms, steps: [], error, rssBytes: 0 }
}
