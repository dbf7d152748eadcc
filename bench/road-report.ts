import { type Measured, median, STAGES, type StageName } from './measured.ts'

/** One round: both sides of every stage. */
export interface Round {
  /** Load average of the machine when the round began. */
  readonly load: number
  readonly millrace: Readonly<Record<StageName | 'check' | 'whole', Measured>>
  readonly bare: Readonly<Record<StageName, Measured>>
}

/** A stage over all rounds: medians; ratios are medians of the rounds' own ratios. */
export interface StageFigures {
  readonly stage: string
  readonly wallSeconds: number
  readonly bareWallSeconds: number | null
  readonly wallRatio: number | null
  readonly cpuRatio: number | null
  readonly cpuSecondsPerMillionRows: number
  readonly bareCpuSecondsPerMillionRows: number | null
  readonly peakRssBytes: number
  readonly barePeakRssBytes: number | null
  /** Seconds by which it is slower (positive) or faster than the target allows, and the target. */
  readonly overTargetSeconds: number | null
  readonly target: string
}

const FLOOR = 1.15

/** PERFORMANCE's targets: a factor on the bare engine's time and what comes on top, in seconds. */
const TARGETS: Readonly<Record<StageName, readonly [factor: number, plusSeconds: number, text: string]>> = {
  land: [1.03, 0.15, '1.03 × + 150 ms'],
  sql: [1.02, 0.005, '1.02 × + 5 ms'],
  frame: [1.02, 0.005, '1.02 × + 5 ms'],
  load: [1.03, 0.15, '1.03 × + 150 ms'],
  export: [1.03, 0.15, '1.03 × + 150 ms'],
}

export function roadReport(rounds: readonly Round[], rows: number): readonly StageFigures[] {
  const millions = rows / 1e6
  const over = (pick: (round: Round) => number) => median(rounds.map(pick))
  const ours = (stage: keyof Round['millrace']) => ({
    stage,
    wallSeconds: over((round) => round.millrace[stage].wallSeconds),
    cpuSecondsPerMillionRows: over((round) => round.millrace[stage].cpuSeconds) / millions,
    peakRssBytes: Math.max(...rounds.map((round) => round.millrace[stage].peakRssBytes)),
  })
  const alone = { bareWallSeconds: null, wallRatio: null, cpuRatio: null, bareCpuSecondsPerMillionRows: null, barePeakRssBytes: null }
  const held = STAGES.map((stage): StageFigures => {
    const [factor, plus, target] = TARGETS[stage]
    return {
      ...ours(stage),
      bareWallSeconds: over((round) => round.bare[stage].wallSeconds),
      wallRatio: over((round) => round.millrace[stage].wallSeconds / round.bare[stage].wallSeconds),
      cpuRatio: over((round) => round.millrace[stage].cpuSeconds / round.bare[stage].cpuSeconds),
      bareCpuSecondsPerMillionRows: over((round) => round.bare[stage].cpuSeconds) / millions,
      barePeakRssBytes: Math.max(...rounds.map((round) => round.bare[stage].peakRssBytes)),
      overTargetSeconds: over((round) => round.millrace[stage].wallSeconds - round.bare[stage].wallSeconds * factor - plus),
      target,
    }
  })
  const sum = (side: 'millrace' | 'bare', what: 'wallSeconds' | 'cpuSeconds') => (round: Round) =>
    STAGES.reduce((total, stage) => total + round[side][stage][what], 0)
  return [
    ...held,
    { ...ours('check'), ...alone, overTargetSeconds: null, target: '' },
    {
      ...ours('whole'),
      bareWallSeconds: over(sum('bare', 'wallSeconds')),
      wallRatio: over((round) => round.millrace.whole.wallSeconds / sum('bare', 'wallSeconds')(round)),
      cpuRatio: over((round) => round.millrace.whole.cpuSeconds / sum('bare', 'cpuSeconds')(round)),
      bareCpuSecondsPerMillionRows: over(sum('bare', 'cpuSeconds')) / millions,
      barePeakRssBytes: Math.max(...held.map((each) => each.barePeakRssBytes ?? 0)),
      overTargetSeconds: null,
      target: '',
    },
  ]
}

/** The figures as a Markdown table. */
export function roadTable(figures: readonly StageFigures[]): string {
  const number = (value: number | null, digits: number) => (value === null ? '' : value.toFixed(digits))
  const mebibytes = (bytes: number | null) => (bytes === null ? '' : (bytes / 2 ** 20).toFixed(0))
  const rows = figures.map((each) => [
    each.stage,
    number(each.wallSeconds, 2),
    number(each.bareWallSeconds, 2),
    each.wallRatio === null
      ? ''
      : `${each.wallRatio.toFixed(2)}${each.target === '' ? '' : each.wallRatio <= FLOOR ? '' : ' (floor missed)'}`,
    number(each.cpuRatio, 2),
    number(each.cpuSecondsPerMillionRows, 2),
    number(each.bareCpuSecondsPerMillionRows, 2),
    mebibytes(each.peakRssBytes),
    mebibytes(each.barePeakRssBytes),
    each.overTargetSeconds === null
      ? ''
      : `${each.target}: ${each.overTargetSeconds <= 0 ? 'held' : `missed by ${each.overTargetSeconds.toFixed(2)} s`}`,
  ])
  const head = ['stage', 's', 'bare s', 'wall ×', 'CPU ×', 'CPU-s/M rows', 'bare', 'RSS MiB', 'bare', 'target']
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
