/** One stage's work on one dataset, seen from outside. `from` and `to` in milliseconds since 1970. */
export interface StageSeen {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly rows: number
  /** Of all processes together. */
  readonly peakBytes: number
  /** The most that engines had on disk for want of memory. */
  readonly spilledBytes: number
}

/** The figures as a Markdown table, a stage a line and the whole last. */
export function largerTable(seen: {
  readonly stages: readonly StageSeen[]
  readonly wallSeconds: number
  readonly peakBytes: number
  readonly spilledBytes: number
}): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
  const rows = seen.stages.map(({ name, from, to, rows, peakBytes, spilledBytes }) => [
    name,
    ((to - from) / 1000).toFixed(1),
    rows === 0 ? '' : String(rows),
    mebibytes(peakBytes),
    mebibytes(spilledBytes),
  ])
  const whole = ['the whole', seen.wallSeconds.toFixed(1), '', mebibytes(seen.peakBytes), mebibytes(seen.spilledBytes)]
  const head = ['stage', 's', 'rows', 'peak RSS MiB, all processes', 'spilled MiB']
  return [head, head.map(() => '---'), ...rows, whole].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
