import type { FaultRule } from '../../kit/gcs-server.ts'
import { type Chance, chanceOf } from '../chance.ts'
import { planFor, type TARGETS } from '../parts/kills.ts'
import type { Settings } from '../parts/part.ts'
import { countWithin } from '../report.ts'
import { strikeAt, type Trial } from '../trial.ts'
import { groundOf, type RentalsReference } from './reference.ts'
import { strikeStep, watched } from './watched.ts'

export interface RentalsSettings extends Settings {
  /** How many kills the long form makes. */
  readonly kills: number
}

/** One step each time, killed within a stage until that has its share of the kills; half of the trials without DuckDB's extension, a third with a fault of the bucket. */
export async function killsWithin(
  stage: (typeof TARGETS)[number],
  references: readonly RentalsReference[],
  settings: RentalsSettings,
): Promise<readonly Trial[]> {
  const { seed, short, kills, progress } = settings
  const trials: Trial[] = []
  const wanted = short ? 1 : Math.ceil(kills / 8)
  for (let n = 1; countWithin(trials, stage) < wanted && n <= wanted * 4; n++) {
    const name = `within ${stage} ${n}`
    const chance = chanceOf(seed, name)
    const reference = chance.pick(references)
    const known = chance.pick(reference.known)
    const attempts = Array.from({ length: short ? 1 : 2 + chance.below(2) }, () => ({
      // The short form strikes at once, so as not to miss.
      kill: { ...planFor(stage, known, chance), ...(short && { delayMs: 0 }) },
    }))
    const faults = short ? [] : faultsOf(chance)
    const told = faults.map(({ on, nth, fault }) => `, ${fault.kind} at ${on} ${nth}`).join('')
    const what = `${name}, ${known.step.name}, landing ${reference.landing}${told}`
    const trial = await strikeStep(reference, known, what, attempts, { extension: n % 2 === 0, faults })
    progress(trial)
    trials.push(trial)
  }
  return trials
}

/** Whole scripts, from nothing: each step's run is killed at random moments before it may finish, until there are as many kills as wanted with those of other parts. */
export async function killsAtRandom(
  references: readonly RentalsReference[],
  settings: RentalsSettings,
  already: number,
): Promise<readonly Trial[]> {
  const { seed, kills, progress } = settings
  const wanted = kills - already
  const trials: Trial[] = []
  const made = () => trials.flatMap((trial) => trial.kills).length
  for (let script = 1; made() < wanted && script <= wanted; script++) {
    const reference = references[script % references.length]
    if (!reference) throw new RangeError('no reference')
    const ground = await groundOf(reference, undefined, [], { extension: script % 4 > 1 })
    for (const known of reference.known) {
      const name = `random ${script}, ${known.step.name}, ${reference.landing}`
      const chance = chanceOf(seed, name)
      // The first third of a run is Node's start.
      const moments = Array.from({ length: 2 + chance.below(2) }, () => known.run.ms * (0.3 + 0.7 * chance.next()))
      const place = ground.place(reference.runner, known.step)
      const trial = await watched(reference, ground, [known.before, known.after], () =>
        strikeAt(
          place,
          known,
          name,
          moments.map((afterMs) => ({ kill: { afterMs } })),
        ),
      )
      progress(trial)
      trials.push(trial)
      // What comes after stands on it.
      if (trial.faults.length > 0) break
    }
  }
  return trials
}

/** In one trial of three the bucket fails once or twice, at writes alone: what readers ask for is answered. */
function faultsOf(chance: Chance): readonly FaultRule[] {
  if (chance.below(3) > 0) return []
  return Array.from({ length: 1 + chance.below(2) }, () => ({
    on: chance.pick(['insert', 'rewrite', 'delete'] as const),
    nth: 1 + chance.below(4),
    fault: chance.pick([{ kind: 'status', status: 503 }, { kind: 'lose-reply' }, { kind: 'reset' }] as const),
  }))
}
