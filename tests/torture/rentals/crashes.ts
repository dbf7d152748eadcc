import { chanceOf } from '../chance.ts'
import { type Content, differences, tornParts } from '../content.ts'
import type { Settings } from '../parts/part.ts'
import { describeEnd, type Trial } from '../trial.ts'
import { groundOf, type KnownStep, type RentalsReference } from './reference.ts'
import { watched } from './watched.ts'

/** PostgreSQL crashes while a run loads, and the run is killed with it: what was reported as loaded is there when it comes back, and the rerun comes to the same. Then again, with a run that lives on. */
export async function crashes(references: readonly RentalsReference[], { seed, progress }: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  for (const reference of references)
    for (let n = 1; n <= 6; n++) {
      const trial = await crash(reference, n, chanceOf(seed, `crash ${n}, ${reference.landing}`))
      progress(trial)
      trials.push(trial)
    }
  return trials
}

async function crash(reference: RentalsReference, n: number, chance: ReturnType<typeof chanceOf>): Promise<Trial> {
  const { systems, runner, landing } = reference
  const known = chance.pick(reference.known)
  const ground = await groundOf(reference, known.saved, [], { extension: n % 2 === 0 })
  const killed = n % 3 > 0
  return watched(reference, ground, [known.before, known.after], async () => {
    const running = ground.start(runner, known.step)
    const reports = known.run.events.filter(isLoaded).length
    // At the report itself, or somewhere in the load after it.
    await running.event(isLoaded, 1 + chance.below(reports))
    await new Promise((done) => setTimeout(done, chance.below(2) * chance.below(200)))
    if (killed) running.signal('SIGKILL')
    await systems.postgres.restart('immediate')
    const ended = await running.ended
    const found = await ground.content(runner)
    const faults = [...tornParts(found, known.before, known.after), ...lost(found, known, ended.events.filter(isLoaded))]
    if (!killed && ended.code !== 0 && ended.code !== 75) faults.push(`neither done nor exit 75: ${describeEnd(ended)}`)
    const again = await ground.run(runner, known.step)
    if (again.code !== 0) faults.push(`rerun: ${describeEnd(again)}`)
    faults.push(...differences(await ground.content(runner), known.after), ...(await ground.leftovers(runner)))
    const name = `server crash ${n}, ${known.step.name}, landing ${landing} (${killed ? 'run killed too' : `exit ${ended.code}`})`
    return { name, kills: killed ? [ended.within] : [], faults, orphanMs: ended.orphanMs ?? 0 }
  })
}

interface Loaded {
  readonly stage?: string
  readonly phase?: string
  readonly outcome?: string
  readonly partition?: string
  readonly target?: string
}

const isLoaded = ({ stage, phase, outcome }: Loaded) => stage === 'load' && phase === 'end' && outcome === 'done'

/** Tables that were reported as loaded, and are not. */
function lost(found: Content, { after }: KnownStep, reported: readonly Loaded[]): string[] {
  return reported.flatMap(({ target, partition }) => {
    const name = `warehouse ${target}${partition === undefined ? '' : ` ${partition}`}`
    return found.get(name) === after.get(name) ? [] : [`reported as loaded, and lost: ${name}: ${found.get(name) ?? 'nothing'}`]
  })
}
