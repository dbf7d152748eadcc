import type { Limits } from '../../core/context.ts'
import { ConfigError } from '../../core/errors.ts'
import { formatCount } from '../../observe/units.ts'

/** What a backfill may use, as a user says it. */
export interface BudgetOptions {
  /** Of all processes' engines together. */
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
/** The least that an engine works with. */
const LEAST_BYTES = 64 * 2 ** 20
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
 * Divides memory and threads among the processes: a fifth of the memory for the parent, the rest in equal parts for the workers. Without `jobs` there are as many as threads, fewer where each would have less than
 * 1 GiB, and never more than partitions.
 * @throws ConfigError where a worker would have too little
 */
export function divide(
  limits: Limits,
  { memoryBytes = limits.memoryBytes, threads = limits.threads, jobs }: BudgetOptions,
  partitions: number,
): Budget {
  atLeastOne('jobs', jobs)
  atLeastOne('threads', threads)
  if (threads > MOST_THREADS) throw new ConfigError(`--threads ${threads} is too many: at most ${formatCount(MOST_THREADS)}`)
  const few = Math.max(1, partitions)
  const lanes = Math.min(jobs ?? Math.max(1, Math.min(threads, Math.floor((memoryBytes * (1 - PARENTS_PART)) / ENOUGH_BYTES))), few)
  const each = Math.floor((memoryBytes * (1 - PARENTS_PART)) / lanes)
  if (each < LEAST_BYTES)
    throw new ConfigError(
      `${lanes} ${lanes === 1 ? 'worker' : 'workers'} would have ${Math.floor(each / 2 ** 20)} MiB of memory each; at least 64 MiB are needed`,
      {
        hint: 'raise --memory, or lower --jobs',
      },
    )
  return {
    jobs: lanes,
    memoryBytes,
    threads,
    parent: { ...limits, threads, memoryBytes: Math.max(LEAST_BYTES, Math.floor(memoryBytes * PARENTS_PART)) },
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
 * @throws ConfigError as `divide` does
 */
export function limitsBeforeWorkers(limits: Limits, { memoryBytes, threads }: BudgetOptions, machineBytes: number): Limits {
  const asked = memoryBytes ?? limits.memoryBytes / (1 - PARENTS_PART)
  const usable = Math.min(asked, machineBytes * OF_THE_MACHINE)
  const { worker } = divide(limits, { memoryBytes: usable, ...(threads !== undefined && { threads }), jobs: 1 }, 1)
  const engineBytes = Math.min(worker.memoryBytes, Math.max(usable / 2, usable - UNCOUNTED_BYTES))
  return {
    ...worker,
    memoryBytes: Math.floor(engineBytes),
    readerMemoryBytes: Math.min(limits.readerMemoryBytes, Math.max(LEAST_READER_BYTES, Math.floor(usable))),
  }
}

/** @throws ConfigError for an option that is no number of things */
export function atLeastOne(name: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1))
    throw new ConfigError(`--${name} ${value} must be a whole number of at least 1`)
  return value
}
