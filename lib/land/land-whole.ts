import type { RunContext } from '../core/context.ts'
import { CheckError } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { requireBalance } from './balance.ts'
import { bytesOf, commitLoad, confirmed, draftOf } from './commit.ts'
import { type Content, contentHashName, contentOf } from './content-hash.ts'
import { fingerprintOf } from './fingerprint.ts'
import { localFiles, verifyFiles } from './local-files.ts'
import type { Landed, LandRequest, LandTools, Staged, Work } from './request.ts'

/** Lands a window, or a whole dataset: a new load unless the current one has the same content. */
export async function landWhole(
  request: LandRequest,
  staged: Staged,
  current: LoadManifest | undefined,
  { store }: LandTools,
  { db, ctx }: Work,
): Promise<Landed> {
  const [content, fingerprint] = await Promise.all([
    contentOf(db, [staged.file], request.columns, ctx.signal),
    fingerprintOf(staged.file, ctx.signal),
  ])
  requireBalance(staged, content.rows)
  if (current && (await isSame(current, content, request, { store }, db, ctx))) {
    const manifest = await confirmed(current, request, store, ctx)
    return { manifest, outcome: 'unchanged', read: content.rows, rows: 0, unchanged: content.rows, superseded: 0, removed: 0, bytes: 0 }
  }
  const draft = draftOf(request, (current?.id ?? 0) + 1, content.hash)
  const manifest = await commitLoad(draft, [{ file: staged.file, rows: content.rows, kind: '', fingerprint }], store, ctx)
  return {
    manifest,
    outcome: 'done',
    read: content.rows,
    rows: content.rows,
    unchanged: 0,
    superseded: 0,
    removed: 0,
    bytes: bytesOf(manifest),
  }
}

/** Whether the current load has this content, and its files still hold it. A hash of another version of engine or millrace says nothing, so the files are hashed again. */
async function isSame(
  current: LoadManifest,
  content: Content,
  { columns }: LandRequest,
  { store }: Pick<LandTools, 'store'>,
  db: DuckDB,
  ctx: RunContext,
): Promise<boolean> {
  if (current.rows !== content.rows || hashOf(Object.entries(current.columns)) !== hashOf(Object.entries(columns))) return false
  const rehashed = current.hashName !== contentHashName
  if (!rehashed && current.contentHash !== content.hash) return false
  try {
    await verifyFiles(store, [current])
    return (
      !rehashed || (await contentOf(db, await localFiles(store, current, current.files, ctx), columns, ctx.signal)).hash === content.hash
    )
  } catch (error) {
    if (!(error instanceof CheckError)) throw error
    ctx.emit({ type: 'warning', stage: 'land', dataset: current.dataset, message: `${error.message}; landed anew` })
    return false
  }
}
