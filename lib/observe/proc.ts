import { closeSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { kilobytes, readProc, statField } from '../core/proc.ts'

/** The process ids of all processes below one, from Linux's /proc; none elsewhere. */
export function descendantsOf(pid: number | 'self'): number[] {
  return threadsOf(pid)
    .flatMap((thread) => startedBy(pid, thread))
    .flatMap((child) => [child, ...descendantsOf(child)])
}

/** What the main thread of this process has started: Node starts every process there, but for those of its workers. */
export function ownChildren(): number[] {
  return startedBy('self', process.pid)
}

/** The processes that a thread has started, but for one that is nothing of its own yet. */
function startedBy(pid: number | 'self', thread: number | string): number[] {
  return readProc(`/proc/${pid}/task/${thread}/children`)
    .split(' ')
    .filter((child) => child !== '' && !isStillParent(child, pid))
    .map(Number)
}

/** Of `flags` in /proc/<pid>/stat, include/linux/sched.h: forked, but has not become a program yet. */
const PF_FORKNOEXEC = 0x40

/** Between fork and exec a process shows its parent's memory, which it shares, as its own. What goes on like that for good, as a server's backends, has another title. */
function isStillParent(child: string, parent: number | 'self'): boolean {
  const flags = statField(child, 9) ?? 0
  return (flags & PF_FORKNOEXEC) !== 0 && readProc(`/proc/${child}/cmdline`) === readProc(`/proc/${parent}/cmdline`)
}

/** Bytes that a process and those that its main thread has started hold, so that nothing else can have them: code and files that are mapped, which the system can drop, are not counted. 0 where that is not known. */
export function heldBytes(pid: number): number {
  const status = readProc(`/proc/${pid}/status`)
  const own = (kilobytes(status, 'RssAnon') + kilobytes(status, 'RssShmem')) * 1024
  return startedBy(pid, pid).reduce((sum, child) => sum + heldBytes(child), own)
}

/** How many processes the kernel has ended for want of memory since the machine began, containers' limits counted; undefined where it does not say. */
export function kernelKills(): number | undefined {
  const count = /^oom_kill (\d+)$/m.exec(readProc('/proc/vmstat'))?.[1]
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
