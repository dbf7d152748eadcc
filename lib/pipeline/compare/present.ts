import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Session } from '../run/session.ts'

/** Where the present rows of a table are copied to. */
export function presentFile(table: string, ctx: RunContext): string {
  return join(ctx.workspace, `present-${table.replaceAll(/\W/g, '_')}.parquet`)
}

/** An engine in which two sides are compared, whatever the order of their rows. */
export function comparingEngine({ openEngine, pipeline }: Pick<Session, 'pipeline' | 'openEngine'>, ctx: RunContext): Promise<DuckDB> {
  return openEngine({ ...ctx.limits, temp: join(ctx.workspace, 'spill'), zone: pipeline.zone, preserveOrder: false })
}
