import { readdirSync, readFileSync } from 'node:fs'

/** Samples the resident memory of this process and its descendants together. */
export interface MemoryWatch {
  peakBytes(): number
  stop(): void
}

/** Begins to sample every `intervalMs`; keeps no process alive. A peak between two samples of a child is missed; this process's own is known exactly. */
export function watchMemory(intervalMs = 100): MemoryWatch {
  let peak = 0
  const sample = () => {
    peak = Math.max(peak, process.memoryUsage.rss() + descendantsRss())
  }
  sample()
  const timer = setInterval(sample, intervalMs).unref()
  return {
    peakBytes: () => {
      sample()
      return Math.max(peak, process.resourceUsage().maxRSS * 1024)
    },
    stop: () => clearInterval(timer),
  }
}

/** Resident bytes of all processes below this one, from Linux's /proc; 0 elsewhere. */
function descendantsRss(pid: number | 'self' = 'self'): number {
  let total = 0
  for (const child of childrenOf(pid)) {
    try {
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child}/status`, 'utf8'))?.[1]
      total += Number(kilobytes ?? 0) * 1024 + descendantsRss(child)
    } catch {
      // It ended while we looked.
    }
  }
  return total
}

function childrenOf(pid: number | 'self'): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}
