/** What one stage took, of one side. */
export interface Measured {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  /** Of all processes together, as sampled. */
  readonly peakRssBytes: number
}

/** The stages that have a bare engine to be held against, in the order of the road. */
export const STAGES = ['land', 'sql', 'frame', 'load', 'export'] as const
export type StageName = (typeof STAGES)[number]

/** One stretch of a child's time, as the child saw it. `from` and `to` in milliseconds since 1970. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly cpuSeconds: number
}

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? (sorted[Math.floor(middle)] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** The least of all rounds: a shared machine only ever makes a run slower. */
export function least(rounds: readonly Measured[], what: 'wallSeconds' | 'cpuSeconds'): number {
  return Math.min(...rounds.map((round) => round[what]))
}

export function mostRss(rounds: readonly Measured[]): number {
  return Math.max(...rounds.map(({ peakRssBytes }) => peakRssBytes))
}
