import { parseArgs } from 'node:util'
import { decisions } from './parts/decisions.ts'
import { failuresOfOperations, killsAtOperations } from './parts/disk-faults.ts'
import { randomKills, targetedKills } from './parts/kills.ts'
import type { Settings } from './parts/part.ts'
import { powerCuts } from './parts/power-cuts.ts'
import { signals } from './parts/signals.ts'
import { killStorms } from './parts/storms.ts'
import { brokenTwins } from './parts/twins.ts'
import { makeReference, type Reference } from './reference.ts'
import { conclude, summary, tellTrial } from './report.ts'
import { FEW_DAYS, LARGE, MANY_DAYS, type Scale, SMALL } from './scenario.ts'
import type { Trial } from './trial.ts'

// `make torture`: kills runs at random moments, within stages and at each disk operation, and compares what they leave with what an unkilled run leaves. `--short` is what `make test` does.

interface Part {
  readonly name: string
  readonly what: string
  readonly scale: (short: boolean) => Scale
  readonly run: (reference: Reference, settings: Settings) => Promise<readonly Trial[]>
}

const PARTS: readonly Part[] = [
  { name: 'random', what: 'SIGKILL at random moments', scale: (short) => (short ? SMALL : LARGE), run: randomKills },
  { name: 'targeted', what: 'SIGKILL within land, load, export', scale: (short) => (short ? SMALL : LARGE), run: targetedKills },
  { name: 'operations', what: 'SIGKILL at the Nth disk operation', scale: () => SMALL, run: killsAtOperations },
  { name: 'eio', what: 'EIO at the Nth disk operation', scale: () => SMALL, run: failuresOfOperations },
  { name: 'twins', what: 'broken twins are caught', scale: () => SMALL, run: brokenTwins },
  { name: 'power', what: 'power cut after each disk operation', scale: () => SMALL, run: powerCuts },
  { name: 'decisions', what: 'gates, accepts and rollbacks, killed and all at once', scale: () => SMALL, run: decisions },
  {
    name: 'storms',
    what: 'backfills: kill storms, two at once, jumping clock, a poisoned day',
    scale: (short) => (short ? FEW_DAYS : MANY_DAYS),
    run: killStorms,
  },
  { name: 'signals', what: 'signals, two runs at once, a paused run', scale: () => SMALL, run: signals },
]

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    short: { type: 'boolean', default: false },
    parts: { type: 'string', default: PARTS.map(({ name }) => name).join(',') },
    json: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const say = (line: string) => void (values.json ? process.stderr : process.stdout).write(`${line}\n`)
const references = new Map<Scale, Reference>()
const results: { name: string; what: string; trials: readonly Trial[] }[] = []

say(`torture: seed ${seed}${values.short ? ', short form' : ''}`)
try {
  for (const { name, what, scale, run } of PARTS.filter((part) => values.parts.split(',').includes(part.name))) {
    const begun = performance.now()
    const size = scale(values.short)
    const reference = references.get(size) ?? (await makeReference(size))
    references.set(size, reference)
    const trials = await run(reference, { seed, short: values.short, progress: (trial) => tellTrial(trial, say, values.json) })
    results.push({ name, what, trials })
    say(`${name}: ${summary(trials)}, ${Math.round((performance.now() - begun) / 1000)} s`)
  }
} finally {
  for (const reference of references.values()) reference[Symbol.dispose]()
}
conclude(results, seed, say, !values.short && results.some(({ name }) => name === 'targeted') ? 20 : 0)
if (values.json) process.stdout.write(`${JSON.stringify({ seed, results })}\n`)
