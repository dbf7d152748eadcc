import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectInfo, Store } from '../connectors/store.ts'
import { messageOf, NotFound, PreconditionFailed } from '../core/errors.ts'
import { sideBySide } from '../core/side-by-side.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { fifoStocks } from '../engines/fifo-stock.ts'
import { conflict, type File, type Work } from './delivery.ts'
import { engineError } from './engine-error.ts'
import { TEMPORARY } from './layout.ts'
import { anotherDelivery, INPUT_KEY, OBJECTS_AT_ONCE, sameContent } from './objects.ts'
import { sumBeside } from './prove/beside.ts'
import { prove, readTogether, writtenProof } from './prove/prove.ts'
import { checkValues } from './write/check-values.ts'
import { checkTotalOrder } from './write/total-order.ts'
import { type Written, writeThroughFifo } from './write/write-csv.ts'
import { fileWriter } from './write/writers.ts'

/** Used again by all deliveries of a run. */
const fifosOf = fifoStocks('fifos')

/** Writes the rows to temporary objects, verified as stored and proved to be the dataset, and copies each to its immutable name; a file of few bytes is proved in memory, and stored there at once. */
export async function deliverFiles(work: Work): Promise<readonly File[]> {
  const { request, ctx } = work
  const { contract } = request.export
  const folder = join(ctx.workspace, `export-${randomUUID()}`)
  const temp = `${folder}-spill`
  // CSV leaves nothing here, and making and removing a folder takes as long as a fsync.
  await mkdir(contract.format === 'csv' ? ctx.workspace : folder, { recursive: true })
  try {
    const db = await work.openEngine({ ...ctx.limits, temp, zone: 'zone' in contract ? contract.zone : 'UTC' })
    try {
      return await writeAndProve(work, db, folder)
    } catch (error) {
      if (ctx.signal.aborted) throw ctx.signal.reason
      // Another delivery of this partition, on another machine, swept the temporary objects away.
      throw error instanceof NotFound ? anotherDelivery(work.place, error) : engineError(error, 'write the rows')
    } finally {
      db.close()
    }
  } finally {
    for (const each of [folder, temp]) if (existsSync(each)) await rm(each, { recursive: true, force: true })
  }
}

async function writeAndProve(work: Work, db: DuckDB, folder: string): Promise<readonly File[]> {
  const { request, layout, store, ctx } = work
  const { dataset } = request
  const { contract } = request.export
  const { signal, limits } = ctx
  const beside = await sumBeside({ dataset, contract }, db, signal)
  try {
    const { inOrder, order } = await checkTotalOrder(db, dataset, contract, signal)
    await checkValues(db, dataset, contract, signal)
    const claim = { dataset, contract, order }
    const nonce = randomBytes(4).toString('hex')
    const writer = fileWriter({ db, dataset, contract, inOrder, threads: limits.threads, workspace: folder, signal })
    const written = await writeThroughFifo(
      {
        key: (n) => `${TEMPORARY}${ctx.run}/${layout.id}-${nonce}${n === 1 ? '' : `-${n}`}${layout.extension}`,
        ...writer,
        rows: dataset.rows,
        fifos: fifosOf(ctx.runFolder ?? ctx.workspace),
        signal,
        progress: (bytes) => ctx.emit({ type: 'progress', stage: 'export', dataset: dataset.name, target: request.export.path, bytes }),
      },
      writer.produce,
      store,
    )
    return await publish(work, written, writer.contentType, async () =>
      prove(readTogether(written.map(({ read }) => read)), await beside.sums(), claim, db, signal),
    )
  } finally {
    await beside.stop()
  }
}

/** Gives what was written its immutable names once it is proved; the temporary objects go, whatever comes. */
async function publish(
  work: Work,
  written: readonly Written[],
  contentType: string,
  proved: () => Promise<void>,
): Promise<readonly File[]> {
  const { request, layout, store, ctx } = work
  const { dataset, inputKey } = request
  const files = written.map(
    ({ read, held: _, ...sums }, i): File => ({
      ...sums,
      key: layout.data(inputKey, sums.sha256, i + 1),
      proof: writtenProof(read, request.export.contract),
    }),
  )
  try {
    await proved()
    await sideBySide(OBJECTS_AT_ONCE, [...files.entries()], ([i, file]) => {
      ctx.signal.throwIfAborted()
      const { key = '', held } = written[i] ?? {}
      return held ? createFile(work, held, file, contentType) : createCopy(work, key, file)
    })
    return files
  } finally {
    const temporary = written.filter(({ held }) => !held)
    await sideBySide(OBJECTS_AT_ONCE, temporary, ({ key }) =>
      store.delete(key).catch((error: unknown) =>
        ctx.emit({
          type: 'warning',
          stage: 'export',
          dataset: dataset.name,
          message: `${key} is left for the next run to sweep: ${messageOf(error)}`,
        }),
      ),
    )
  }
}

/** Copies an object to a file's immutable name. One that is there already with the same content is adopted. */
export function createCopy({ store, request }: Work, from: string, file: File): Promise<void> {
  return create(store, file, () => store.copy(from, file.key, { ifAbsent: true, metadata: metadataOf(request, file) }))
}

/** Stores bytes under a file's immutable name, with their CRC32C for the store to hold them against. The same content there already is adopted. */
function createFile({ store, request }: Work, bytes: Uint8Array, file: File, contentType: string): Promise<void> {
  const options = { ifAbsent: true, crc32c: file.crc32c, contentType, metadata: metadataOf(request, file) }
  return create(store, file, () => store.put(file.key, { bytes }, options))
}

function metadataOf({ inputKey }: Work['request'], { sha256, rows }: File) {
  return { [INPUT_KEY]: inputKey, sha256, rows: String(rows) }
}

async function create(store: Store, file: File, step: () => Promise<ObjectInfo>): Promise<void> {
  let info: ObjectInfo | undefined
  try {
    info = await step()
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    info = await store.head(file.key)
  }
  if (!sameContent(info, file)) throw conflict(file.key, info, file)
}
