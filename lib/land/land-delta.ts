import type { RunContext } from '../core/context.ts'
import { CheckError } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import { requireBalance } from './balance.ts'
import { bytesOf, commitLoad, confirmed, type Draft, draftOf } from './commit.ts'
import { contentOf } from './content-hash.ts'
import { deltaOf } from './delta.ts'
import { historyFiles } from './history.ts'
import { hasEndlessCursor, lastCursorOf } from './loads.ts'
import { verifyFiles } from './local-files.ts'
import { overLanded, unfit } from './other-types.ts'
import type { Landed, LandRequest, LandTools, Staged, Work } from './request.ts'
import type { StateLoads } from './state-loads.ts'

/** A cursor dataset's read as it was staged. */
export interface StagedDelta {
  readonly staged: Staged
  readonly keys?: Staged
  readonly state: StateLoads
}

/** Lands what a cursor dataset's read brought that had not landed: nothing where nothing is new, but for the very first load. */
export async function landDelta(
  request: LandRequest,
  kind: { readonly column: string; readonly key: readonly string[] },
  delta: StagedDelta,
  { store }: LandTools,
  work: Work,
): Promise<Landed> {
  const { dataset, columns, cursorFrom } = request
  const { folder, db, ctx } = work
  const { staged, keys, state } = delta
  const current = state.newest
  const verified = await readableHistory(request, state, store, ctx)
  const landed = await historyFiles(store, verified ?? { loads: [] }, ctx)
  const landedFiles = [...landed.rows, ...landed.gone]
  // A whole read that nobody asked for, after a change of the request, gives nothing up: the source may not have all that has landed.
  const misfit = request.refresh ? await unfit(landedFiles, { dataset, columns }, db, ctx) : undefined
  if (misfit) ctx.emit(anew(dataset, misfit))
  const [readable, history] = misfit ? [undefined, { rows: [], gone: [] }] : [verified, landed]
  const last = lastCursorOf(current)
  const asked = {
    dataset,
    columns,
    key: kind.key,
    cursor: kind.column,
    staged: staged.files,
    whole: cursorFrom === undefined,
    ...(request.stateColumns && { compared: request.stateColumns }),
    history,
    ...(keys !== undefined && { keys: keys.files }),
    ...(last !== undefined && { last }),
  }
  const found = await overLanded(() => deltaOf(asked, folder, db, ctx), landedFiles, { dataset, columns }, db, ctx)
  requireBalance(staged, found.read)
  if (found.unseen > 0 && last !== undefined)
    ctx.emit({
      ...{ type: 'warning', stage: 'land', dataset },
      message: `${found.unseen} ${found.unseen === 1 ? 'key of the source has' : 'keys of the source have'} not landed: ${found.unseen === 1 ? 'its row' : 'their rows'} came while it was read, or late with a cursor before ${last} (then read with an overlap, or once with --refresh)`,
    })
  const counts = { read: found.read, superseded: found.superseded, removed: found.gone?.rows ?? 0 }
  const base = readable === undefined
  if (current && !base && found.rows === 0 && !found.gone) {
    const { readKey } = request.stateColumns ? current : request
    const manifest = await confirmed(current, { ...request, readKey, open: false }, store, ctx)
    return { manifest, outcome: 'unchanged', ...counts, rows: 0, unchanged: found.read - found.superseded, bytes: 0 }
  }
  const content = await contentOf(db, [found.file], columns, ctx.signal)
  const keyColumns = Object.fromEntries(kind.key.map((name) => [name, columns[name] ?? 'text']))
  const hash = found.gone
    ? hashOf([content.hash, (await contentOf(db, [found.gone.file], keyColumns, ctx.signal)).hash]).slice(0, 32)
    : content.hash
  const draft: Draft = {
    ...draftOf(request, (current?.id ?? 0) + 1, { ...content, hash }),
    ...(base && { base }),
    ...(request.stateColumns && { stateColumns: request.stateColumns }),
    cursor: { column: kind.column, ...(cursorFrom !== undefined && { from: cursorFrom }), ...(found.to !== undefined && { to: found.to }) },
  }
  const files = [
    { file: found.file, rows: found.rows, kind: '' as const },
    ...(found.gone ? [{ ...found.gone, kind: 'gone' as const }] : []),
  ]
  const manifest = await commitLoad(draft, files, store, ctx)
  return {
    manifest,
    outcome: 'done',
    ...counts,
    rows: found.rows,
    unchanged: found.read - found.superseded - found.rows,
    bytes: bytesOf(manifest),
  }
}

/** What the state is made of. When all of the source was read, damaged and undecoded loads are given up, and those of a cursor that nothing comes after: what was read begins the state anew. So do, in `landDelta` and by `--refresh` alone, values that do not fit the types of today. */
async function readableHistory(
  { dataset, cursorFrom }: LandRequest,
  state: StateLoads,
  store: LandTools['store'],
  ctx: RunContext,
): Promise<StateLoads | undefined> {
  if (cursorFrom !== undefined) return state
  if (state.loads.some(({ undecoded }) => undecoded) || hasEndlessCursor(state.newest)) return undefined
  try {
    await verifyFiles(store, state.compacted ? [state.compacted, ...state.loads] : state.loads)
    return state
  } catch (error) {
    if (!(error instanceof CheckError)) throw error
    ctx.emit(anew(dataset, error))
    return undefined
  }
}

const anew = (dataset: string, { message }: CheckError) =>
  ({ type: 'warning', stage: 'land', dataset, message: `${message}; the state begins anew with this read` }) as const
