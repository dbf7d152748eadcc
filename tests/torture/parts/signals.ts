import { setTimeout as sleep } from 'node:timers/promises'
import { chanceOf } from '../chance.ts'
import { type Ended, type LogEvent, startRun } from '../child.ts'
import { contentOf, differences, heldLocks, leftovers, tornParts } from '../content.ts'
import { type Known, type Reference, rewind } from '../reference.ts'
import { date } from '../scenario.ts'
import { describeEnd, strike, type Trial } from '../trial.ts'
import type { Settings } from './part.ts'

const RESUME = 'run the same command again'

/** Clean stops by signals, two runs at once, and a run that is paused while another one tries. */
export async function signals(reference: Reference, settings: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  const tell = (trial: Trial) => {
    settings.progress(trial)
    trials.push(trial)
  }
  const [, known] = reference.known
  if (!known) throw new RangeError('the script has one step only')
  const stages = settings.short ? ['land', 'export'] : ['extract', 'land', 'transform', 'check', 'load', 'export']
  for (const [i, stage] of stages.entries()) tell(await stopped(reference, known, stage, i % 2 === 0 ? 'SIGINT' : 'SIGTERM', settings))
  tell(await stoppedTwice(reference, known))
  tell(await atOnce(reference, known))
  tell(await paused(reference, known))
  return trials
}

const starts = (stage: string) => (event: LogEvent) => event.stage === stage && event.phase === 'start'

/** One signal: the run stops cleanly, with 130 and a word on how to go on; the rerun comes to the same. */
async function stopped(reference: Reference, known: Known, stage: string, signal: NodeJS.Signals, { seed }: Settings): Promise<Trial> {
  const name = `${signal} within ${stage}`
  const chance = chanceOf(seed, name)
  rewind(reference, known)
  const running = startRun(reference.project, known.step)
  const count = known.run.events.filter(starts(stage)).length
  await running.event(starts(stage), chance.below(count) + 1)
  await sleep(chance.below(40))
  running.process.kill(signal)
  const ended = await running.ended
  const faults = ended.code === 0 ? [] : await cleanStop(reference, known, ended)
  return rerun(reference, known, name, faults)
}

/** The second signal ends the run at once. */
async function stoppedTwice(reference: Reference, known: Known): Promise<Trial> {
  rewind(reference, known)
  const running = startRun(reference.project, known.step)
  await running.event(starts('load'))
  running.process.kill('SIGINT')
  await sleep(5)
  running.process.kill('SIGINT')
  const ended = await running.ended
  const faults = ended.signal === 'SIGINT' || ended.code === 130 ? [] : [`not ended by SIGINT: ${describeEnd(ended)}`]
  faults.push(...tornParts(await contentOf(reference.project.state), known.before, known.after))
  return rerun(reference, known, 'SIGINT twice', faults)
}

async function cleanStop({ project }: Reference, { before, after }: Known, ended: Ended): Promise<string[]> {
  const faults: string[] = []
  if (ended.code !== 130) faults.push(`not exit 130: ${describeEnd(ended)}`)
  if (!(ended.stdout + ended.stderr).includes(RESUME)) faults.push(`does not say how to go on: ${describeEnd(ended)}`)
  if (/This is a bug|\n\s+at .+:\d+:\d+/i.test(ended.stdout + ended.stderr)) faults.push(`a stack is shown: ${describeEnd(ended)}`)
  if (ended.orphanMs === undefined) faults.push('a child process was left for more than 5 s')
  faults.push(...leftovers(project.state).map((path) => `left over: ${path}`))
  faults.push(...tornParts(await contentOf(project.state), before, after))
  return faults
}

/** Two runs of one partition begin together: each ends with success or says that the other one is at work, and at least one succeeds. */
async function atOnce(reference: Reference, known: Known): Promise<Trial> {
  rewind(reference, known)
  const args = ['run', 'sales', '--partition', partitionOf(known)]
  const ends = await Promise.all([
    startRun(reference.project, known.step, { args }).ended,
    startRun(reference.project, known.step, { args }).ended,
  ])
  const faults = ends.flatMap((ended) => (ended.code === 0 ? [] : refused(ended, 'run|delivery')))
  if (!ends.some(({ code }) => code === 0)) faults.push(`neither succeeded: ${ends.map(describeEnd).join('\n')}`)
  faults.push(...differences(await contentOf(reference.project.state), known.after), ...leftovers(reference.project.state))
  return { name: `two runs at once (${ends.map(({ code }) => code).join(' and ')})`, kills: [], faults, orphanMs: 0 }
}

/** A run is stopped in the middle of a partition; another one is refused; the first goes on and comes to the same. */
async function paused(reference: Reference, known: Known): Promise<Trial> {
  rewind(reference, known)
  const first = startRun(reference.project, known.step)
  await first.event((event) => event.partition !== undefined && event.stage === 'transform')
  first.process.kill('SIGSTOP')
  const held = heldLocks(reference.project.state).filter((path) => path.includes(`partition-${partitionOf(known)}`))
  const second = await startRun(reference.project, known.step, { args: ['run', 'sales', '--partition', partitionOf(known)], shares: true })
    .ended
  const faults =
    held.length > 0 ? refused(second, 'run is at work on pipeline "sales", partition') : ['the lock of the partition was not held']
  faults.push(...tornParts(await contentOf(reference.project.state), known.before, known.after))
  first.process.kill('SIGCONT')
  const ended = await first.ended
  if (ended.code !== 0) faults.push(`the run that was paused ended with ${describeEnd(ended)}`)
  faults.push(...differences(await contentOf(reference.project.state), known.after), ...leftovers(reference.project.state))
  return { name: 'a run is paused while another one tries', kills: [], faults, orphanMs: 0 }
}

/** Exit 75, and who is in the way. */
function refused(ended: Ended, others: string): string[] {
  const said = new RegExp(`another (${others}) `).test(ended.stdout + ended.stderr)
  return ended.code === 75 && said ? [] : [`not refused with exit 75 and a reason: ${describeEnd(ended)}`]
}

async function rerun(reference: Reference, known: Known, name: string, faults: readonly string[]): Promise<Trial> {
  const trial = await strike(reference, known, name, [])
  return { ...trial, faults: [...faults, ...trial.faults] }
}

/** The partition that is due in the script's second step. */
function partitionOf({ step }: Known): string {
  return date(Number(step.now.slice(8, 10)) - 1)
}
