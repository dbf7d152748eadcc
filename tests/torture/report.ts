import type { Trial } from './trial.ts'

/** What came of a part. */
export interface PartResult {
  readonly name: string
  readonly trials: readonly Trial[]
}

export type Say = (line: string) => void

/** Tells a trial: one that went wrong with all that is wrong; one that went well in a line, unless `quiet`. */
export function tellTrial({ name, faults, kills }: Trial, say: Say, quiet: boolean): void {
  if (faults.length > 0)
    say(
      `FAILED ${name} (killed within ${JSON.stringify(kills)})\n${faults.map((fault) => `  ${fault.replaceAll('\n', '\n    ')}`).join('\n')}`,
    )
  else if (!quiet)
    say(`  ok ${name}${kills.length > 0 ? ` (killed within ${kills.map((each) => each.join(' + ') || 'no stage').join('; ')})` : ''}`)
}

export function isTwin({ name }: Trial): boolean {
  return name.startsWith('twin: ')
}

/** Of millrace itself; what became of its broken twins is told beside. */
export function summary(trials: readonly Trial[]): string {
  const own = trials.filter((trial) => !isTwin(trial))
  const twins = trials.filter(isTwin)
  const [n, k] = [own.length, own.filter(({ faults }) => faults.length > 0).length]
  return [
    `${k} of ${n} trials failed${k === 0 && n > 0 ? ` (95 % bound: ${((3 / n) * 100).toFixed(1)} %)` : ''}`,
    `${own.flatMap(({ kills }) => kills).length} kills`,
    ...(twins.length > 0 ? [`${twins.filter(({ faults }) => faults.length === 0).length} of ${twins.length} broken twins caught`] : []),
  ].join(', ')
}

/** How many kills were within a stage. */
export function countWithin(trials: readonly Trial[], stage: string): number {
  return trials.flatMap(({ kills }) => kills).filter((within) => within.some((each) => each.startsWith(`${stage} `))).length
}

/** The last lines: kills by stage, and everything together. Sets the exit code where a trial failed, or fewer than `least` kills were within land, load or export. */
export function conclude(results: readonly PartResult[], seed: number, say: Say, least: number): void {
  const all = results.flatMap(({ trials }) => trials)
  const struck = all.filter((trial) => trial.kills.length > 0 && !isTwin(trial))
  const stages = ['extract', 'land', 'transform', 'check', 'load', 'export']
  say(`kills within stages: ${stages.map((stage) => `${stage} ${countWithin(struck, stage)}`).join(', ')}`)
  say(`SIGKILL: ${summary(struck)}`)
  say(`longest life of a reader child after its parent's death: ${Math.round(Math.max(0, ...all.map(({ orphanMs }) => orphanMs)))} ms`)
  say(`all: ${summary(all)}, seed ${seed}`)
  if (['land', 'load', 'export'].some((stage) => countWithin(struck, stage) < least)) {
    say('too few kills within land, load or export')
    process.exitCode = 1
  }
  if (all.some(({ faults }) => faults.length > 0)) process.exitCode = 1
}
