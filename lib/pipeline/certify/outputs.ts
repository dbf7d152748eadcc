import type { DuckDB } from '../../engines/duckdb.ts'
import type { FormatContract } from '../../export/contract/export.ts'
import { deliverySelect } from '../../export/write/rows.ts'
import { typedSelect } from '../../export/write/typed-rows.ts'
import type { BoundPipeline, ExportTarget } from '../define/bind.ts'
import { hashInOrder } from './compare.ts'
import type { MadeDataset } from './job.ts'

/** The exports of a dataset. */
export function exportsOf({ targets }: Pick<BoundPipeline, 'targets'>, dataset: string): readonly ExportTarget[] {
  return targets.filter((target): target is ExportTarget => target.stage === 'export' && target.dataset === dataset)
}

/** A hash of the rows that an export would deliver, in its order, with its rounding. */
export function hashOfDelivery(db: DuckDB, target: ExportTarget, made: MadeDataset, signal?: AbortSignal): Promise<string> {
  const contract: FormatContract = target.export.contract
  const dataset = { ...made, hash: '' }
  const select = contract.format === 'csv' ? deliverySelect(dataset, contract) : typedSelect(dataset, contract, false)
  return hashInOrder(db, select, signal)
}

/** Sets of columns that the pipeline itself says are unique in a dataset: of merges, checks, orders of deliveries. */
export function keysOf({ targets, checks }: Pick<BoundPipeline, 'targets' | 'checks'>, dataset: string): readonly (readonly string[])[] {
  const own = targets.filter((target) => target.dataset === dataset)
  return [
    ...own.flatMap((target) => (target.stage === 'load' && target.load.disposition.mode === 'merge' ? [target.load.disposition.key] : [])),
    ...(checks[dataset] ?? []).flatMap(({ rule }) => (rule.rule === 'unique' ? [rule.columns] : [])),
    ...own.flatMap((target) => (target.stage === 'export' ? [target.export.contract.orderBy.map((each) => each.replace(/^-/, ''))] : [])),
  ]
}
