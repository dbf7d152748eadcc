import { readFileSync } from 'node:fs'
import { descendantsOf } from '../lib/observe/proc.ts'

/** What the kernel says of a process and all below it, at one moment. */
export interface Usage {
  readonly rssBytes: number
  /** User and system time, of ended children that were waited for too, in seconds; the kernel counts in hundredths. */
  readonly cpuSeconds: number
}

const TICKS_PER_SECOND = 100

/** Looks up a process and its descendants in Linux's /proc. A process that ends meanwhile counts as nothing. */
export function usageOf(pid: number): Usage {
  const all = [pid, ...descendantsOf(pid)].map(lookAt)
  return {
    rssBytes: all.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  }
}

function lookAt(pid: number): Usage {
  try {
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    // After the name in parentheses: state is field 3, utime to cstime are 14 to 17.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const times = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
    return { rssBytes: Number(rss ?? 0) * 1024, cpuSeconds: times.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND }
  } catch {
    return { rssBytes: 0, cpuSeconds: 0 }
  }
}

/** Resident memory of a process and all below it over time. */
export interface RssSamples {
  /** The highest sample between two instants (`Date.now()` with fractions); over all without them. */
  peakBytes(from?: number, to?: number): number
  stop(): void
}

export function sampleRss(pid: number, everyMs = 20): RssSamples {
  const samples: { readonly at: number; readonly bytes: number }[] = []
  const look = () => samples.push({ at: Date.now(), bytes: usageOf(pid).rssBytes })
  const timer = setInterval(look, everyMs)
  look()
  return {
    peakBytes: (from = 0, to = Number.POSITIVE_INFINITY) =>
      samples.reduce((peak, { at, bytes }) => (at >= from - everyMs && at <= to + everyMs ? Math.max(peak, bytes) : peak), 0),
    stop: () => clearInterval(timer),
  }
}
