import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import { openDuckDB } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { releaseFrames } from '../engines/polars.ts'
import type { Bound } from './bound.ts'
import { planWrites } from './plan-writes.ts'
import { given, type TransformRequest } from './request.ts'
import { Transformer } from './transformer.ts'
import { usesUdfs } from './udf.ts'

export type { TransformRequest } from './request.ts'

/**
 * Computes the wanted datasets, each one Parquet file in the context's workspace, where they stay until the run's end. SQL steps that follow each other are one
 * statement, frames stay lazy; a dataset is written only where it is wanted, crosses engines or has several readers. Rows keep the order of a step's final ORDER BY; without one
 * it is unspecified. A Dataset's `hash` is that of its inputs' hashes, its code and its parameters. After a failure or an abort nothing is left in the workspace.
 * `openOwn` opens the engine where steps have UDFs, which must be nobody else's.
 * @throws CheckError when a value fits no bound type or a UDF throws, ConfigError when a result's columns are not the bound ones, PermanentError for disk full and memory.
 */
export async function transform(
  bound: Bound,
  request: TransformRequest,
  ctx: RunContext,
  openEngine: OpenEngine = openDuckDB,
  openOwn: OpenEngine = openDuckDB,
): Promise<Record<string, Dataset>> {
  ctx.signal.throwIfAborted()
  const plan = planWrites(bound, request.wanted)
  if (plan.writes.length === 0 && plan.extracted.every(({ cut }) => cut === undefined || !request.window.start))
    return Object.fromEntries(plan.extracted.map(({ name }) => [name, given(request, name)]))
  await mkdir(ctx.workspace, { recursive: true })
  const folder = await mkdtemp(join(ctx.workspace, 'transform-'))
  try {
    // What a UDF registers stays with its engine.
    const db = await (usesUdfs(bound.steps) ? openOwn : openEngine)({ ...ctx.limits, temp: join(folder, 'spill'), zone: request.zone })
    try {
      return await new Transformer(bound, request, ctx, plan, folder, db).run()
    } finally {
      db.close()
      if (plan.writes.some(({ engine }) => engine === 'polars')) releaseFrames()
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  } finally {
    await rm(join(folder, 'spill'), { recursive: true, force: true })
  }
}
