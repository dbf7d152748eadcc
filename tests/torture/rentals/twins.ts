import { join } from 'node:path'
import type { RunOptions } from '../child.ts'
import type { Settings } from '../parts/part.ts'
import { mustBeCaught } from '../parts/twins.ts'
import { describeEnd, type Trial } from '../trial.ts'
import { HALTING } from './halting.ts'
import { overtaken } from './paused.ts'
import { groundOf, type RentalsReference } from './reference.ts'
import { makeRunnerLike } from './runner.ts'
import { startTwinBucket } from './systems.ts'
import { watched } from './watched.ts'

const TWINS = join(import.meta.dirname, 'twins')

/** Twins of warehouse, store and bucket that are broken in one place each: they must be caught, and for that. */
export async function brokenTwins([reference]: readonly RentalsReference[], { progress }: Settings): Promise<readonly Trial[]> {
  const [first, known] = reference?.known ?? []
  if (!reference || !first || !known) throw new RangeError('the script has one step only')
  const { systems } = reference
  const trials: Trial[] = []
  const tell = (trial: Trial) => {
    progress(trial)
    trials.push(trial)
  }
  const killedAt = async (changes: readonly (readonly [from: string, to: string])[], at: string): Promise<Trial> => {
    const runner = makeRunnerLike(reference.runner, systems, changes)
    const kill: RunOptions = { env: { TORTURE_HALT: at, TORTURE_HALT_SIGNAL: 'SIGKILL' } }
    try {
      const ground = await groundOf(reference, known.saved, [runner])
      return await watched(reference, ground, [known.before, known.after], async () => {
        const ended = await ground.run(runner, known.step, kill)
        const faults = ended.signal === 'SIGKILL' ? [] : [`not killed: ${describeEnd(ended)}`]
        return { name: at, kills: [ended.within], faults, orphanMs: ended.orphanMs ?? 0 }
      })
    } finally {
      runner.remove()
    }
  }
  const imports = (name: string, file: string) =>
    ["from '#millrace'\n", `from '#millrace'\nimport { ${name} } from ${JSON.stringify(join(TWINS, file))}\n`] as const

  const apart = await killedAt(
    [
      imports('tokenApart', 'token-apart.ts'),
      ...HALTING,
      ['warehouse: haltingWarehouse(', 'warehouse: tokenApart(haltingWarehouse('],
      ["'warehouse' }))", "'warehouse' })), { ...server, database: 'warehouse' })"],
    ],
    'after load customer_moves',
  )
  tell(mustBeCaught('token in another transaction', /^a reader sees: warehouse customer_moves: /, apart))

  const early = await killedAt(
    [
      imports('latestFirst', 'latest-first.ts'),
      ...HALTING,
      ["haltingStore(bucket('store'))", "latestFirst(haltingStore(bucket('store')))"],
    ],
    'after put .*/latest\\.json',
  )
  tell(mustBeCaught('latest.json before the file', /^a reader sees: fault .*latest\.json: .* is not there/, early))

  await using bucket = await startTwinBucket(systems)
  const runners = [HALTING, []].map((changes) => makeRunnerLike(reference.runner, { ...systems, bucket }, changes))
  const [one, other] = runners
  if (!one || !other) throw new RangeError('two runners')
  try {
    const back = await overtaken(reference, [one, other], first, known, 'before copy rentals/revenue/2005-07\\.csv', { bucket })
    tell(mustBeCaught('a bucket without preconditions', /^written by the paused run: rentals\/revenue\/2005-07\.csv: /, back))
  } finally {
    for (const runner of runners) runner.remove()
  }
  return trials
}
