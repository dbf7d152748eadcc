import { join } from 'node:path'
import type { RunOptions } from '../child.ts'
import { type Known, type Reference, rewind } from '../reference.ts'
import { PIPELINE } from '../scenario.ts'
import { describeEnd, strike, type Trial, type Verdict } from '../trial.ts'
import { DISK_FAULT } from './disk-faults.ts'
import type { Settings } from './part.ts'

const TWINS = join(import.meta.dirname, '../twins')
const PRELOAD = join(import.meta.dirname, '../preload')

/**
 * The same checks on millrace and on twins of it that are broken in one place: the twin must be caught, the real one must not. A twin that is not caught, or for another reason, is a fault of the harness. (The twin
 * without fsync is in power-cuts.ts, since no kill shows it.)
 */
export async function brokenTwins(reference: Reference, { short, progress }: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  const tell = (trial: Trial) => {
    progress(trial)
    trials.push(trial)
  }
  const known = reference.known[1]
  if (!known) throw new RangeError('the script has one step only')
  const rows = /^link .*\/customer\/_all\/[^/]+\.parquet$/
  const window = /^link .*\/sale\/[^/]+\/[^/]+\.parquet$/
  const delivery = /^link .*\/daily\/[^/]+\/[^/]+\.csv$/
  if (!short) for (const operation of [rows, window, delivery]) tell(await killAt(reference, known, operation, []))

  const twin = [join(TWINS, 'manifest-first.ts')]
  const missing = /^run 1: fault .*(is missing|no object)/
  tell(mustBeCaught('manifest before data, landing', missing, await killAt(reference, known, window, twin)))
  tell(mustBeCaught('manifest before data, export', missing, await killAt(reference, known, delivery, twin)))

  const config = PIPELINE['millrace.config.ts'] ?? ''
  const broken = config
    .replace("landing: local('.millrace/dev/landing')", "landing: cursorFirst(local('.millrace/dev/landing'), '.millrace/cursor')")
    .replace(/^/, `import { cursorFirst } from ${JSON.stringify(join(TWINS, 'cursor-first.ts'))}\n`)
  try {
    reference.project.write({ 'millrace.config.ts': broken })
    tell(mustBeCaught('cursor saved first', /^landing customer state: \d+ rows/, await killAt(reference, known, rows, [])))
  } finally {
    reference.project.write({ 'millrace.config.ts': config })
  }

  tell(await producerDies(reference, known, 'real', failed))
  const taken = await producerDies(reference, known, 'end-of-file', () => [])
  tell(mustBeCaught("FIFO's end of file taken for success", /^export \S+\.csv: \d+ bytes .* instead of \d+ bytes/, taken))
  return trials
}

/** The run is killed when it begins the first disk operation that is like the pattern. */
async function killAt(reference: Reference, known: Known, operation: RegExp, twin: readonly string[]): Promise<Trial> {
  rewind(reference, known)
  const env = { TORTURE_DISK: `match:${join(reference.project.folder, 'operation.txt')}`, TORTURE_MATCH: operation.source }
  const trial = await strike(reference, known, `kill at ${operation.source}`, [{ preload: [DISK_FAULT, ...twin], env }])
  return trial.kills.length > 0 ? trial : { ...trial, faults: [...trial.faults, 'no operation was like it'] }
}

async function producerDies(reference: Reference, known: Known, reader: 'real' | 'end-of-file', verdict: Verdict): Promise<Trial> {
  rewind(reference, known)
  const dying: RunOptions = { preload: [join(PRELOAD, 'dying-producer.ts')], env: { TORTURE_FIFO: reader } }
  return strike(reference, known, `a producer dies, read by ${reader}`, [dying], { verdict })
}

const failed: Verdict = (ended) => (ended.code !== 0 && ended.code !== null ? [] : [`did not fail: ${describeEnd(ended)}`])

/** Turns the verdict on a twin round: it must have been caught, and for what is wrong with it. */
export function mustBeCaught(name: string, by: RegExp, { faults, ...trial }: Trial): Trial {
  const why = faults.find((fault) => by.test(fault))?.split('\n')[0]
  if (why !== undefined) return { ...trial, name: `twin: ${name}, caught by: ${why}`, faults: [] }
  return { ...trial, name: `twin: ${name}`, faults: ['the broken twin was not caught', ...faults] }
}
