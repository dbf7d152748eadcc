import { InterruptedError } from '../core/errors.ts'

/** The slice of a process that signals need. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  removeListener(signal: NodeJS.Signals, listener: () => void): unknown
  exit(code: number): never
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** An abort signal that the first SIGINT, SIGTERM or SIGHUP aborts, with an InterruptedError; the second ends the process at once with 130. `say` tells the person. */
export function abortOnSignals(source: SignalSource, say: (line: string) => void): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController()
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      if (controller.signal.aborted) source.exit(130)
      say(`${name === 'SIGINT' ? 'stopping' : `stopping (${name})`}; once more stops at once`)
      controller.abort(new InterruptedError(`interrupted by ${name}`))
    }
    source.on(name, listener)
    return [name, listener] as const
  })
  return {
    signal: controller.signal,
    dispose: () => {
      for (const [name, listener] of listeners) source.removeListener(name, listener)
    },
  }
}
