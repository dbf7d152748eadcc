import { heldBytes } from '../../observe/proc.ts'
import { formatBytes } from '../../observe/units.ts'

/** Ends workers before the machine runs out of memory. */
export interface MemoryGuard extends Disposable {
  /** A partition is at work in a process, until what this gives is called: it says why the process was ended here; undefined: it was not. */
  watch(pid: number, forecastBytes: number): () => string | undefined
}

interface Watched {
  readonly pid: number
  readonly forecastBytes: number
  ended?: string
}

/** The outside: measured and ended are processes of ours, by their ids. */
export interface GuardTools {
  /** Bytes that a process and those below it hold, so that nothing else can have them. */
  held(pid: number): number
  kill(pid: number): void
}

const tools: GuardTools = { held: heldBytes, kill: (pid) => void process.kill(pid, 'SIGKILL') }

/**
 * Looks every `everyMs` at what this process and all below it hold. Where it is more than the whole budget, and several partitions are at work, the one that exceeds its forecast most is ended: it is tried again alone. One at a time, since
 * what it held is free only when it is gone. A partition that works alone is let be: nothing would be gained.
 */
export function guardMemory(wholeBytes: number, everyMs = 200, { held, kill }: GuardTools = tools): MemoryGuard {
  const watched = new Set<Watched>()
  const look = () => {
    if (watched.size < 2 || [...watched].some(({ ended }) => ended !== undefined)) return
    if (held(process.pid) <= wholeBytes) return
    const measured = [...watched].map((each) => ({ each, bytes: held(each.pid) }))
    const [worst] = measured.toSorted((a, b) => b.bytes - b.each.forecastBytes - (a.bytes - a.each.forecastBytes))
    if (!worst) return
    worst.each.ended = `it held ${formatBytes(worst.bytes)} where ${formatBytes(worst.each.forecastBytes)} were reckoned with, and all processes together more than ${formatBytes(wholeBytes)}`
    kill(worst.each.pid)
  }
  const timer = setInterval(look, everyMs).unref()
  return {
    watch: (pid, forecastBytes) => {
      const mine: Watched = { pid, forecastBytes }
      watched.add(mine)
      return () => {
        watched.delete(mine)
        return mine.ended
      }
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
