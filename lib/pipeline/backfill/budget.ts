import type { Limits } from '../../core/context.ts'
import { ConfigError } from '../../core/errors.ts'
import { formatBytes, formatCount } from '../../observe/units.ts'

/** What a backfill may use, as a user says it. */
export interface BudgetOptions {
  /** Of all processes together. */
  readonly memoryBytes?: number
  readonly threads?: number
  /** Partitions at once. */
  readonly jobs?: number
}

/** What each process of a backfill may use. */
export interface Budget {
  readonly jobs: number
  readonly memoryBytes: number
  readonly threads: number
  readonly parent: Limits
  readonly worker: Limits
}

/** A worker is not given less unasked: below it engines spill where they need not. */
const ENOUGH_BYTES = 2 ** 30
/** What a process holds beside its engine's data: Node, code, compiled pipelines, an idle reader. */
export const OWN_BYTES = 256 * 2 ** 20
/** The least that an engine of a backfill works with: at 64 MiB loads of 12 MB of Parquet fail. */
const LEAST_ENGINE_BYTES = 128e6
/** The least that a process is reckoned with, the parent and each worker: `OWN_BYTES`, and an engine of the least size. */
export const PROCESS_BYTES = 400e6
/** The rest is the system's, and of what else runs. */
export const OF_THE_MACHINE = 0.9
/** What the parent has for its loads, which mostly stream. */
const PARENTS_PART = 0.2
const LEAST_READER_BYTES = 512e6
/** What an engine that sorts long texts in the reader holds beside what it counts, with the process itself. */
const UNCOUNTED_BYTES = 700e6
/** An engine starts as many as it is told, whatever the machine can bear. */
const MOST_THREADS = 1024

/**
 * Divides memory and threads among the processes: a fifth of the memory for the parent, less where its workers would have too little, the rest in equal parts for the workers. Without `jobs` there are as many as threads, fewer where each would have less than
 * 1 GiB, and never more than partitions. Memory that is asked for is kept, so less than the processes need is refused; what nobody asked for is raised to that.
 * @throws ConfigError for memory that is too little for so many workers
 */
export function divide(limits: Limits, { memoryBytes: asked, jobs, ...options }: BudgetOptions, partitions: number): Budget {
  atLeastOne('jobs', jobs)
  const threads = threadsOf(limits, options.threads)
  const few = Math.max(1, partitions)
  const fitting = Math.floor(((asked ?? limits.memoryBytes) * (1 - PARENTS_PART)) / ENOUGH_BYTES)
  const lanes = Math.min(jobs ?? Math.max(1, Math.min(threads, fitting)), few)
  const least = (lanes + 1) * PROCESS_BYTES
  if (asked !== undefined && asked < least) throw tooLittle(asked, lanes)
  const memoryBytes = asked ?? Math.max(limits.memoryBytes, least)
  const parentBytes = Math.min(memoryBytes * PARENTS_PART, memoryBytes - OWN_BYTES - lanes * PROCESS_BYTES)
  const each = Math.floor((memoryBytes * (1 - PARENTS_PART)) / lanes)
  return {
    jobs: lanes,
    memoryBytes,
    threads,
    parent: { ...limits, threads, memoryBytes: Math.max(LEAST_ENGINE_BYTES, Math.floor(parentBytes)) },
    worker: {
      ...limits,
      threads: Math.max(1, Math.floor(threads / lanes)),
      memoryBytes: each,
      readerMemoryBytes: Math.min(limits.readerMemoryBytes, Math.max(LEAST_READER_BYTES, each)),
    },
  }
}

/**
 * What one process may use while there are no workers: of the memory that was asked for, as far as the machine has it, an engine gets what that of a single worker would, less where what it does not count would go beyond. What was not asked for is as the configuration says.
 */
export function limitsBeforeWorkers(limits: Limits, { memoryBytes, threads }: BudgetOptions, machineBytes: number): Limits {
  const asked = memoryBytes ?? limits.memoryBytes / (1 - PARENTS_PART)
  const usable = Math.min(asked, machineBytes * OF_THE_MACHINE)
  const engineBytes = Math.min(usable * (1 - PARENTS_PART), Math.max(usable / 2, usable - UNCOUNTED_BYTES))
  return {
    ...limits,
    threads: threadsOf(limits, threads),
    memoryBytes: Math.floor(engineBytes),
    readerMemoryBytes: Math.min(limits.readerMemoryBytes, Math.max(LEAST_READER_BYTES, Math.floor(usable))),
  }
}

function tooLittle(askedBytes: number, lanes: number): ConfigError {
  const least = formatBytes((lanes + 1) * PROCESS_BYTES)
  const workers = lanes === 1 ? 'one worker' : `${formatCount(lanes)} workers`
  return new ConfigError(
    `--memory ${formatBytes(askedBytes)} is too little for ${workers} and the process that loads: they need at least ${least}`,
    {
      hint:
        lanes === 1
          ? 'raise --memory; `millrace run` takes less: one partition after the other, in one process'
          : `raise --memory, or lower --jobs: each worker less needs ${formatBytes(PROCESS_BYTES)} less`,
    },
  )
}

/** @throws ConfigError for a number that is none, or more than an engine can bear */
function threadsOf(limits: Limits, threads = limits.threads): number {
  atLeastOne('threads', threads)
  if (threads > MOST_THREADS) throw new ConfigError(`--threads ${threads} is too many: at most ${formatCount(MOST_THREADS)}`)
  return threads
}

/** @throws ConfigError for an option that is no number of things */
export function atLeastOne(name: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1))
    throw new ConfigError(`--${name} ${value} must be a whole number of at least 1`)
  return value
}
