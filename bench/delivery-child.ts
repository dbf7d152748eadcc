import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { local } from '../lib/connectors/local/index.ts'
import type { Store } from '../lib/connectors/store.ts'
import type { RunContext } from '../lib/core/context.ts'
import type { Columns, Dataset } from '../lib/core/dataset.ts'
import { openDuckDB } from '../lib/engines/duckdb.ts'
import { fifoStock } from '../lib/engines/fifo-stock.ts'
import { type Contract, contract } from '../lib/export/contract/contract.ts'
import { csv } from '../lib/export/contract/export.ts'
import { deliver } from '../lib/export/deliver.ts'
import type { StoredReader } from '../lib/export/prove/read-stored.ts'
import { csvWriter } from '../lib/export/write/csv-writer.ts'
import { deliverySelect } from '../lib/export/write/rows.ts'
import { checkTotalOrder } from '../lib/export/write/total-order.ts'
import { writeThroughFifo } from '../lib/export/write/write-csv.ts'
import { copyToCsv } from '../lib/formats/csv-write.ts'
import { LINEITEM } from './lineitem.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// One work of bench/delivery.ts in a process of its own, answered over IPC.

export interface DeliveryJob {
  /** `proved`: what a run does. `written`: the same without reading back. `engine`: the CSV into /dev/null. `upload`: the finished file into the store. */
  readonly work: 'proved' | 'written' | 'engine' | 'upload'
  readonly compression: 'none' | 'gzip'
  readonly parquet: string
  readonly rows: number
  /** Of `upload`. */
  readonly csv: string
  readonly folder: string
  readonly memoryBytes: number
}

const notRead = (): StoredReader => ({
  add: () => undefined,
  requireReadable: () => undefined,
  end: async () => ({ rows: 0, content: 0n, order: 0n, columns: [] }),
  stop: () => undefined,
})

async function written(dataset: Dataset, target: Contract, store: Store, ctx: RunContext) {
  const db = await openDuckDB({ ...ctx.limits, temp: join(ctx.workspace, 'spill'), zone: 'UTC' })
  try {
    const { inOrder } = await checkTotalOrder(db, dataset, target, ctx.signal)
    const writer = csvWriter({
      db,
      dataset,
      contract: target,
      inOrder,
      threads: ctx.limits.threads,
      signal: ctx.signal,
      workspace: ctx.workspace,
    })
    const [file] = await writeThroughFifo(
      {
        ...writer,
        ...{
          key: () => '_tmp/lineitem.csv',
          rows: dataset.rows,
          fifos: fifoStock(join(ctx.workspace, 'fifos')),
          signal: ctx.signal,
          readBack: notRead,
        },
      },
      writer.produce,
      store,
    )
    await store.copy(file?.key ?? '', 'lineitem.csv', { ifAbsent: true })
    await store.delete(file?.key ?? '')
  } finally {
    db.close()
  }
}

async function run({ work, compression, parquet, rows, csv: finished, folder, memoryBytes }: DeliveryJob): Promise<void> {
  const workspace = join(folder, randomUUID())
  await mkdir(workspace, { recursive: true })
  const store = local(join(workspace, 'store')).openStore()
  const ctx: RunContext = {
    ...{ pipeline: 'bench', run: 'run', workspace, emit: () => undefined, signal: new AbortController().signal },
    clock: { now: () => new Date(), sleep: async () => undefined },
    limits: { memoryBytes, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 },
  }
  const columns: Columns = LINEITEM
  const dataset: Dataset = { name: 'lineitem', columns, files: [parquet], rows, hash: '' }
  const terms = contract({
    columns: LINEITEM,
    orderBy: ['l_orderkey', 'l_linenumber'],
    formulas: 'raw',
    compression,
  }) as unknown as Contract
  const now = () => ({ at: performance.timeOrigin + performance.now(), cpu: usageOf(process.pid).cpuSeconds })
  const begun = now()
  if (work === 'upload')
    await store.put('lineitem.csv', { stream: createReadStream(finished, { highWaterMark: 2 ** 20 }) }, { ifAbsent: true })
  else if (work === 'written') await written(dataset, terms, store, ctx)
  else if (work === 'engine') {
    const db = await openDuckDB({ ...ctx.limits, temp: join(workspace, 'spill') })
    await db.run(copyToCsv(deliverySelect(dataset, terms, true), '/dev/null', terms))
    db.close()
  } else {
    const target = csv(`lineitem.csv${compression === 'gzip' ? '.gz' : ''}`, { contract: terms })
    await deliver({ pipeline: 'bench', dataset, export: target, partition: undefined, inputKey: 'a'.repeat(64) }, store, ctx)
  }
  const ended = now()
  await store.close()
  const stretch: Stretch = { from: begun.at, to: ended.at, cpuSeconds: ended.cpu - begun.cpu }
  process.send?.(stretch)
  process.disconnect?.()
}

process.once('message', (job: DeliveryJob) => void run(job))
