import { parseArgs } from 'node:util'
import { TARGETS } from './parts/kills.ts'
import { crashes } from './rentals/crashes.ts'
import { killsAtRandom, killsWithin, type RentalsSettings } from './rentals/kills.ts'
import { overtakenRuns, pausedRuns } from './rentals/paused.ts'
import { makeRentalsReference, type RentalsReference } from './rentals/reference.ts'
import { startSystems } from './rentals/systems.ts'
import { brokenTwins } from './rentals/twins.ts'
import { conclude, type PartResult, summary, tellTrial } from './report.ts'
import type { Trial } from './trial.ts'

// The second half of `make torture`: the rentals pipeline, from PostgreSQL into a PostgreSQL warehouse and a bucket, is killed, paused and outrun, while a reader reads. `--short` is what `make test` does.

interface Part {
  readonly name: string
  readonly run: (references: readonly RentalsReference[], settings: RentalsSettings) => Promise<readonly Trial[]>
}

const PARTS: readonly Part[] = [
  ...TARGETS.map((stage): Part => ({ name: stage, run: (references, settings) => killsWithin(stage, references, settings) })),
  { name: 'random', run: async (references, settings) => (settings.short ? [] : killsAtRandom(references, settings, killsSoFar())) },
  { name: 'paused', run: async (references, settings) => (settings.short ? [] : pausedRuns(references, settings)) },
  { name: 'overtaken', run: overtakenRuns },
  { name: 'crashes', run: async (references, settings) => (settings.short ? [] : crashes(references, settings)) },
  { name: 'twins', run: brokenTwins },
]

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    kills: { type: 'string', default: '200' },
    short: { type: 'boolean', default: false },
    parts: { type: 'string', default: PARTS.map(({ name }) => name).join(',') },
    json: { type: 'boolean', default: false },
  },
})
const [seed, kills] = [Number(values.seed), Number(values.kills)]
const say = (line: string) => void (values.json ? process.stderr : process.stdout).write(`${line}\n`)
const results: PartResult[] = []
const references: RentalsReference[] = []

const killsSoFar = () => results.flatMap(({ trials }) => trials.flatMap((trial) => trial.kills)).length

say(`torture of rentals: seed ${seed}${values.short ? ', short form' : ''}`)
{
  await using systems = await startSystems()
  // Servers do not end with this process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, async () => {
      await systems[Symbol.asyncDispose]()
      process.exit(130)
    })
  try {
    // The short form has two steps, and lands in the bucket: what a second machine shares.
    if (values.short) references.push(await makeRentalsReference(systems, 'bucket', 2))
    else for (const landing of ['local', 'bucket'] as const) references.push(await makeRentalsReference(systems, landing))
    for (const { name, run } of PARTS.filter((part) => values.parts.split(',').includes(part.name))) {
      const begun = performance.now()
      const progress = (trial: Trial) => tellTrial(trial, say, values.json)
      const trials = await run(references, { seed, kills, short: values.short, progress })
      results.push({ name, trials })
      say(`${name}: ${summary(trials)}, ${Math.round((performance.now() - begun) / 1000)} s`)
    }
  } finally {
    for (const { runner } of references) runner.remove()
  }
}
const whole = !values.short && TARGETS.every((stage) => results.some(({ name }) => name === stage))
conclude(results, seed, say, whole ? Math.min(20, Math.ceil(kills / 8)) : 0)
if (values.json) process.stdout.write(`${JSON.stringify({ seed, results })}\n`)
