import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { constants, createZstdCompress } from 'node:zlib'
import type { Frames, Sent } from '../connectors/frames.ts'
import type { Store } from '../connectors/store.ts'
import { checksums, type Fingerprint } from '../core/checksums.ts'
import type { RunContext } from '../core/context.ts'
import { disk } from '../core/disk.ts'
import { CheckError } from '../core/errors.ts'
import { tellBytesOf } from '../core/progress.ts'
import type { LoadManifest, UndecodedRows } from '../state/manifest.ts'
import { bytesOf, commitLoad, confirmed, draftOf } from './commit.ts'
import { contentOfUndecoded } from './content-hash.ts'
import { evenBlocks } from './even-blocks.ts'
import { asLanding } from './landing.ts'
import { loadsOf } from './loads.ts'
import { verifyFiles } from './local-files.ts'
import type { Asked, Landed } from './request.ts'
import { sweepLanding } from './sweep.ts'

/** Frames as they have come, in the workspace. */
interface StagedFrames {
  readonly file: string
  readonly rows: number
  readonly undecoded: UndecodedRows
  /** Of the compressed file. */
  readonly fingerprint: Fingerprint
}

/**
 * Lands frames as they come, compressed, with the commit of every other load: the file under an immutable name, then the manifest, which says the format and what the bytes mean. The same bytes as the current
 * load's commit nothing; it is confirmed as `land` confirms. Nothing counts the rows but the sender: who takes them later counts again. Called under the lock of the partition.
 *
 * Emits a stage event at start and end.
 * @throws what the sender throws, when its attempts are used up; CheckError for a damaged landing, OutrunError when another run was first, PermanentError for a full disk
 */
export function landUndecoded(request: Asked, frames: Frames, store: Store, ctx: RunContext): Promise<Landed> {
  return asLanding(request, ctx, async (folder) => {
    const loads = await loadsOf(store, ctx.pipeline, request.dataset, request.partition)
    await sweepLanding(store, ctx.pipeline, request.dataset, request.partition, loads)
    const staged = await frames.inAttempts(() => stage(frames, join(folder, 'rows.zst'), request.dataset, ctx))
    ctx.signal.throwIfAborted()
    const { rows, undecoded, file, fingerprint } = staged
    const content = contentOfUndecoded(undecoded)
    const current = loads.at(-1)
    const counts = { read: rows, superseded: 0, removed: 0 }
    if (current && (await isSame(current, content.hash, store, ctx))) {
      const manifest = await confirmed(current, request, store, ctx)
      return { manifest, outcome: 'unchanged', ...counts, rows: 0, unchanged: rows, bytes: 0 }
    }
    const draft = { ...draftOf(request, (current?.id ?? 0) + 1, content), undecoded }
    const manifest = await commitLoad(draft, [{ file, rows, kind: '', fingerprint }], store, ctx)
    return { manifest, outcome: 'done', ...counts, rows, unchanged: 0, bytes: bytesOf(manifest) }
  })
}

/** Whether the current load has this content, and its file still holds it. */
async function isSame(current: LoadManifest, hash: string, store: Store, ctx: RunContext): Promise<boolean> {
  if (current.contentHash !== hash) return false
  try {
    await verifyFiles(store, [current])
    return true
  } catch (error) {
    if (!(error instanceof CheckError)) throw error
    ctx.emit({ type: 'warning', stage: 'land', dataset: current.dataset, message: `${error.message}; landed anew` })
    return false
  }
}

/**
 * Level 1, on another thread: of 1 M rows × 16 columns (199 MB) 22 % are left for half a CPU-second, where the two servers take three and a half; level 3 gets no further, the fast levels leave more in no less time.
 * The checksum is zstd's own, inside the file.
 */
const COMPRESSION = {
  chunkSize: 2 ** 18,
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
}

const BLOCK_BYTES = 2 ** 18

/** Writes one sending into a file. Memory is bounded: a chunk is taken when the compressor has room. */
async function stage(frames: Frames, file: string, dataset: string, ctx: RunContext): Promise<StagedFrames> {
  const [came, stored] = [createHash('sha256'), checksums()]
  const compressor = createZstdCompress(COMPRESSION)
  using _told = tellBytesOf([file], ctx, { stage: 'land', dataset })
  const writing = disk.writeStream(file, compressor, stored.add)
  const failed = writing.then(() => new Promise<never>(() => {}))
  failed.catch(() => undefined)
  let sent: Sent
  try {
    const blocks = evenBlocks(BLOCK_BYTES, async (block) => {
      if (!compressor.write(block)) await Promise.race([once(compressor, 'drain'), failed])
    })
    sent = await frames.send(async (chunk) => {
      came.update(chunk)
      await blocks.add(chunk)
    }, ctx.signal)
    await blocks.end()
    compressor.end()
    await writing
  } catch (error) {
    compressor.destroy()
    await writing.catch(() => undefined)
    throw error
  }
  const { format, columns, facts } = frames
  return {
    file,
    rows: sent.rows,
    undecoded: { format, compression: 'zstd', columns, facts, bytes: sent.bytes, sha256: came.digest('hex') },
    fingerprint: stored.result(),
  }
}
