import { join } from 'node:path'
import { type Relation, runOver } from '../connectors/source.ts'
import type { RunContext } from '../core/context.ts'
import { messageOf } from '../core/errors.ts'
import { tellBytesOf } from '../core/progress.ts'
import { openDuckDB } from '../engines/duckdb.ts'
import { lazyEngine } from '../engines/lazy-engine.ts'
import { copyStatement } from '../formats/parquet.ts'
import { compactLoads } from './compact.ts'
import { landDelta } from './land-delta.ts'
import { landWhole } from './land-whole.ts'
import { asLanding } from './landing.ts'
import { loadsOf } from './loads.ts'
import type { Landed, LandRequest, LandTools, Selected, Staged, Work } from './request.ts'
import { type StateOf, stateLoads } from './state-loads.ts'
import { sweepLanding } from './sweep.ts'

/**
 * Lands one read: `COPY (select)` into the run's folder by the reader child; then this process counts and hashes what came, puts it through the store under an immutable name, and writes the manifest last, by
 * create-if-absent. Until then nothing has landed, whatever happens, and a rerun comes to the same. Content equal to that of the current load commits no new load; it is confirmed where the window
 * has ended since, or what was asked or the source's version changed. Called under the lock of the partition (or of the pipeline's shared datasets): what killed runs have left there is
 * removed first. `relation.verify` is called, `relation.close` is the caller's. One file, or one for each part of the relation, which are written side by side and keep their order: DuckDB alone gives up the order of rows where it writes several.
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
  const { kind } = request
  const state = kind.by === 'cursor' ? await stateLoads(store, stateOf(request, kind, ctx), ctx) : undefined
  const loads = state?.loads ?? (await loadsOf(store, ctx.pipeline, dataset, partition))
  const from = state?.compacted ? state.compacted.to + 1 : state?.loads[0]?.id
  await sweepLanding(store, ctx.pipeline, dataset, partition, loads, from)
  const staged = await stageRows(request.select, request.relation, 'read', request, tools, work)
  const keys = request.keys && (await stageRows(request.keys.select, request.keys.relation, 'keys', request, tools, work))
  await request.relation.verify?.()
  await request.keys?.relation.verify?.()
  ctx.signal.throwIfAborted()
  if (kind.by !== 'cursor' || !state) return landWhole(request, staged, loads.at(-1), tools, work)
  const landed = await landDelta(request, kind, { staged, ...(keys !== undefined && { keys }), state }, tools, work)
  return { ...landed, ...(await compacted(request, kind, tools, work)) }
}

/** Compacts what is due. The landing is committed and its readers need no compaction, so one that fails ends nothing: the next landing tries again. */
async function compacted(request: LandRequest, kind: CursorKind, tools: LandTools, work: Work): Promise<Pick<Landed, 'compacted'>> {
  const { ctx } = work
  try {
    const record = await compactLoads(stateOf(request, kind, ctx), kind.compact, tools, work)
    return record ? { compacted: record } : {}
  } catch (error) {
    ctx.signal.throwIfAborted()
    const message = `the loads of "${request.dataset}" were not compacted: ${messageOf(error)}`
    ctx.emit({ type: 'warning', stage: 'land', dataset: request.dataset, message })
    return {}
  }
}

type CursorKind = LandRequest['kind'] & { readonly by: 'cursor' }

function stateOf({ dataset, columns }: LandRequest, { key, column }: CursorKind, { pipeline }: RunContext): StateOf {
  return { pipeline, dataset, columns, key, cursor: column }
}

/** Writes a SELECT's rows by the reader child; gives the files, and how many the child says that it has written. */
async function stageRows(
  select: Selected,
  relation: Relation,
  name: string,
  { dataset }: LandRequest,
  { reader }: LandTools,
  { folder, ctx }: Work,
): Promise<Staged> {
  const { sql, parts = [sql], values, fast } = select
  const files = parts.map((_, i) => join(folder, `${name}${parts.length > 1 ? `-${i}` : ''}.parquet`))
  const statements = files.map((file, i) => ({
    sql: copyStatement(parts[i] ?? '', file, files.length),
    ...(values && { values }),
    ...(fast && !select.parts && { fast: fast.map((way) => ({ ...way, sql: copyStatement(way.sql, file) })) }),
  }))
  const job = { dataset, ...(relation.zone !== undefined && { zone: relation.zone }), statements }
  using _told = tellBytesOf(files, ctx, { stage: 'land', dataset })
  const { rows } = await runOver(relation, select.parts ? 'parts' : 'sql', job, reader, ctx.signal)
  return { files, rows: rows.reduce((sum, each) => sum + each, 0) }
}
