import { join } from 'node:path'
import { local } from '../../../lib/connectors/local/index.ts'
import type { FaultRule } from '../../kit/gcs-server.ts'
import type { Ended, Running, RunOptions } from '../child.ts'
import { runStep, startRun } from '../child.ts'
import { type Content, heldLocks, leftovers } from '../content.ts'
import type { ProjectFolder } from '../project.ts'
import type { Place } from '../trial.ts'
import { imbalances } from './balance.ts'
import { contentIn } from './content.ts'
import { environmentOf, type Landing, makeRunner } from './runner.ts'
import { type RentalsStep, SCRIPT } from './script.ts'
import { type Bucket, type Systems, WAREHOUSE } from './systems.ts'
import { versionsIn } from './versions.ts'

/** A step with what an unkilled run of it makes. */
export interface KnownStep {
  readonly step: RentalsStep
  /** The name under which database, prefix and runner's state before the step are kept. */
  readonly saved: string
  readonly before: Content
  readonly after: Content
  readonly run: Ended
}

export interface RentalsReference {
  readonly systems: Systems
  readonly landing: Landing
  readonly runner: ProjectFolder
  readonly known: readonly KnownStep[]
}

/** Runs the first steps of the script without a kill, and keeps what was there before each. */
export async function makeRentalsReference(systems: Systems, landing: Landing, steps = SCRIPT.length): Promise<RentalsReference> {
  const runner = makeRunner(systems)
  try {
    // Datasets that this pipeline has beside those of pipelines/rentals.
    runner.plan('rentals')
    const known: KnownStep[] = []
    const ground = await groundOf({ systems, landing, runner }, undefined)
    let before: Content = new Map()
    for (const [i, step] of SCRIPT.slice(0, steps).entries()) {
      const run = await ground.run(runner, step)
      if (run.code !== 0) throw new Error(`the unkilled run of "${step.name}" ended with ${run.code}:\n${run.stderr}${run.stdout}`)
      const after = await ground.content(runner)
      const wrong = [...[...after.keys()].filter((name) => name.startsWith('fault')), ...(await ground.leftovers(runner))]
      if (wrong.length > 0) throw new Error(`the unkilled run of "${step.name}" left ${wrong.join(', ')}`)
      known.push({ step, saved: savedName(landing, i), before, after, run })
      before = after
      const next = savedName(landing, i + 1)
      await systems.postgres.query('postgres', `CREATE DATABASE ${next} TEMPLATE ${WAREHOUSE}`)
      await systems.bucket.copy(ground.prefix, next)
      runner.save(next)
    }
    return { systems, landing, runner, known }
  } catch (error) {
    runner.remove()
    throw error
  }
}

const savedName = (landing: Landing, i: number) => `before_${landing}_${i}`

/** Warehouse and bucket of one trial, and the runners on them. */
export interface Ground {
  readonly prefix: string
  start(runner: ProjectFolder, step: RentalsStep, options?: RunOptions): Running
  run(runner: ProjectFolder, step: RentalsStep, options?: RunOptions): Promise<Ended>
  content(runner: ProjectFolder): Promise<Content>
  leftovers(runner: ProjectFolder): Promise<string[]>
  /** Which write each commit point stands from, see `versionsIn`. */
  versions(): Promise<Content>
  /** Where one runner runs one step. */
  place(runner: ProjectFolder, step: RentalsStep): Place
}

export interface GroundOptions {
  /** Default true. */
  readonly extension?: boolean
  /** In place of the bucket that all share. */
  readonly bucket?: Bucket
  /** What goes wrong in the bucket from now on. Of writes alone, since whoever looks reads. */
  readonly faults?: readonly FaultRule[]
}

let grounds = 0

/** Makes warehouse and bucket what they were before a step (undefined: empty), and the runners too; a second runner has a copy of the first one's landing, where that is local. */
export async function groundOf(
  { systems, landing, runner }: Pick<RentalsReference, 'systems' | 'landing' | 'runner'>,
  saved: string | undefined,
  others: readonly ProjectFolder[] = [],
  { extension = true, bucket = systems.bucket, faults = [] }: GroundOptions = {},
): Promise<Ground> {
  const { postgres } = systems
  const prefix = `ground-${++grounds}`
  await bucket.calm()
  await postgres.query('postgres', `DROP DATABASE IF EXISTS ${WAREHOUSE} WITH (FORCE)`)
  const kept = saved !== undefined && !saved.endsWith('_0')
  await postgres.query('postgres', `CREATE DATABASE ${WAREHOUSE}${kept ? ` TEMPLATE ${saved}` : ''}`)
  if (kept) await bucket.copy(saved, prefix)
  for (const each of [runner, ...others]) each.restore(kept && (each === runner || landing === 'local') ? saved : 'nothing', runner)
  if (faults.length > 0) await bucket.fail(...faults)
  const optionsOf = (step: RentalsStep, options: RunOptions): RunOptions => ({
    group: true,
    args: ['run', 'rentals', ...step.args],
    ...options,
    env: { ...environmentOf({ source: step.source, prefix, landing, extension }), ...options.env },
  })
  const sessions = async () => {
    const begun = performance.now()
    for (;;) {
      const rows = await postgres.query(
        'postgres',
        "SELECT application_name || ': ' || query FROM pg_stat_activity WHERE application_name LIKE 'millrace%'",
      )
      if (rows.length === 0 || performance.now() - begun > 5_000) return rows.flat().map((text) => `session ${text}`)
      await new Promise((done) => setTimeout(done, 50))
    }
  }
  const temporaries = async () => {
    const keys: string[] = []
    for await (const key of bucket.under(prefix).openStore().list('')) if (/(^|\/)(_tmp|\.millrace-tmp)\//.test(key)) keys.push(key)
    return keys
  }
  const left = async (at: ProjectFolder) => [...leftovers(at.state), ...(await sessions()), ...(await temporaries()), ...balance(at)]
  const content = (at: ProjectFolder) =>
    contentIn({
      landing: landing === 'bucket' ? bucket.under(`${prefix}/landing`).openStore() : local(join(at.state, 'landing')).openStore(),
      store: bucket.under(`${prefix}/store`).openStore(),
      warehouse: () => postgres.client(WAREHOUSE),
    })
  return {
    prefix,
    start: (at, step, options = {}) => startRun(at, step, optionsOf(step, options)),
    run: (at, step, options = {}) => runStep(at, step, optionsOf(step, options)),
    content,
    leftovers: left,
    versions: async () => versionsIn(bucket.under(`${prefix}/store`).openStore(), await postgres.client(WAREHOUSE)),
    place: (at, step) => ({
      run: (options) => runStep(at, step, optionsOf(step, options)),
      content: () => content(at),
      heldLocks: () => heldLocks(at.state),
      leftovers: () => left(at),
    }),
  }
}

/** Every run that ended has a record, and its rows add up. */
function balance({ state }: ProjectFolder): string[] {
  const { records, faults } = imbalances(state)
  return records > 0 ? [...faults] : ['no run record']
}
