import { type Measured, STAGES, type StageName } from './measured.ts'

/** One round: both sides of every stage. */
export interface Round {
  /** Load average of the machine when the round began. */
  readonly load: number
  readonly millrace: Readonly<Record<StageName | 'check' | 'whole', Measured>>
  readonly bare: Readonly<Record<StageName, Measured>>
}

/** A stage over all rounds: the least time of each side, and the ratio of the two. A machine that others share only ever makes a run slower, by a third from one minute to the next: what the least times say repeats, what medians of a few rounds say does not. */
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
  const least = (pick: (round: Round) => number) => Math.min(...rounds.map(pick))
  const ratio = (ours: (round: Round) => number, theirs: (round: Round) => number) => least(ours) / least(theirs)
  const ours = (stage: keyof Round['millrace']) => ({
    stage,
    wallSeconds: least((round) => round.millrace[stage].wallSeconds),
    cpuSecondsPerMillionRows: least((round) => round.millrace[stage].cpuSeconds) / millions,
    peakRssBytes: Math.max(...rounds.map((round) => round.millrace[stage].peakRssBytes)),
  })
  const alone = { bareWallSeconds: null, wallRatio: null, cpuRatio: null, bareCpuSecondsPerMillionRows: null, barePeakRssBytes: null }
  const held = STAGES.map((stage): StageFigures => {
    const [factor, plus, target] = TARGETS[stage]
    const [ourWall, bareWall] = [(round: Round) => round.millrace[stage].wallSeconds, (round: Round) => round.bare[stage].wallSeconds]
    const [ourCpu, bareCpu] = [(round: Round) => round.millrace[stage].cpuSeconds, (round: Round) => round.bare[stage].cpuSeconds]
    return {
      ...ours(stage),
      bareWallSeconds: least((round) => round.bare[stage].wallSeconds),
      wallRatio: ratio(ourWall, bareWall),
      cpuRatio: ratio(ourCpu, bareCpu),
      bareCpuSecondsPerMillionRows: least((round) => round.bare[stage].cpuSeconds) / millions,
      barePeakRssBytes: Math.max(...rounds.map((round) => round.bare[stage].peakRssBytes)),
      overTargetSeconds: least(ourWall) - least(bareWall) * factor - plus,
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
      bareWallSeconds: least(sum('bare', 'wallSeconds')),
      wallRatio: ratio((round) => round.millrace.whole.wallSeconds, sum('bare', 'wallSeconds')),
      cpuRatio: ratio((round) => round.millrace.whole.cpuSeconds, sum('bare', 'cpuSeconds')),
      bareCpuSecondsPerMillionRows: least(sum('bare', 'cpuSeconds')) / millions,
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
