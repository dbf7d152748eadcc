import { join } from 'node:path'
import type { Ended, RunOptions } from '../child.ts'
import { type Known, type Reference, rewind } from '../reference.ts'
import { PIPELINE } from '../scenario.ts'
import { describeEnd, killed, strike, type Trial } from '../trial.ts'
import { operationsOf, strikeOperation } from './disk-faults.ts'
import type { Settings } from './part.ts'

const TWINS = join(import.meta.dirname, '../twins')
const PRELOAD = join(import.meta.dirname, '../preload')

/**
 * The same checks on millrace and on twins of it that are broken in one place: the twin must be caught, the real one must not. A twin that is not caught is a fault of the harness. (The twin without fsync is in
 * power-cuts.ts, since no kill shows it.)
 */
export async function brokenTwins(reference: Reference, { progress }: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  const tell = (trial: Trial) => {
    progress(trial)
    trials.push(trial)
  }
  const known = reference.known[1]
  if (!known) throw new RangeError('the script has one step only')

  const twin = [join(TWINS, 'manifest-first.ts')]
  for (const [what, operation] of [
    ['landing', /^link .*\/sale\/[^/]+\/[^/]+\.parquet$/],
    ['export', /^link .*\/daily\/[^/]+\/[^/]+\.csv$/],
  ] as const) {
    tell(await atOperation(reference, known, operation, []))
    tell(mustBeCaught(`manifest before data, ${what}`, await atOperation(reference, known, operation, twin)))
  }

  // Customer is landed beside shop, so that the operation's number is not the same in every run.
  const rows = /^link .*\/customer\/_all\/[^/]+\.parquet$/
  tell(await atOperation(reference, known, rows, []))
  const config = PIPELINE['millrace.config.ts'] ?? ''
  const broken = config
    .replace("landing: local('.millrace/dev/landing')", "landing: cursorFirst(local('.millrace/dev/landing'), '.millrace/cursor')")
    .replace(/^/, `import { cursorFirst } from ${JSON.stringify(join(TWINS, 'cursor-first.ts'))}\n`)
  try {
    reference.project.write({ 'millrace.config.ts': broken })
    tell(mustBeCaught('cursor saved first', await atOperation(reference, known, rows, [])))
  } finally {
    reference.project.write({ 'millrace.config.ts': config })
  }

  for (const reader of ['real', 'end-of-file'] as const) {
    rewind(reference, known)
    const dying: RunOptions = { preload: [join(PRELOAD, 'dying-producer.ts')], env: { TORTURE_FIFO: reader } }
    const trial = await strike(reference, known, `a producer dies, read by ${reader}`, [dying], reader === 'real' ? failed : () => [])
    tell(reader === 'real' ? trial : mustBeCaught("FIFO's end of file taken for success", trial))
  }
  return trials
}

/** Kills at the operation that a pattern names, found in an unkilled run. */
async function atOperation(reference: Reference, known: Known, operation: RegExp, twin: readonly string[]): Promise<Trial> {
  for (let attempt = 1; ; attempt++) {
    const nth = (await operationsOf(reference, known, twin)).findIndex((each) => operation.test(each)) + 1
    if (nth === 0) throw new Error(`no operation is like ${operation}`)
    const trial = await strikeOperation(reference, known, 'kill', nth, killed, twin)
    if (operation.test(trial.name.slice(trial.name.indexOf('(') + 1, -1)) || attempt === 5) return trial
  }
}

const failed = (ended: Ended) => (ended.code !== 0 && ended.code !== null ? [] : [`did not fail: ${describeEnd(ended)}`])

/** Turns the verdict on a twin round. */
export function mustBeCaught(name: string, { faults, ...trial }: Trial): Trial {
  return {
    ...trial,
    name: `twin: ${name}, caught by: ${faults[0]?.split('\n')[0] ?? 'nothing'}`,
    faults: faults.length > 0 ? [] : ['the broken twin was not caught'],
  }
}
