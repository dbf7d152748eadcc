import type { RunContext } from '../../core/context.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Extract } from '../../extract/source.ts'
import { distinctValues } from '../../land/datasets.ts'
import { type LandedTools, landedDataset } from '../run/landed.ts'
import type { Partition } from './partitions.ts'

/** The distinct values that a child request takes from its parent's landed rows. */
export async function parentValues(
  tools: LandedTools,
  binder: DuckDB,
  { request }: Extract<string>,
  partition: Partition | undefined,
  ctx: RunContext,
): Promise<readonly string[] | undefined> {
  const each = 'each' in request ? request.each : undefined
  if (!each) return undefined
  const parent = await landedDataset(tools, each.parent, partition, ctx)
  return distinctValues(parent, each.column, binder, ctx.signal)
}
