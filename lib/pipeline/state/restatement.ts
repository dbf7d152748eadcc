import type { RunContext } from '../../core/context.ts'
import { ConfigError } from '../../core/errors.ts'
import { currentLoad } from '../../land/loads.ts'
import type { Recipe } from '../../state/recipes.ts'
import { type Target, targetName } from '../define/bind.ts'
import { closureOf } from '../define/closure.ts'
import { codeDigits, isKeyOf, type KeyInputs, keyParts, sharedDigits, sharedInputs } from '../define/input-key.ts'
import type { Partition } from '../define/partitions.ts'
import { codeRecipe, sharedRecipe, wholeDigits } from '../define/recipe.ts'
import { sharedDataset } from '../run/compute.ts'
import { contentsOf } from '../run/contents.ts'
import { forwarded } from '../run/forward.ts'
import { ALL, columnsAsked, loadOfWindow, usableLoad } from '../run/landed.ts'
import { extractedOf, readableOf, type Session } from '../run/session.ts'
import type { StaleReport } from '../stale-report.ts'
import { type Change, codeChanges, inputChanges } from './changes.ts'
import { committedInputs } from './committed-inputs.ts'
import { causeOf } from './consequences.ts'
import { renamedTables } from './renamed-tables.ts'
import { partitionStates } from './states.ts'

/** What would come out under another input key than it was committed under, and why. */
export interface Restatement extends Omit<StaleReport, 'pipeline' | 'profile' | 'again' | 'partitions' | 'byInputs' | 'due'> {
  /** Done, and stale in this sense, or made again by a run that was killed before its end; oldest first. */
  readonly partitions: readonly Partition[]
  /** Those of them that today's code has made. */
  readonly byInputs: readonly Partition[]
  /** Not done, since a source's columns or what is asked of it changed. */
  readonly due: readonly Partition[]
}

/**
 * Compares what is committed with what would be committed now, from what has landed: asks no source. Which partitions are stale the commit points alone decide; what changed is told where the recipes of their keys were
 * kept. `ctx`: a cursor dataset's current state is made in its workspace.
 */
export async function restatement(session: Session, now: Date, ctx: RunContext): Promise<Restatement> {
  const found = changesFound()
  await seeShared(session, ctx)
  const { pipeline } = session
  const [stale, byInputs, due]: [Partition[], Partition[], Partition[]] = [[], [], []]
  let [done, waiting] = [0, 0]
  for (const { partition, state, stale: byCode, unfinished } of await partitionStates(session, now)) {
    if (state === 'due' && !unfinished) waiting++
    if (state === 'due' && (await findAsked(session, partition, found))) due.push(partition)
    if (state !== 'done' && !unfinished) continue
    done++
    if (!(await findOther(session, partition, found)).other && !unfinished) continue
    stale.push(partition)
    if (!byCode && !unfinished) byInputs.push(partition)
  }
  const shared = await findOther(session, undefined, found)
  await findAsked(session, undefined, found)
  await findOneByOne(session, found)
  for (const { target, was, partitions } of await renamedTables(session)) {
    const change: Change = { kind: 'renamed', name: targetName(target), what: was }
    for (const partition of partitions) found.add(change, [target.dataset], target, partition || undefined)
  }
  return {
    causes: found.all().map(({ change, begins, reached }) => causeOf(pipeline, change, begins, reached)),
    partitions: stale,
    byInputs,
    due,
    done,
    waiting,
    made: done > 0 || shared.made,
  }
}

/**
 * The stale partitions among those that were named (undefined: all), oldest first. What this looked at of shared datasets is forgotten: a run lands them first.
 */
export async function stalePartitions(
  session: Session,
  named: readonly Partition[] | undefined,
  now: Date,
  ctx: RunContext,
): Promise<readonly Partition[]> {
  const looking: Session = { ...session, shared: new Map(), whole: new Map(), pinned: new Set() }
  const { partitions } = await restatement(looking, now, ctx)
  const wanted = named && new Set(named.map(({ name }) => name))
  return wanted ? partitions.filter(({ name }) => wanted.has(name)) : partitions
}

/** Puts what the partitions share where units look for it. What has not landed is not there: nothing was made of it. */
async function seeShared(session: Session, ctx: RunContext): Promise<void> {
  const { pipeline, store, shared, whole } = session
  for (const name of readableOf(session, false)) {
    if (pipeline.definition.extract[name]?.kind.by === 'cursor') {
      const state = await sharedDataset(session, name, ctx).catch((error: unknown) => {
        if (error instanceof ConfigError) return undefined
        throw error
      })
      if (state) shared.set(name, state)
      continue
    }
    const load = await currentLoad(store, pipeline.definition.name, name, ALL)
    if (!load) continue
    whole.set(name, load)
    shared.set(name, { name, columns: load.columns, files: [], rows: load.rows, hash: load.contentHash })
  }
}

/** Notes what changed since the targets of a partition (undefined: those that have none) were committed; gives whether anything did, and whether there is a commit. */
async function findOther(
  session: Session,
  partition: Partition | undefined,
  found: ChangesFound,
): Promise<{ readonly other: boolean; readonly made: boolean }> {
  const { pipeline, steps } = session
  const { seen } = await contentsOf(session, extractedOf(session, partition !== undefined), partition)
  const inputs: KeyInputs = { steps, partition, contents: (name) => seen.get(name) ?? [] }
  let [other, made] = [false, false]
  for (const target of pipeline.targets) {
    if (target.partitioned !== (partition !== undefined) || target.appliesLoadsOf.length > 0 || forwarded(pipeline, target)) continue
    const keys = await committedInputs(session, target, partition?.name)
    const [key] = keys
    made ||= key !== undefined
    if (key === undefined || keys.some((each) => isKeyOf(each, pipeline, target, inputs))) continue
    other = true
    for (const change of await changesSince(session, target, key, inputs))
      found.add(change, beginsAt(session, change, target), target, partition?.name)
  }
  return { other, made }
}

/** Notes by which code tables have taken the last of the loads that they take one by one, where it was another: what is there of them stays. */
async function findOneByOne(session: Session, found: ChangesFound): Promise<void> {
  const { pipeline, steps, recipes, tokens } = session
  for (const target of pipeline.targets) {
    if (target.appliesLoadsOf.length === 0 || target.stage !== 'load') continue
    const key = tokens.get(target.load.table, '')?.inputKey
    const before = key === undefined ? undefined : await recipes.find(wholeDigits(key))
    for (const change of before ? codeChanges(before, codeRecipe(pipeline, target, steps), target.load.table) : [])
      found.add(change, beginsAt(session, change, target), target, undefined)
  }
}

const UNKNOWN: Change = { kind: 'unknown', name: 'made by other code', what: 'what it was is not recorded' }

async function changesSince(session: Session, target: Target, key: string, inputs: KeyInputs): Promise<readonly Change[]> {
  const { pipeline, steps, recipes } = session
  const [code, shared] = [codeRecipe(pipeline, target, steps), sharedRecipe(pipeline, target, inputs.contents)]
  const called = targetName(target)
  if (!target.partitioned) {
    const before = await recipes.find(wholeDigits(key))
    if (!before) return [{ ...UNKNOWN, name: 'made by other code, or of other inputs' }]
    const changes = codeChanges(before, code, called)
    return orUnknown([...changes, ...inputChanges(before, shared, changes.length === 0)])
  }
  const was = keyParts(key)
  const changes = was.code === codeDigits(pipeline, target, steps) ? [] : await codeSince(session, was.code, code, called)
  const today = sharedDigits(pipeline, target, inputs.contents)
  if (was.shared === today && today !== undefined) return changes.length > 0 ? changes : [earlierLoads(session, target)]
  const before = was.shared === undefined ? undefined : await recipes.find(was.shared)
  if (before) return orUnknown([...changes, ...inputChanges(before, shared, changes.length === 0)])
  if (changes.length > 0) return changes
  const names = sharedInputs(pipeline, target)
  if (names.length === 0) return [earlierLoads(session, target)]
  return [{ kind: 'input', name: names.join(' or '), what: 'its content' }]
}

async function codeSince({ recipes }: Session, digits: string | undefined, now: Recipe, called: string): Promise<readonly Change[]> {
  const before = digits === undefined ? undefined : await recipes.find(digits)
  return before ? orUnknown(codeChanges(before, now, called)) : [UNKNOWN]
}

const orUnknown = (changes: readonly Change[]) => (changes.length > 0 ? changes : [UNKNOWN])

/** Nothing else that enters a partition's key is left. */
function earlierLoads({ pipeline }: Session, { dataset }: Target): Change {
  const looking = closureOf(pipeline, dataset).filter(({ engine, lookback }) => engine === 'extract' && lookback)
  if (looking.length === 0) return UNKNOWN
  return { kind: 'input', name: looking.map(({ name }) => name).join(' or '), what: 'an earlier partition that its look-back sees' }
}

/** The datasets of a target's closure that a change begins at. */
function beginsAt({ pipeline }: Session, change: Change, target: Target): readonly string[] {
  const closure = closureOf(pipeline, target.dataset)
  if (change.step !== undefined) return [change.step]
  if (change.kind === 'input') return closure.filter(({ name }) => change.name.split(' or ').includes(name)).map(({ name }) => name)
  const asking = change.kind === 'parameter' ? closure.filter(({ parameters }) => parameters.includes(change.name)) : []
  return asking.length > 0 ? asking.map(({ name }) => name) : [target.dataset]
}

/** Notes where a partition (undefined: what partitions share) has landed by another request, or with other columns, and so is to be read again; gives whether it is. */
async function findAsked(session: Session, partition: Partition | undefined, found: ChangesFound): Promise<boolean> {
  const { pipeline, schema } = session
  let any = false
  for (const name of extractedOf(session, partition !== undefined)) {
    const load = await loadOfWindow(session, name, partition)
    if (!load || (await usableLoad(session, name, partition))) continue
    any = true
    const [columns, before] = [schema[name] ?? {}, columnsAsked(session, load) ?? load.columns]
    const names = [...new Set([...Object.keys(columns), ...Object.keys(before)])].filter((each) => columns[each] !== before[each])
    const what = names.map(
      (each) =>
        `${each}: ${before[each] ?? 'new'}${columns[each] === undefined ? ' is gone' : before[each] === undefined ? `, ${columns[each]}` : ` → ${columns[each]}`}`,
    )
    const change: Change =
      names.length > 0 ? { kind: 'columns', name, what: what.join('; ') } : { kind: 'request', name, what: 'what is asked of it' }
    const targets = partition
      ? pipeline.targets.filter((each) => closureOf(pipeline, each.dataset).some((dataset) => dataset.name === name))
      : []
    if (targets.length === 0) found.add(change, [], undefined, undefined)
    for (const target of targets) found.add(change, [name], target, partition?.name)
  }
  return any
}

interface FoundChange {
  readonly change: Change
  readonly begins: readonly string[]
  readonly reached: ReadonlyMap<Target, readonly string[]>
}

/** Changes in the order in which they were met, each once. */
interface ChangesFound {
  add(change: Change, begins: readonly string[], target: Target | undefined, partition: string | undefined): void
  all(): readonly FoundChange[]
}

function changesFound(): ChangesFound {
  const found = new Map<string, { change: Change; begins: Set<string>; reached: Map<Target, string[]> }>()
  return {
    add(change, begins, target, partition) {
      const key = [change.kind, change.name, change.what].join('\0')
      const entry = found.get(key) ?? { change, begins: new Set(), reached: new Map() }
      found.set(key, entry)
      for (const name of begins) entry.begins.add(name)
      if (!target) return
      const partitions = entry.reached.get(target) ?? []
      entry.reached.set(target, partitions)
      if (partition !== undefined) partitions.push(partition)
    },
    all: () => [...found.values()].map(({ change, begins, reached }) => ({ change, begins: [...begins], reached })),
  }
}
