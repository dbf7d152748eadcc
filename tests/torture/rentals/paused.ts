import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { chanceOf } from '../chance.ts'
import type { Ended, Running, RunOptions } from '../child.ts'
import { type Content, differences } from '../content.ts'
import type { Settings } from '../parts/part.ts'
import type { ProjectFolder } from '../project.ts'
import { describeEnd, type Trial } from '../trial.ts'
import { HALTING } from './halting.ts'
import { type Ground, type GroundOptions, groundOf, type KnownStep, type RentalsReference } from './reference.ts'
import { makeRunnerLike } from './runner.ts'
import { WAREHOUSE } from './systems.ts'
import { watched } from './watched.ts'

/** Moments at which a run is stopped while another one does the same and commits. */
const MOMENTS = [
  'before load customer_moves',
  'after load customer_moves',
  'before load fct_revenue 2005-07',
  'after load fct_revenue 2005-07',
  'before put .*/2005-07/[^/]*\\.csv',
  'after put .*/2005-07/[^/]*\\.csv',
  'before put .*/2005-07/manifest-',
  'before put .*/2005-07/latest\\.json',
  'after put .*/2005-07/latest\\.json',
  'after copy rentals/revenue/2005-07\\.csv',
]

/** And while it passes on rows that nobody decodes, which it reads again because it is told to. */
const FORWARDING = ['payment_landed', 'payment_passed'].flatMap((table) => [
  `before receive ${table} 2005-07`,
  `after receive ${table} 2005-07`,
])

/** Moments at which a run is stopped while another one does the same and then a later load too. */
const OVERTAKEN = [
  'before load fct_revenue 2005-07',
  'after load fct_revenue 2005-07',
  'before put .*/2005-07/[^/]*\\.csv',
  'before put .*/2005-07/latest\\.json',
  'after put .*/2005-07/latest\\.json',
  'before copy rentals/revenue/2005-07\\.csv',
]

type Runners = readonly [ProjectFolder, ProjectFolder]

/** Two machines, each with its own `.millrace`: one stops within load or export, the other does the same and commits, the first goes on. */
export function pausedRuns(references: readonly RentalsReference[], { seed, progress }: Settings): Promise<readonly Trial[]> {
  return withRunners(references, progress, async function* (reference, runners) {
    const { landing, known } = reference
    const [second, third] = known.slice(1)
    if (!second || !third) throw new RangeError('the script is too short')
    for (const moment of MOMENTS) yield await outrun(reference, runners, second, { halt: moment }, `paused ${moment}`)
    for (const moment of FORWARDING) yield await outrun(reference, runners, third, { halt: moment }, `paused ${moment}`)
    for (let n = 1; n <= 5; n++)
      for (const stage of ['load', 'export']) {
        const chance = chanceOf(seed, `paused within ${stage} ${n}, ${landing}`)
        const one = chance.pick(known)
        const events = one.run.events.filter((event) => event.stage === stage && event.phase === 'end' && (event.ms ?? 0) > 0)
        const nth = 1 + chance.below(events.length)
        const pause = { stage, nth, afterMs: chance.next() * (events[nth - 1]?.ms ?? 0) }
        yield await outrun(reference, runners, one, pause, `paused within ${stage} ${n}, ${one.step.name}`, { extension: n % 2 === 0 })
      }
  })
}

/** The same, but the other one goes on to a later load. Of landings in the bucket alone: a runner with a landing of its own does not know of a later load, since what it has landed is its truth. */
export function overtakenRuns(references: readonly RentalsReference[], { short, progress }: Settings): Promise<readonly Trial[]> {
  const shared = references.filter(({ landing }) => landing === 'bucket')
  return withRunners(shared, progress, async function* (reference, runners) {
    // What was passed on is not again in the second step.
    for (const [i, later] of reference.known.slice(1).entries())
      for (const moment of short ? ['after load fct_revenue 2005-07'] : [...OVERTAKEN, ...(i === 0 ? FORWARDING : [])]) {
        const known = reference.known[i]
        if (known) yield await overtaken(reference, runners, known, later, moment)
      }
  })
}

async function withRunners(
  references: readonly RentalsReference[],
  progress: Settings['progress'],
  work: (reference: RentalsReference, runners: Runners) => AsyncIterable<Trial>,
): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  for (const reference of references) {
    const { runner, systems } = reference
    const runners = [makeRunnerLike(runner, systems, HALTING), makeRunnerLike(runner, systems)] as const
    try {
      for await (const trial of work(reference, runners)) {
        progress(trial)
        trials.push(trial)
      }
    } finally {
      for (const each of runners) each.remove()
    }
  }
  return trials
}

/** By the run itself at a moment of halting.ts, or from outside after the nth start of a stage. */
type Pause = { readonly halt: string } | { readonly stage: string; readonly nth: number; readonly afterMs: number }

/** The first runner is paused, the second one does the same step: one of the two makes each commit, and what is left is what an unkilled run leaves. */
async function outrun(
  reference: RentalsReference,
  runners: Runners,
  known: KnownStep,
  pause: Pause,
  what: string,
  options: GroundOptions = {},
): Promise<Trial> {
  const ground = await groundOf(reference, known.saved, runners, options)
  const states = [known.before, known.after]
  return watched(reference, ground, states, async () => {
    const faults: string[] = []
    const paused = await startPaused(ground, runners[0], known, pause)
    const other = ground.start(runners[1], known.step)
    const waits = await endsOrWaits(reference, other.ended)
    paused?.running.signal('SIGCONT')
    const ends = [await other.ended, ...(paused ? [await paused.running.ended] : [])]
    for (const ended of ends) if (ended.code !== 0 && ended.code !== 75) faults.push(`neither done nor exit 75: ${describeEnd(ended)}`)
    if (ends.every(({ code }) => code !== 0)) faults.push(`neither succeeded: ${ends.map(describeEnd).join('\n')}`)
    faults.push(...committedTwice(ends))
    const codes = ends.map(({ code }) => code).join(' and ')
    const name = `${what}, landing ${reference.landing} (${paused ? `exit ${codes}${waits ? ', the other one waited' : ''}` : 'it had ended'})`
    if (ends.every(({ code }) => code === 0)) faults.push(...(await wrongAt(ground, runners, known.after)))
    faults.push(...(await nothingLeft(ground, runners, known)))
    return { name, kills: [], faults, orphanMs: 0 }
  })
}

/** The first runner is paused in a step; the second one does that step and the next. The first, which knows nothing of it, must not bring anything back to what it was, nor write any commit point for a moment and mend it. */
export async function overtaken(
  reference: RentalsReference,
  runners: Runners,
  known: KnownStep,
  later: KnownStep,
  halt: string,
  options: GroundOptions = {},
): Promise<Trial> {
  const ground = await groundOf(reference, known.saved, runners, options)
  const work = async (): Promise<Trial> => {
    const name = `overtaken ${halt}, ${known.step.name}`
    const faults: string[] = []
    const paused = await startPaused(ground, runners[0], known, { halt })
    if (!paused) return { name, kills: [], faults: ['the run was never paused'], orphanMs: 0 }
    for (const { step } of [known, later]) {
      const ended = await ground.run(runners[1], step)
      if (ended.code !== 0) faults.push(`${step.name}: ${describeEnd(ended)}`)
    }
    faults.push(...(await wrongAt(ground, runners, later.after)).map((fault) => `before the paused run goes on: ${fault}`))
    const versions = await ground.versions()
    paused.running.signal('SIGCONT')
    const ended = await paused.running.ended
    if (ended.code !== 0 && ended.code !== 75) faults.push(`neither done nor exit 75: ${describeEnd(ended)}`)
    faults.push(...(await wrongAt(ground, runners, later.after)).map((fault) => `exit ${ended.code}: ${fault}`))
    faults.push(...differences(await ground.versions(), versions).map((fault) => `written by the paused run: ${fault}`))
    if (faults.length === 0) faults.push(...(await nothingLeft(ground, runners, later)))
    return { name: `${name} (exit ${ended.code})`, kills: [], faults, orphanMs: 0 }
  }
  return watched(reference, ground, [known.before, known.after, later.after], work, options.bucket?.url)
}

/** Starts a run and waits until it is stopped; undefined when it ended before. */
async function startPaused(
  ground: Ground,
  runner: ProjectFolder,
  { step }: KnownStep,
  pause: Pause,
): Promise<{ readonly running: Running } | undefined> {
  const options: RunOptions = { shares: true, ...('halt' in pause && { env: { TORTURE_HALT: pause.halt } }) }
  const running = ground.start(runner, step, options)
  let ended = false
  void running.ended.then(() => {
    ended = true
  })
  if ('stage' in pause) {
    const begun = running.event((event) => event.stage === pause.stage && event.phase === 'start', pause.nth)
    if (!(await begun.catch(() => undefined))) return undefined
    await sleep(pause.afterMs)
    running.signal('SIGSTOP')
  }
  while (!ended && !isStopped(running.process.pid)) await sleep(10)
  return ended ? undefined : { running }
}

function isStopped(pid: number | undefined): boolean {
  try {
    return /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits for a run; true when it waits for a lock that the paused one holds. */
async function endsOrWaits({ systems }: RentalsReference, ended: Promise<Ended>): Promise<boolean> {
  let over = false
  void ended.then(() => {
    over = true
  })
  for (let waits = 0; !over; ) {
    await Promise.race([ended, sleep(300)])
    const waiting = await systems.postgres.query(
      WAREHOUSE,
      "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND application_name LIKE 'millrace%'",
    )
    waits = waiting.length > 0 ? waits + 1 : 0
    if (waits > 2) return true
  }
  return false
}

/** Loads and deliveries that two runs say they have made. */
function committedTwice(ends: readonly Ended[]): string[] {
  const made = ends.flatMap(({ events }) =>
    events
      .filter(({ stage, phase, outcome }) => stage === 'load' && phase === 'end' && outcome === 'done')
      .map(({ stage, partition, target }) => `${stage} ${partition ?? '-'} ${target}`),
  )
  return made.filter((each, i) => made.indexOf(each) < i).map((each) => `committed twice: ${each}`)
}

async function wrongAt(ground: Ground, runners: readonly ProjectFolder[], expected: Content): Promise<string[]> {
  const faults: string[] = []
  for (const runner of runners) faults.push(...differences(await ground.content(runner), expected))
  return [...new Set(faults)]
}

/** The first runner, which may have left something, runs again: then all is as it must be, and nothing is left over. */
async function nothingLeft(ground: Ground, runners: Runners, { step, after }: KnownStep): Promise<string[]> {
  const faults: string[] = []
  const ended = await ground.run(runners[0], step)
  if (ended.code !== 0) faults.push(`run again: ${describeEnd(ended)}`)
  faults.push(...(await wrongAt(ground, runners, after)).map((fault) => `run again: ${fault}`))
  for (const runner of runners) faults.push(...(await ground.leftovers(runner)).map((path) => `left over: ${path}`))
  return faults
}
