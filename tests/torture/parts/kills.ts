import { chanceOf } from '../chance.ts'
import type { KillPlan } from '../child.ts'
import { runStep } from '../child.ts'
import { contentOf, differences } from '../content.ts'
import { type Known, type Reference, rewind } from '../reference.ts'
import { countWithin } from '../report.ts'
import { describeEnd, strike, type Trial } from '../trial.ts'
import type { Settings } from './part.ts'

/** Stages that must each be killed in often enough. */
export const TARGETS = ['land', 'load', 'export'] as const

/** Whole scripts, from nothing (the short form: from the second step on): each step's run is killed at random moments up to three times before it may finish; at the end a run finds nothing to do. */
export async function randomKills(reference: Reference, { seed, short, progress }: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  for (let script = 1; script <= (short ? 1 : 8); script++) {
    const steps = short ? reference.known.slice(1) : reference.known
    const [first] = steps
    if (first) rewind(reference, first)
    for (const known of steps) {
      const name = `random ${script}, ${known.step.name}`
      const chance = chanceOf(seed, name)
      reference.project.prepare(known.step)
      const attempts = Array.from({ length: short ? 1 : 1 + chance.below(3) }, () => ({ kill: { afterMs: chance.next() * known.run.ms } }))
      const trial = await strike(reference, known, name, attempts)
      progress(trial)
      trials.push(trial)
      // What comes after stands on it.
      if (trial.faults.length > 0) break
    }
    const last = reference.known.at(-1)
    if (last && (trials.at(-1)?.faults.length ?? 0) === 0) trials.push(await idle(reference, last, `random ${script}, nothing to do`))
  }
  return trials
}

/** A run after the script's end changes nothing and says so. */
async function idle({ project }: Reference, { step, after }: Known, name: string): Promise<Trial> {
  const ended = await runStep(project, step, { args: ['run', 'sales'] })
  const faults = ended.code === 0 && ended.stdout.includes('nothing to do') ? [] : [describeEnd(ended)]
  return { name, kills: [], faults: [...faults, ...differences(await contentOf(project.state), after)], orphanMs: 0 }
}

/** One step each time, from the state before it: the run is killed within a chosen stage, until enough kills were within each. Some reruns are killed too. */
export async function targetedKills(reference: Reference, { seed, short, progress }: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  const wanted = short ? 1 : 20
  for (const stage of TARGETS) {
    let within = 0
    for (let n = 1; within < wanted && n <= wanted * 4; n++) {
      const name = `targeted ${stage} ${n}`
      const chance = chanceOf(seed, name)
      const known = chance.pick(reference.known)
      rewind(reference, known)
      const attempts = [{ kill: planFor(stage, known, chance) }]
      if (!short && chance.below(4) === 0) attempts.push({ kill: planFor(stage, known, chance) })
      const trial = await strike(reference, known, `${name}, ${known.step.name}`, attempts)
      within += countWithin([trial], stage)
      progress(trial)
      trials.push(trial)
    }
  }
  return trials
}

/** A moment within some occurrence of the stage: its start in the log, and a part of the time that it took in the unkilled run. */
export function planFor(stage: string, { run }: Pick<Known, 'run'>, chance: ReturnType<typeof chanceOf>): KillPlan {
  const ends = run.events.filter((event) => event.stage === stage && event.phase === 'end' && (event.ms ?? 0) > 0)
  const nth = chance.below(ends.length) + 1
  return { stage, nth, delayMs: chance.next() * (ends[nth - 1]?.ms ?? 0) }
}
