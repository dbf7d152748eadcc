import { residentBytes } from '../core/proc.ts'
import { descendantsOf, type HighWater, highWater, ownChildren } from './proc.ts'
import { spilledBytesIn } from './spill.ts'

/** What one step took. */
export interface StepMemory {
  /** Highest resident bytes of this process and its descendants together while the step ran; steps that ran beside it are in it. An upper bound: the peaks of several processes need not have been at one moment. */
  readonly peakBytes: number
  /** Most bytes that engines were seen to have on the disk meanwhile; what a step of less than a tenth of a second spills is missed. */
  readonly spilledBytes: number
}

/** Watches the resident memory of this process and its descendants. */
export interface MemoryWatch {
  /** The highest since it began. */
  peakBytes(): number
  /** Begins to measure a step; what it gives ends it. Steps may run side by side. */
  step(): () => StepMemory
  /** Where engines spill, from now on. */
  spillingInto(folder: string): void
  stop(): void
}

interface ActiveStep {
  peak: number
  spilled: number
}

/**
 * Samples every `intervalMs`, and asks the kernel for the highest value since where a step begins or ends, so that short steps are known exactly as well (Linux; elsewhere by samples alone). Keeps no process alive. A process that begins and ends
 * between two samples is missed.
 */
export function watchMemory(intervalMs = 100): MemoryWatch {
  const active = new Set<ActiveStep>()
  const own = highWater('self')
  const children = new Map<number, HighWater>()
  let highest = 0
  let spills: string | undefined
  let stopped = false

  const note = (bytes: number) => {
    highest = Math.max(highest, bytes)
    for (const step of active) step.peak = Math.max(step.peak, bytes)
  }
  const keepChildren = (found: readonly number[]) => {
    for (const pid of found) if (!children.has(pid)) children.set(pid, highWater(pid))
    for (const [pid, water] of children)
      if (!found.includes(pid)) {
        water[Symbol.dispose]()
        children.delete(pid)
      }
  }
  const sample = () => {
    const found = descendantsOf('self')
    keepChildren(found)
    note(found.reduce((sum, pid) => sum + residentBytes(pid), process.memoryUsage.rss()))
    if (active.size === 0 || spills === undefined) return
    const spilled = spilledBytesIn(spills)
    for (const step of active) step.spilled = Math.max(step.spilled, spilled)
  }
  /** Where a step begins or ends: what was highest until now is of those that ran until now. */
  const border = () => {
    for (const pid of ownChildren()) if (!children.has(pid)) children.set(pid, highWater(pid))
    let bytes = own.bytes() || process.memoryUsage.rss()
    for (const water of children.values()) bytes += water.bytes()
    note(bytes)
    own.reset()
    for (const water of children.values()) water.reset()
  }
  sample()
  const timer = setInterval(sample, intervalMs).unref()
  return {
    peakBytes: () => {
      if (!stopped) sample()
      return Math.max(highest, process.resourceUsage().maxRSS * 1024)
    },
    step: () => {
      border()
      const step: ActiveStep = { peak: 0, spilled: 0 }
      active.add(step)
      return () => {
        border()
        active.delete(step)
        return { peakBytes: step.peak, spilledBytes: step.spilled }
      }
    },
    spillingInto: (folder) => {
      spills = folder
    },
    stop: () => {
      if (stopped) return
      stopped = true
      clearInterval(timer)
      own[Symbol.dispose]()
      keepChildren([])
    },
  }
}
