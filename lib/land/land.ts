import { join } from 'node:path'
import { type Relation, runOver } from '../connectors/source.ts'
import type { RunContext } from '../core/context.ts'
import { tellBytesOf } from '../core/progress.ts'
import { openDuckDB } from '../engines/duckdb.ts'
import { lazyEngine } from '../engines/lazy-engine.ts'
import { copyStatement } from '../formats/parquet.ts'
import { landDelta } from './land-delta.ts'
import { landWhole } from './land-whole.ts'
import { asLanding } from './landing.ts'
import { loadsOf } from './loads.ts'
import type { Landed, LandRequest, LandTools, Selected, Staged, Work } from './request.ts'
import { sweepLanding } from './sweep.ts'

/**
 * Lands one read: `COPY (select)` into the run's folder by the reader child; then this process counts and hashes what came, puts it through the store under an immutable name, and writes the manifest last, by
 * create-if-absent. Until then nothing has landed, whatever happens, and a rerun comes to the same. Content equal to that of the current load commits no new load; it is confirmed where the window
 * has ended since, or what was asked or the source's version changed. Called under the lock of the partition (or of the pipeline's shared datasets): what killed runs have left there is
 * removed first. `relation.verify` is called, `relation.close` is the caller's. Always one file: DuckDB gives up the order of rows where it writes several.
 *
 * Emits a stage event at start and end.
 * @throws what the reader child throws (CheckError for a value that does not fit), CheckError for a cursor that cannot be followed or a damaged landing, TransientError when another run was first or
 * the source changed meanwhile, PermanentError for a full disk
 */
export async function land(request: LandRequest, tools: LandTools, ctx: RunContext): Promise<Landed> {
  return asLanding(request, ctx, async (folder) => {
    const { openEngine = openDuckDB } = tools
    const { memoryBytes, threads } = ctx.limits
    const db = lazyEngine(() => openEngine({ memoryBytes, threads, temp: join(folder, 'spill') }))
    try {
      return await landWith(request, tools, { folder, db, ctx })
    } finally {
      db.close()
    }
  })
}

async function landWith(request: LandRequest, tools: LandTools, work: Work): Promise<Landed> {
  const { dataset, partition } = request
  const { store } = tools
  const { ctx } = work
  const loads = await loadsOf(store, ctx.pipeline, dataset, partition)
  await sweepLanding(store, ctx.pipeline, dataset, partition, loads)
  const staged = await stageRows(request.select, request.relation, 'read', request, tools, work)
  const keys = request.keys && (await stageRows(request.keys.select, request.keys.relation, 'keys', request, tools, work))
  await request.relation.verify?.()
  await request.keys?.relation.verify?.()
  ctx.signal.throwIfAborted()
  return request.kind.by === 'cursor'
    ? landDelta(request, request.kind, { staged, ...(keys !== undefined && { keys }), loads }, tools, work)
    : landWhole(request, staged, loads.at(-1), tools, work)
}

/** Writes a SELECT's rows by the reader child; gives the file, and how many the child says that it has written. */
async function stageRows(
  select: Selected,
  relation: Relation,
  name: string,
  { dataset }: LandRequest,
  { reader }: LandTools,
  { folder, ctx }: Work,
): Promise<Staged> {
  const file = join(folder, `${name}.parquet`)
  const statement = {
    sql: copyStatement(select.sql, file),
    ...(select.values && { values: select.values }),
    ...(select.fast && { fast: { ...select.fast, sql: copyStatement(select.fast.sql, file) } }),
  }
  const job = { dataset, ...(relation.zone !== undefined && { zone: relation.zone }), statements: [statement] }
  using _told = tellBytesOf(file, ctx, { stage: 'land', dataset })
  const { rows } = await runOver(relation, 'sql', job, reader, ctx.signal)
  return { file, rows: rows.at(-1) ?? 0 }
}
