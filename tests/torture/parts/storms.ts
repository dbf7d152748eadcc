import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Chance, chanceOf } from '../chance.ts'
import { type Ended, killProcess, processesIn, type RunOptions, runStep, startRun } from '../child.ts'
import { type Content, contentOf, differences, heldLocks, leftovers } from '../content.ts'
import { type Known, type Reference, rewind } from '../reference.ts'
import { date } from '../scenario.ts'
import { describeEnd, type Place, strikeAt, type Trial, type Verdict } from '../trial.ts'
import type { Settings } from './part.ts'

const JUMPING_CLOCK = join(import.meta.dirname, '../preload/jumping-clock.ts')

/** Deaths of workers that cost a partition no more than an attempt each. */
const ATTEMPTS = '40'

/**
 * Backfills under 2 to 20 kills each, of workers and of the parent, come to what an unkilled `run` of one process makes. So do backfills of overlapping ranges at once, one whose machine's clock jumps, and one with a partition
 * that always fails: for all others.
 */
export async function killStorms(reference: Reference, { seed, short, progress }: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  const tell = (trial: Trial) => {
    progress(trial)
    trials.push(trial)
  }
  for (let storm = 1; storm <= (short ? 1 : 6); storm++)
    for (const known of reference.known) {
      const name = `storm ${storm}, ${known.step.name}`
      rewind(reference, known)
      tell(await underFire(reference, known, name, chanceOf(seed, name)))
    }
  const [first] = reference.known
  if (!first) throw new RangeError('the script has no step')
  for (let pair = 1; pair <= (short ? 1 : 6); pair++) {
    // Later ones would be other work: days that are named are made again from what shops there are now.
    rewind(reference, first)
    tell(await overlapping(reference, first, `two at once ${pair}`, chanceOf(seed, `overlap ${pair}`)))
  }
  rewind(reference, first)
  tell(await jumping(reference, first))
  rewind(reference, first)
  tell(await poisoned(reference, first, chanceOf(seed, 'poisoned')))
  return trials
}

function backfillOf({ step }: Known, jobs: number, args: readonly string[] = step.args): RunOptions {
  return { args: ['backfill', 'sales', ...args, '--jobs', String(jobs), '--attempts', ATTEMPTS, '--keep-going'] }
}

function placeOf({ project }: Reference, known: Known, backfill: RunOptions): Place {
  return {
    run: (each) => runStep(project, known.step, { ...backfill, ...each }),
    content: () => contentOf(project.state),
    heldLocks: () => heldLocks(project.state),
    leftovers: () => leftovers(project.state),
  }
}

/** Some kills strike a worker, and the backfill goes on; the last of an attempt its parent, and it is given again. */
async function underFire(reference: Reference, known: Known, name: string, chance: Chance): Promise<Trial> {
  const attempts: RunOptions[] = []
  for (let left = 2 + chance.below(19); left > 0; ) {
    const workers = Math.min(left - 1, chance.below(6))
    const lasts = known.run.ms
    attempts.push({
      strikes: Array.from({ length: workers }, () => ({ afterMs: chance.next() * lasts, nth: chance.below(100) })),
      kill: { afterMs: chance.next() * lasts },
    })
    left -= workers + 1
  }
  const jobs = 1 + chance.below(3)
  return strikeAt(placeOf(reference, known, backfillOf(known, jobs)), known, `${name}, ${jobs} jobs`, attempts, { verdict: struckOrDone })
}

/** What strikes the parent's own reader, while it reads what all share, ends the backfill: it says so. */
const struckOrDone: Verdict = (ended) =>
  ended.signal === 'SIGKILL' || ended.code === 0 || ended.stdout.includes('the reader was killed')
    ? []
    : [`ended by itself: ${describeEnd(ended)}`]

/** Two backfills begin within a moment of each other, over ranges that have days in common; a worker of either dies. Both succeed: each partition is made by one of them, and the other looks again. */
async function overlapping(reference: Reference, known: Known, name: string, chance: Chance): Promise<Trial> {
  const { project } = reference
  const days = Number(known.step.now.slice(8, 10))
  const whole = () => ['--from', date(1), '--to', date(days)]
  const start = (args: readonly string[]) => startRun(project, known.step, { ...backfillOf(known, 2, args), shares: true })
  const first = start(whole())
  await sleep(chance.below(400))
  const second = start(chance.below(2) === 0 ? whole() : ['--from', date(2), '--to', date(days), '--newest-first'])
  await sleep(chance.next() * known.run.ms)
  const victims = processesIn(project.folder).filter((pid) => pid !== first.process.pid && pid !== second.process.pid)
  if (victims.length > 0) killProcess(chance.pick(victims))
  const ends = await Promise.all([first.ended, second.ended])
  const outrun = ({ stdout }: Ended) => /failed delivery book: .*another delivery/.test(stdout) && !/^2024-\S+ +failed/m.test(stdout)
  const faults = ends.flatMap((ended) => (ended.code === 0 || outrun(ended) ? [] : [`did not succeed: ${describeEnd(ended)}`]))
  if (!ends.some(({ code }) => code === 0)) faults.push(`neither succeeded: ${ends.map(describeEnd).join('\n')}`)
  // Whoever ends first switches the named delivery to what is there by then: only what it comes to in the end is the same.
  const place = placeOf(reference, known, backfillOf(known, 2))
  const atLast = { before: withoutHistory(known.before), after: withoutHistory(known.after) }
  const rerun = await strikeAt({ ...place, content: async () => withoutHistory(await place.content()) }, atLast, name, [])
  return { ...rerun, faults: [...faults, ...rerun.faults] }
}

/** Without what the named delivery was before its last switch. */
function withoutHistory(content: Content): Content {
  const latest = content.get('export book/latest.json') ?? ''
  return new Map(
    [...content].flatMap(([name, text]): [string, string][] => {
      const key = name.replace('export ', '')
      if (key === 'book/latest.json') return [[name, text.replace(/"switch":\d+/, '')]]
      return /^book\/(manifest|switch)-/.test(key) && !latest.includes(`"${key}"`) ? [] : [[name, text]]
    }),
  )
}

/** The clock of parent and workers jumps. */
async function jumping(reference: Reference, known: Known): Promise<Trial> {
  const clock = { preload: [JUMPING_CLOCK], env: { NODE_OPTIONS: `--import ${JUMPING_CLOCK}` } }
  const backfill = { ...backfillOf(known, 2), ...clock }
  return strikeAt(placeOf(reference, known, backfill), known, "the machine's clock jumps", [])
}

/** One day's file has a value that is none: its partition and whoever looks back on it fail, all others are made; mended, everything is as if it had always been right. */
async function poisoned(reference: Reference, known: Known, chance: Chance): Promise<Trial> {
  const { project } = reference
  const days = Number(known.step.now.slice(8, 10)) - 1
  const day = 1 + chance.below(days)
  const path = `data/sales/${date(day)}.csv`
  const sound = known.step.files[path] ?? ''
  project.write({ [path]: sound.replace(/\.\d\d\n/, '.x\n') })
  const strikes = [{ afterMs: chance.next() * known.run.ms, nth: chance.below(100) }]
  const ended = await runStep(project, known.step, { ...backfillOf(known, 2), strikes })
  const faults = [...wrongPoison(ended, date(day)), ...(await unlikeSound(reference, known, day))]
  project.write({ [path]: sound })
  const rerun = await strikeAt(placeOf(reference, known, backfillOf(known, 2)), known, `a partition that always fails, ${date(day)}`, [])
  return { ...rerun, faults: [...faults, ...rerun.faults] }
}

function wrongPoison(ended: Ended, day: string): string[] {
  const said = ended.stdout + ended.stderr
  return ended.code === 1 && said.includes(`${day}`) && /amount/.test(said)
    ? []
    : [`does not fail for that day alone: ${describeEnd(ended)}`]
}

/** What of days that do not see the poisoned one is not as in the end; named deliveries wait for all. */
async function unlikeSound({ project }: Reference, { after }: Known, day: number): Promise<string[]> {
  const found = await contentOf(project.state)
  const names = [...after.keys()].filter((name) => {
    const of = /2024-01-(\d\d)/.exec(name)?.[1]
    return name.startsWith('warehouse fct_daily ') && of !== undefined && Number(of) !== day && Number(of) !== day + 1
  })
  const wrong = names
    .filter((name) => found.get(name) !== after.get(name))
    .map((name) => `${name} is not there in spite of another day's fault`)
  return [...wrong, ...differences(new Map([...found].filter(([name]) => name.startsWith('fault'))), new Map())]
}
