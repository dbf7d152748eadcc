import type { RunContext } from '../core/context.ts'
import { CheckError } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { rowCounter } from '../formats/count-rows.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { requireBalance } from './balance.ts'
import { columnHashes } from './column-hashes.ts'
import { bytesOf, commitLoad, confirmed, draftOf } from './commit.ts'
import { contentOf, contentOfBytes } from './content-hash.ts'
import { fingerprintOf } from './fingerprint.ts'
import { localFiles, verifyFiles } from './local-files.ts'
import type { Landed, LandRequest, LandTools, Staged, Work } from './request.ts'

/** Lands a window, or a whole dataset: a new load unless the current one has the same content. */
export async function landWhole(
  request: LandRequest,
  staged: Staged,
  current: LoadManifest | undefined,
  { store, countRows }: LandTools,
  { db, ctx }: Work,
): Promise<Landed> {
  const [counted, fingerprint] = await Promise.all([(countRows ?? rowCounter(db))(staged.file), fingerprintOf(staged.file, ctx.signal)])
  requireBalance(staged, counted)
  const { rows } = staged
  const content = contentOfBytes(fingerprint.sha256, request.columns)
  if (current && (await isSame(current, { ...staged, hash: content.hash }, request, { store }, db, ctx))) {
    const manifest = await confirmed(current, request, store, ctx)
    return { manifest, outcome: 'unchanged', read: rows, rows: 0, unchanged: rows, superseded: 0, removed: 0, bytes: 0 }
  }
  const draft = { ...draftOf(request, (current?.id ?? 0) + 1, content), columnHashes: await columnHashes(staged.file, ctx.signal) }
  const manifest = await commitLoad(draft, [{ file: staged.file, rows, kind: '', fingerprint }], store, ctx)
  return { manifest, outcome: 'done', read: rows, rows, unchanged: 0, superseded: 0, removed: 0, bytes: bytesOf(manifest) }
}

/** Whether the current load has this content, and its files still hold it. Bytes that differ may be the same rows in another order, or written by another engine version: only then the rows are hashed. */
async function isSame(
  current: LoadManifest,
  staged: Staged & { readonly hash: string },
  { columns }: LandRequest,
  { store }: Pick<LandTools, 'store'>,
  db: DuckDB,
  ctx: RunContext,
): Promise<boolean> {
  if (current.undecoded || current.rows !== staged.rows || hashOf(Object.entries(current.columns)) !== hashOf(Object.entries(columns)))
    return false
  try {
    await verifyFiles(store, [current])
    if (current.contentHash === staged.hash) return true
    const there = await contentOf(db, await localFiles(store, current, current.files, ctx), columns, ctx.signal)
    return there.hash === (await contentOf(db, [staged.file], columns, ctx.signal)).hash
  } catch (error) {
    if (!(error instanceof CheckError)) throw error
    ctx.emit({ type: 'warning', stage: 'land', dataset: current.dataset, message: `${error.message}; landed anew` })
    return false
  }
}
