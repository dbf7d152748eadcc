import { join } from 'node:path'
import type { Columns, Dataset } from '../../lib/core/dataset.ts'
import { type MetaRow, openDuckDB } from '../../lib/engines/duckdb.ts'
import type { Export } from '../../lib/export/contract/export.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { deliveryFolders } from '../../lib/export/verify/delivery-folders.ts'
import { scratchIn } from '../../lib/export/verify/scratch.ts'
import { verifyDelivery } from '../../lib/export/verify/verify-delivery.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { freshStore, readBytes, requestOf } from './kit.ts'

/** A delivered file, on disk and as bytes, and what verify finds. */
export interface DeliveredFile {
  readonly path: string
  readonly bytes: Buffer
  readonly files: readonly string[]
  /** Of all files. */
  readonly paths: readonly string[]
  readonly faults: readonly string[]
}

/** Delivers a SELECT by an export without partitions. */
export async function deliverSelect(columns: Columns, select: string, target: Export<never>, threads = 2): Promise<DeliveredFile> {
  return deliverDataset(await datasetOf(temporaryFolder(), 'd', columns, select), target, threads)
}

export async function deliverDataset(dataset: Dataset, target: Export<never>, threads = 2): Promise<DeliveredFile> {
  const root = temporaryFolder()
  const store = freshStore(root)
  const ctx = testContext()
  const limits = { ...ctx.limits, threads }
  const { files } = await deliver(requestOf(dataset, { export: target as Export, partition: undefined }), store, { ...ctx, limits })
  const faults: string[] = []
  await using scratch = scratchIn(temporaryFolder())
  for (const folder of await deliveryFolders(join(root, 'store'), ctx.signal)) {
    const verified = await verifyDelivery(folder, { scratch, signal: ctx.signal })
    faults.push(...verified.faults)
    if (verified.files.proved < verified.files.count && verified.faults.length === 0) faults.push('not all rows were read again')
  }
  const [first = ''] = files
  const paths = files.map((key) => join(root, 'store', key))
  return { path: join(root, 'store', first), bytes: first === '' ? Buffer.alloc(0) : await readBytes(store, first), files, paths, faults }
}

/** Rows of a query, each value as DuckDB's text. */
export async function query(sql: string): Promise<readonly MetaRow[]> {
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: temporaryFolder() })
  try {
    return await db.meta(sql)
  } finally {
    db.close()
  }
}
