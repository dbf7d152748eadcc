import { availableParallelism, totalmem } from 'node:os'
import type { Limits } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { ConfigError, messageOf } from '../core/errors.ts'
import { bytesOf, threadsOf } from './units.ts'

/** Limits as a person writes them. What is not given comes from the machine. */
export interface LimitSettings {
  /**
   * Memory of a run, as `'4GB'`: each engine's limit is four fifths of it, what does not fit is spilled, and all processes of the run together stay below it and 512 MB. Frames are Polars', which knows no limit. Default 75 % of the
   * machine's, or of its container's. `--memory` and `MILLRACE_MEMORY` override.
   */
  readonly memory?: string
  /** Threads of each engine. Default the cores. `--threads` and `MILLRACE_THREADS` override. */
  readonly threads?: number
  /** The reader child is killed beyond this. Default 25 % of the machine's memory, no more than `memory` where that is given, at least 512 MB. */
  readonly readerMemory?: string
  /** The reader child is killed when one read takes longer, as `'30m'`. Default one hour. */
  readonly readerTimeout?: string
}

/** Limits of one command line, which go before the environment's and the profile's. */
export interface GivenLimits {
  /** `--memory`. */
  readonly memory?: string
  /** `--threads`. */
  readonly threads?: string
}

/** What the machine has. */
export interface Machine {
  readonly memoryBytes: number
  readonly threads: number
}

/** This machine; inside a container its limit. */
export function thisMachine(): Machine {
  const constrained = process.constrainedMemory()
  const total = totalmem()
  return { memoryBytes: constrained > 0 && constrained < total ? constrained : total, threads: availableParallelism() }
}

/** What an engine counts is so much of a run's memory; the rest is for what it does not count (buffers of readers and writers, the allocator) and for the processes themselves. DuckDB takes the same part of a machine. */
const ENGINES_PART = 0.8

/** Below this engines fail on small data: a CSV reader's buffers alone are 32 MB for a thread. */
const LEAST_BYTES = 128e6

/** What goes into the limits besides a profile's settings. */
export interface Around {
  readonly given?: GivenLimits | undefined
  readonly environment?: NodeJS.ProcessEnv
  readonly machine?: Machine
}

/** The limits in force: the command line before the environment before the profile's settings before the machine's defaults. `place` begins the errors: `config profile "dev"`. */
export function limitsOf(
  settings: LimitSettings,
  place: string,
  { given = {}, environment = process.env, machine = thisMachine() }: Around = {},
): Limits {
  const memory = first([
    ['--memory', given.memory],
    ['MILLRACE_MEMORY', environment.MILLRACE_MEMORY || undefined],
    [`${place}: limits.memory`, settings.memory],
  ])
  const threads = first<string | number>([
    ['--threads', given.threads],
    ['MILLRACE_THREADS', environment.MILLRACE_THREADS || undefined],
    [`${place}: limits.threads`, settings.threads],
  ])
  const runBytes = memory ? enoughBytes(memory) : machine.memoryBytes * 0.75
  return {
    memoryBytes: Math.floor(runBytes * ENGINES_PART),
    threads: threads ? threadsOf(threads.value, threads.from) : machine.threads,
    readerMemoryBytes:
      settings.readerMemory !== undefined
        ? bytesOf(settings.readerMemory, `${place}: limits.readerMemory`)
        : Math.max(512e6, Math.min(memory ? runBytes : Number.POSITIVE_INFINITY, Math.floor(machine.memoryBytes * 0.25))),
    readerTimeoutMs: timeoutOf(settings.readerTimeout ?? '1h', `${place}: limits.readerTimeout`),
  }
}

interface Sourced<T> {
  readonly from: string
  readonly value: T
}

function enoughBytes({ from, value }: Sourced<string>): number {
  const bytes = bytesOf(value, from)
  if (bytes < LEAST_BYTES) throw new ConfigError(`${from} is too little memory: ${JSON.stringify(value)}; a run needs at least "128MB"`)
  return bytes
}

/** The first that is there, and where it was said. */
function first<T>(candidates: readonly (readonly [from: string, value: T | undefined])[]): Sourced<T> | undefined {
  for (const [from, value] of candidates) if (value !== undefined) return { from, value }
  return undefined
}

function timeoutOf(text: string, setting: string): number {
  try {
    return durationMs(text)
  } catch (error) {
    throw new ConfigError(`${setting} is ${messageOf(error)}`)
  }
}
