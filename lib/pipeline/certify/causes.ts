import type { DuckDB } from '../../engines/duckdb.ts'
import { parseSelect } from '../../transform/sql-tree.ts'
import { suspectsOf } from '../../transform/suspects.ts'
import type { BoundPipeline } from '../define/bind.ts'
import { readPipelineCode } from '../define/code.ts'
import type { Kind, Setting } from './settings.ts'

/** What of a dataset came out otherwise, and under which settings. */
export interface Effect {
  readonly dataset: string
  /** Empty: other rows, or another order. */
  readonly columns: readonly string[]
  readonly settings: readonly Setting[]
  /** Columns whose values differ by more than their last digits: a sum of floats is not to blame. */
  readonly far: ReadonlySet<string>
  /** Names of all datasets that differ. */
  readonly differing: ReadonlySet<string>
}

interface Cause {
  readonly kind: Kind
  readonly what: string
  readonly column?: string
}

/**
 * The likely causes, in a clause each: what in the step, by DuckDB's own parser or by the tokens of the JavaScript that it reaches, can make what the settings brought to light. A dataset that reads one that differs has that for its
 * cause, unless something stands in the very columns that differ.
 */
export async function likelyCauses(pipeline: BoundPipeline, db: DuckDB, effect: Effect): Promise<readonly string[]> {
  const { bound } = pipeline
  const { columns } = effect
  const reads = (bound.datasets[effect.dataset]?.reads ?? []).filter((name) => effect.differing.has(name))
  const upstream = reads.map((name) => `it reads "${name}", which differs`)
  const shown = shownBy(effect.settings)
  const all = (await causesIn(pipeline, db, effect)).filter(
    ({ kind, column }) => shown.has(kind) && !(kind === 'float' && effect.far.has(column ?? '')),
  )
  const own = all.filter(({ column }) => column !== undefined && columns.includes(column))
  if (own.length > 0) return whats([...own]).concat(upstream)
  if (upstream.length > 0) return upstream
  const beneath = all.filter(({ column }) => column === undefined || columns.length === 0)
  if (beneath.length > 0) return whats(beneath)
  return [guess(shown)]
}

/** What was different each time is not due to what was changed. */
function shownBy(settings: readonly Setting[]): ReadonlySet<Kind> {
  const again = settings.filter(({ name }) => name === 'again')
  return new Set((again.length > 0 ? again : settings).flatMap(({ shows }) => shows))
}

function whats(causes: readonly Cause[]): string[] {
  return [...new Set(causes.map(({ what }) => what))]
}

async function causesIn({ bound, loaded }: BoundPipeline, db: DuckDB, { dataset }: Effect): Promise<readonly Cause[]> {
  const step = bound.steps[dataset]
  const found = bound.datasets[dataset]
  if (!step || !found) return []
  const texts = step.engine === 'polars' ? [step.frame.toString()] : Object.values(step.udf ?? {}).map(({ apply }) => apply.toString())
  const code = texts.length > 0 ? await readPipelineCode(loaded.file) : undefined
  const script = texts.flatMap((text) => scriptCauses(code?.tokensOfFunction(text) ?? [], step.engine === 'polars' ? 'the frame' : 'a udf'))
  const floats = found.floatAggregates.map(
    (column): Cause => ({
      ...{ kind: 'float', column },
      what: `"${column}" is a sum or mean of floats, whose last digits depend on the order in which they are added: use DECIMAL, or round it`,
    }),
  )
  if (step.engine === 'polars') return [...floats, ...script]
  return [...suspectsOf(await parseSelect(db, step.text), Object.keys(found.columns)), ...floats, ...script]
}

const SCRIPT: readonly (readonly [pattern: RegExp, kinds: readonly Kind[], what: string])[] = [
  [/ Math \. random /, ['random'], 'Math.random()'],
  [/ (randomUUID|getRandomValues|randomBytes|randomInt) /, ['random'], 'random values of crypto'],
  [/ \. (sample|shuffle) /, ['random'], 'sample() or shuffle()'],
  [/ (Date|Temporal|performance) /, ['clock'], "JavaScript's clock"],
  [
    / (getTimezoneOffset|getHours|getDate|getDay|getMonth|getFullYear|setHours|toLocale\w*|DateTimeFormat|toString|Date) /,
    ['zone'],
    "the machine's zone",
  ],
  [/ (toLocale\w*|localeCompare|Intl|Collator|NumberFormat) /, ['locale'], "the machine's locale"],
  [/ process \. env /, ['environment', 'zone', 'locale'], 'process.env'],
  [
    / (first|last|head|tail|limit|slice|shift|diff|unique|cumSum|cumsum|cumCount|cumMax|cumMin|forwardFill|fillNull|rolling\w*|rank|aggList|implode|over) /,
    ['order', 'ties', 'float'],
    'the order of rows: sort by a unique column before first(), cumulative sums, ordinal ranks and their like',
  ],
]

function scriptCauses(tokens: readonly string[], who: string): Cause[] {
  const text = ` ${tokens.join(' ')} `
  return SCRIPT.flatMap(([pattern, kinds, what]) =>
    pattern.test(text) ? kinds.map((kind) => ({ kind, what: `${who} depends on ${what}` })) : [],
  )
}

function guess(shown: ReadonlySet<Kind>): string {
  const of: readonly (readonly [Kind, string])[] = [
    ['random', 'something that is random, or reads the clock, or depends on the order of rows'],
    ['order', 'something that depends on the order of rows'],
    ['clock', 'something that reads the clock'],
    ['locale', "something that depends on the machine's locale"],
    ['zone', "something that depends on the machine's zone"],
  ]
  return `not found in the code: ${of.find(([kind]) => shown.has(kind))?.[1] ?? 'unknown'}`
}
