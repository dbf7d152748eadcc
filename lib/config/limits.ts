import { availableParallelism, totalmem } from 'node:os'
import type { Limits } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { ConfigError, messageOf } from '../core/errors.ts'
import { bytesOf, threadsOf } from './units.ts'

/** Limits as a person writes them. What is not given comes from the machine. */
export interface LimitSettings {
  /** Memory of each engine, as `'4GB'`. Default 60 % of the machine's, or of its container's. `MILLRACE_MEMORY` overrides. */
  readonly memory?: string
  /** Threads of each engine. Default the cores. `MILLRACE_THREADS` overrides. */
  readonly threads?: number
  /** The reader child is killed beyond this. Default 25 % of the machine's memory, at least 512 MB. */
  readonly readerMemory?: string
  /** The reader child is killed when one read takes longer, as `'30m'`. Default one hour. */
  readonly readerTimeout?: string
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

/** The limits in force: the environment before the profile's settings before the machine's defaults. `place` begins the errors: `config profile "dev"`. */
export function limitsOf(
  settings: LimitSettings,
  place: string,
  environment: NodeJS.ProcessEnv = process.env,
  machine: Machine = thisMachine(),
): Limits {
  const { MILLRACE_MEMORY: memory, MILLRACE_THREADS: threads } = environment
  return {
    memoryBytes: memory
      ? bytesOf(memory, 'MILLRACE_MEMORY')
      : settings.memory !== undefined
        ? bytesOf(settings.memory, `${place}: limits.memory`)
        : Math.floor(machine.memoryBytes * 0.6),
    threads: threads
      ? threadsOf(threads, 'MILLRACE_THREADS')
      : settings.threads !== undefined
        ? threadsOf(settings.threads, `${place}: limits.threads`)
        : machine.threads,
    readerMemoryBytes:
      settings.readerMemory !== undefined
        ? bytesOf(settings.readerMemory, `${place}: limits.readerMemory`)
        : Math.max(512e6, Math.floor(machine.memoryBytes * 0.25)),
    readerTimeoutMs: timeoutOf(settings.readerTimeout ?? '1h', `${place}: limits.readerTimeout`),
  }
}

function timeoutOf(text: string, setting: string): number {
  try {
    return durationMs(text)
  } catch (error) {
    throw new ConfigError(`${setting} is ${messageOf(error)}`)
  }
}
