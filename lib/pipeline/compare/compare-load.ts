import type { RunContext } from '../../core/context.ts'
import type { Columns, Dataset } from '../../core/dataset.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import { orderNames } from '../../export/contract/order.ts'
import type { BoundPipeline, LoadTarget } from '../define/bind.ts'
import type { Session } from '../run/session.ts'
import type { TargetComparison } from './compare-report.ts'
import { differencesOf } from './differences.ts'
import { comparingEngine, presentFile } from './present.ts'
import { comparedColumnsOf, sideOfSelect } from './sides.ts'

/** What is compared with the rows of a table. */
export interface ComparedLoad {
  readonly session: Pick<Session, 'pipeline' | 'warehouse' | 'openEngine'>
  readonly target: LoadTarget
  readonly dataset: Dataset
  /** '': the dataset has none. */
  readonly partition: string
  /** Where rows that differ go, as Parquet. */
  readonly sample: string
}

/**
 * Compares a dataset with what its load would replace: the rows of the partition, of `replace` all; of a merge those of the same keys, without what a later partition holds. By the merge's key, else by what a check says to be
 * unique, else by the order of an export, which no two rows share, else as whole rows.
 */
export async function compareLoad(
  { session, target, dataset, partition, sample }: ComparedLoad,
  ctx: RunContext,
): Promise<TargetComparison> {
  const { table, disposition } = target.load
  const merged = disposition.mode === 'merge' ? disposition.key : undefined
  const key = merged ?? uniqueKey(session.pipeline, target.dataset)
  const about = { stage: 'load', dataset: target.dataset, target: table } as const
  const warehouse = session.warehouse()
  const path = presentFile(table, ctx)
  const whole = disposition.mode === 'replace'
  const keys = merged && { columns: columnsNamed(dataset.columns, merged), files: dataset.files }
  const present = await warehouse.copyOut(
    { table, columns: dataset.columns, path, ...(!whole && { partition }), ...(keys && { keys }) },
    ctx,
  )
  // Also a table without rows of the partition may have other columns.
  const { columns, ...shape } = comparedColumnsOf(present?.columns ?? dataset.columns, dataset.columns)
  if (!present || present.rows === 0)
    return {
      ...{ ...about, ...shape, key, before: 0, after: dataset.rows, added: dataset.rows, removed: 0, kept: 0, changed: 0 },
      ...{ columns: [], examples: [], staying: 0, superseded: 0, first: true },
    }
  const db = await comparingEngine(session, ctx)
  try {
    const comparable = merged?.every((name) => columns.includes(name)) ? merged : undefined
    const [was, is] = selects(path, present.columns, dataset, columns, comparable && { key: comparable, partition })
    const before = await sideOfSelect(db, was, columns, ctx.signal)
    const after = await sideOfSelect(db, is, columns, ctx.signal)
    const found = await differencesOf({ db, before, after, key, sample, signal: ctx.signal })
    const superseded = dataset.rows - after.rows
    const counts = merged ? { removed: 0, staying: found.removed } : { staying: 0 }
    return { ...about, ...shape, ...found, ...counts, superseded, first: false }
  } finally {
    db.close()
  }
}

/** Rows that are there and rows that would be, of one merge without those that a later partition has. */
function selects(
  path: string,
  present: Columns,
  dataset: Dataset,
  columns: readonly string[],
  merged: { readonly key: readonly string[]; readonly partition: string } | undefined,
): readonly [string, string] {
  const kept = columnsNamed(present, columns)
  const rows = `read_parquet(${quoteLiteral(path)})`
  const is = relationOfFiles(dataset.columns, dataset.files)
  const was = relationOfFiles(kept, [path])
  if (!merged) return [was, is]
  const partition = quoteLiteral(merged.partition)
  const same = merged.key.map((name) => `t.${quoteIdentifier(name)} = s.${quoteIdentifier(name)}`).join(' AND ')
  return [
    `${was} WHERE _partition <= ${partition}`,
    `SELECT * FROM (${is}) AS s WHERE NOT EXISTS (SELECT 1 FROM ${rows} AS t WHERE t._partition > ${partition} AND ${same})`,
  ]
}

/** Columns that name a row, as a check or a contract of the dataset says. */
function uniqueKey({ checks, targets }: Pick<BoundPipeline, 'checks' | 'targets'>, dataset: string): readonly string[] {
  for (const { rule } of checks[dataset] ?? []) if (rule.rule === 'unique') return rule.columns
  const delivered = targets.find((each) => each.stage === 'export' && each.dataset === dataset)
  return delivered?.stage === 'export' ? orderNames(delivered.export.contract) : []
}

function columnsNamed(columns: Columns, names: readonly string[]): Columns {
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(columns, name) ? [[name, columns[name] ?? '']] : [])))
}
