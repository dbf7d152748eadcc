import { columnsOf } from '../../check/rule-text.ts'
import type { Rule } from '../../check/rules.ts'
import type { Dataset } from '../../core/dataset.ts'
import { contentOfColumns } from '../../land/column-hashes.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import { datasetOfName } from '../../transform/bound.ts'
import { sqlTokens } from '../../transform/sql-text.ts'
import type { BoundPipeline } from './bind.ts'
import { closureOf } from './closure.ts'

/** The content of what a target is computed from. */
export interface SeenContent {
  /** It is a cursor dataset's current state. */
  readonly isState?: boolean
  /** Of all of it. */
  readonly hash: string
  /** Of these columns alone; undefined where it is not known. */
  ofColumns?(names: readonly string[]): string | undefined
}

/** A cursor dataset's current state as keys see it. */
export function contentOfState({ hash, hashesOf }: Pick<Dataset, 'hash' | 'hashesOf'>): SeenContent {
  return { hash, isState: true, ofColumns: (names) => hashesOf?.[JSON.stringify(names)] }
}

/** A load as keys see it. */
export function contentOfLoad(load: LoadManifest): SeenContent {
  return { hash: load.contentHash, ofColumns: (names) => contentOfColumns(load, names) }
}

/**
 * The columns that a dataset depends on, of each extracted dataset that it is computed from; of one that is not named, all: something takes its rows whole, or it is that dataset itself. `bySql`: a frame counts as taking
 * them whole.
 */
export function readColumns(
  pipeline: Pick<BoundPipeline, 'bound'>,
  dataset: string,
  only: 'bySql' | undefined = undefined,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string> | undefined>()
  for (const step of closureOf(pipeline, dataset)) {
    if (step.engine === 'extract') {
      if (step.name === datasetOfName(dataset)) found.set(step.name, undefined)
      continue
    }
    for (const read of step.reads) {
      const name = datasetOfName(read)
      const columns = only === 'bySql' && step.engine === 'polars' ? undefined : step.columnsRead[read]
      const before = found.has(name) ? found.get(name) : new Set<string>()
      found.set(name, columns && before && new Set([...before, ...columns]))
    }
  }
  return new Map([...found].flatMap(([name, columns]) => (columns ? [[name, [...columns].sort()] as const] : [])))
}

/** The sets of an extracted dataset's columns that targets depend on, each once; targets that depend on all are left out. */
export function columnSetsOf(pipeline: Pick<BoundPipeline, 'bound' | 'targets'>, dataset: string): readonly (readonly string[])[] {
  const sets = pipeline.targets.flatMap((target) => {
    const names = readColumns(pipeline, target.dataset).get(dataset)
    return names ? [[JSON.stringify(names), names] as const] : []
  })
  return [...new Map(sets).values()]
}

/** The columns of an extracted dataset that anything of a pipeline depends on: steps, targets, checks, requests made for its values. undefined: all of them. */
export function columnsInUse({ bound, targets, checks, definition }: BoundPipeline, dataset: string): ReadonlySet<string> | undefined {
  const taken =
    targets.some((target) => target.dataset === dataset) ||
    Object.values(definition.extract).some(({ request }) => 'each' in request && request.each?.parent === dataset)
  if (taken) return undefined
  const used = new Set<string>()
  const take = (columns: readonly string[] | undefined) => {
    for (const name of columns ?? []) used.add(name)
    return columns !== undefined
  }
  for (const [checked, rules] of Object.entries(checks))
    for (const { rule } of rules) {
      if (rule.rule === 'references' && rule.dataset === dataset) take([rule.target])
      if (checked === dataset && !take(columnsChecked(rule, dataset, Object.keys(bound.datasets[dataset]?.columns ?? {})))) return undefined
    }
  for (const step of Object.values(bound.datasets))
    for (const read of step.reads) if (datasetOfName(read) === dataset && !take(step.columnsRead[read])) return undefined
  return used
}

/** The columns that a rule can depend on; undefined: any. */
function columnsChecked(rule: Rule, dataset: string, columns: readonly string[]): readonly string[] | undefined {
  if (rule.rule !== 'expression') return columnsOf(rule)
  return columnsNamed(rule.sql, dataset, columns)
}

/** The columns whose name stands in an expression over rows that it may call `row`. undefined: any, since it may take whole rows. */
export function columnsNamed(sql: string, row: string, columns: readonly string[]): readonly string[] | undefined {
  const tokens = sqlTokens(sql)
  const starred = tokens.some(({ text }, i) => text === '*' && ['(', ',', undefined].includes(tokens[i - 1]?.text))
  const names = new Set(
    tokens.map(({ kind, text }) => (kind === 'identifier' ? text.slice(1, -1).replaceAll('""', '"') : text).toLowerCase()),
  )
  if (starred || names.has('columns') || names.has(row.toLowerCase())) return undefined
  return columns.filter((name) => names.has(name.toLowerCase()))
}
