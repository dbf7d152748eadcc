import type { Fingerprint } from '../core/checksums.ts'
import type { RunContext } from '../core/context.ts'
import { CheckError } from '../core/errors.ts'
import { hashOf } from '../core/hash.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { type CountRows, rowCounter } from '../formats/count-rows.ts'
import type { LoadManifest } from '../state/manifest.ts'
import { requireBalance } from './balance.ts'
import { type ColumnHashes, hashesAside, hashesOfFile, hashesOfLoad } from './column-hashes.ts'
import { bytesOf, commitLoad, confirmed, draftOf, type StagedFile } from './commit.ts'
import { contentOf, contentOfBytes } from './content-hash.ts'
import { fingerprintOf } from './fingerprint.ts'
import { localFiles, verifyFiles } from './local-files.ts'
import type { Landed, LandRequest, LandTools, Staged, Work } from './request.ts'

/** Lands a window, or a whole dataset: a new load unless the current one has the same content. */
export async function landWhole(
  request: LandRequest,
  staged: Staged,
  current: LoadManifest | undefined,
  { store, reader, countRows }: LandTools,
  { db, ctx }: Work,
): Promise<Landed> {
  const known = { countRows: countRows ?? rowCounter(db), reader, dataset: request.dataset }
  const all = await Promise.all(staged.files.map((file) => finished(file, known, ctx.signal)))
  requireBalance(
    staged,
    all.reduce((sum, each) => sum + each.rows, 0),
  )
  const { rows } = staged
  // Of a part without rows there is nothing to keep.
  const files = rows > 0 ? all.filter((each) => each.rows > 0) : all.slice(0, 1)
  const content = contentOfBytes(
    files.map(({ fingerprint }) => fingerprint.sha256),
    request.columns,
  )
  if (current && (await isSame(current, { ...staged, hash: content.hash }, request, { store }, db, ctx))) {
    const manifest = await confirmed(current, request, store, ctx)
    return { manifest, outcome: 'unchanged', read: rows, rows: 0, unchanged: rows, superseded: 0, removed: 0, bytes: 0 }
  }
  const draft = {
    ...draftOf(request, (current?.id ?? 0) + 1, content),
    columnHashes: hashesOfLoad(await Promise.all(files.map(({ file, columns }) => columns ?? hashesOfFile(file, ctx.signal)))),
  }
  const manifest = await commitLoad(draft, files, store, ctx)
  return { manifest, outcome: 'done', read: rows, rows, unchanged: 0, superseded: 0, removed: 0, bytes: bytesOf(manifest) }
}

interface FinishedFile extends StagedFile {
  readonly fingerprint: Fingerprint
  /** Where they were hashed beside the whole. */
  readonly columns: ColumnHashes | undefined
}

/** What is known of a file that is written. */
async function finished(
  file: string,
  { countRows, reader, dataset }: { readonly countRows: CountRows; readonly reader: LandTools['reader']; readonly dataset: string },
  signal: AbortSignal,
): Promise<FinishedFile> {
  const [rows, fingerprint, columns] = await Promise.all([
    countRows(file),
    fingerprintOf(file, signal),
    hashesAside(file, dataset, reader, signal),
  ])
  return { file, rows, kind: '', fingerprint, columns }
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
    return there.hash === (await contentOf(db, staged.files, columns, ctx.signal)).hash
  } catch (error) {
    if (!(error instanceof CheckError)) throw error
    ctx.emit({ type: 'warning', stage: 'land', dataset: current.dataset, message: `${error.message}; landed anew` })
    return false
  }
}
