import { closeSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs'

/** Reads a file of /proc; '' where there is none: on another system, or since the process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** The process ids of all processes below one, from Linux's /proc; none elsewhere. */
export function descendantsOf(pid: number | 'self'): number[] {
  const children = threadsOf(pid).flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number))
  return children.flatMap((child) => [child, ...descendantsOf(child)])
}

/** What the main thread of this process has started: Node starts every process there, but for those of its workers. */
export function ownChildren(): number[] {
  return read(`/proc/self/task/${process.pid}/children`).split(' ').filter(Boolean).map(Number)
}

/** Resident bytes of a process; 0 where that is not known. */
export function residentBytes(pid: number): number {
  return kilobytes(read(`/proc/${pid}/status`), 'VmRSS') * 1024
}

/** Bytes that a process and those that its main thread has started hold, so that nothing else can have them: code and files that are mapped, which the system can drop, are not counted. 0 where that is not known. */
export function heldBytes(pid: number): number {
  const status = read(`/proc/${pid}/status`)
  const own = (kilobytes(status, 'RssAnon') + kilobytes(status, 'RssShmem')) * 1024
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  return children.reduce((sum, child) => sum + heldBytes(Number(child)), own)
}

/** How many processes the kernel has ended for want of memory since the machine began, containers' limits counted; undefined where it does not say. */
export function kernelKills(): number | undefined {
  const count = /^oom_kill (\d+)$/m.exec(read('/proc/vmstat'))?.[1]
  return count === undefined ? undefined : Number(count)
}

/** The highest resident memory of one process since it was last asked, as Linux's kernel keeps it: exact, between samples too. */
export interface HighWater extends Disposable {
  /** Highest bytes since `reset`, or since the process began where it cannot be reset; 0 where there is no such process. */
  bytes(): number
  reset(): void
}

const HIGHEST_RSS = '5'

/** proc_pid_clear_refs(5): 5 sets the peak resident size back to the present one. Files are kept open: asked twice for each step, it costs 20 µs. */
export function highWater(pid: number | 'self'): HighWater {
  const status = opened(`/proc/${pid}/status`, 'r')
  const clear = opened(`/proc/${pid}/clear_refs`, 'w')
  const buffer = Buffer.alloc(4096)
  return {
    bytes: () => {
      if (status === undefined) return 0
      try {
        return kilobytes(buffer.toString('latin1', 0, readSync(status, buffer, 0, buffer.length, 0)), 'VmHWM') * 1024
      } catch {
        return 0
      }
    },
    reset: () => {
      if (clear === undefined) return
      try {
        writeSync(clear, HIGHEST_RSS)
      } catch {
        // It has ended, or may not be asked.
      }
    },
    [Symbol.dispose]: () => {
      for (const file of [status, clear]) if (file !== undefined) closeSync(file)
    },
  }
}

function threadsOf(pid: number | 'self'): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function opened(path: string, flags: 'r' | 'w'): number | undefined {
  try {
    return openSync(path, flags)
  } catch {
    return undefined
  }
}

function kilobytes(status: string, field: 'VmRSS' | 'VmHWM' | 'RssAnon' | 'RssShmem'): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
}
