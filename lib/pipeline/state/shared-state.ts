import type { Target } from '../define/bind.ts'
import { closureOf } from '../define/closure.ts'
import { isKeyOf } from '../define/input-key.ts'
import { contentOfLoad, type SeenContent } from '../define/read-columns.ts'
import { hasLoadsToApply } from '../run/apply-loads.ts'
import { usableLoad } from '../run/landed.ts'
import { extractedOf, type Session } from '../run/session.ts'
import { committedInputs } from './committed-inputs.ts'

/**
 * How what a pipeline's partitions share stands by its commit points: `done` when its datasets have landed and its targets are committed from what landed last; undefined where there is nothing of the kind. Asks no
 * source, computes nothing: of a target that is made from a cursor dataset's current state it is only known whether it was ever committed.
 */
export async function sharedState(session: Session): Promise<'done' | 'due' | undefined> {
  const { pipeline } = session
  const names = extractedOf(session, false)
  const targets = pipeline.targets.filter(({ partitioned }) => !partitioned)
  if (names.length === 0 && targets.length === 0) return undefined
  const contents = new Map<string, SeenContent>()
  for (const name of names) {
    const load = await usableLoad(session, name, undefined)
    if (!load) return 'due'
    if (pipeline.definition.extract[name]?.kind.by !== 'cursor') contents.set(name, contentOfLoad(load))
  }
  if (await hasLoadsToApply(session, targets)) return 'due'
  for (const target of targets) if (target.appliesLoadsOf.length === 0 && !(await isMade(session, target, contents))) return 'due'
  return 'done'
}

async function isMade(session: Session, target: Target, contents: ReadonlyMap<string, SeenContent>): Promise<boolean> {
  const { pipeline, steps } = session
  const keys = await committedInputs(session, target, undefined)
  const known = closureOf(pipeline, target.dataset).every(({ engine, name }) => engine !== 'extract' || contents.has(name))
  if (!known) return keys.length > 0
  const inputs = { steps, partition: undefined, contents: (name: string) => [contents.get(name) ?? { hash: '' }] }
  return keys.some((key) => isKeyOf(key, pipeline, target, inputs))
}
