import { InterruptedError } from '../core/errors.ts'

/** The slice of a process that signals need. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  removeListener(signal: NodeJS.Signals, listener: () => void): unknown
  exit(code: number): never
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * This process as a source of signals. Its `exit` ends it by SIGINT, which a shell tells as 130: `process.exit` waits for the threads of libuv's pool, and one that writes into a FIFO whose reader is this very thread
 * would be waited for for ever.
 */
export const processSignals: SignalSource = {
  on: (signal, listener) => process.on(signal, listener),
  removeListener: (signal, listener) => process.removeListener(signal, listener),
  exit: (code) => {
    process.removeAllListeners('SIGINT')
    process.kill(process.pid, 'SIGINT')
    return process.exit(code)
  },
}

/** What signals abort. */
export interface Stopping {
  /** By the first one, for a command that drains: it begins nothing new. */
  readonly drain: AbortSignal
  /** By the first one, for others; by the second, for a command that drains. */
  readonly signal: AbortSignal
  dispose(): void
}

/** An abort signal that the first SIGINT, SIGTERM or SIGHUP aborts, with an InterruptedError; the next one ends the process at once, which a shell tells as 130. A command that `drains` has one before, by which it begins nothing new. `say` tells the person. */
export function abortOnSignals(source: SignalSource, say: (line: string) => void, drains = false): Stopping {
  const [draining, controller] = [new AbortController(), new AbortController()]
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      if (controller.signal.aborted) source.exit(130)
      const by = name === 'SIGINT' ? '' : ` (${name})`
      const reason = new InterruptedError(`interrupted by ${name}`)
      if (drains && !draining.signal.aborted) {
        say(`ending${by}: what runs is finished, nothing new is begun; once more stops what runs`)
        draining.abort(reason)
        return
      }
      say(`stopping${by}; once more stops at once`)
      draining.abort(reason)
      controller.abort(reason)
    }
    source.on(name, listener)
    return [name, listener] as const
  })
  return {
    drain: draining.signal,
    signal: controller.signal,
    dispose: () => {
      for (const [name, listener] of listeners) source.removeListener(name, listener)
    },
  }
}
