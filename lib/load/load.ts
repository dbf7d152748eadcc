import type { Disposition, LoadReceipt, Token, Warehouse } from '../connectors/warehouse.ts'
import type { RunContext } from '../core/context.ts'
import type { Dataset } from '../core/dataset.ts'
import { placed } from '../core/errors.ts'
import { bytesOfFiles } from '../core/files-bytes.ts'
import type { Load } from './targets.ts'

/** One dataset on its way into one table. */
export interface LoadTask {
  readonly pipeline: string
  readonly dataset: Dataset
  readonly target: Load<string>
  /** undefined: a target without partitions. */
  readonly partition: string | undefined
  readonly inputKey: string
  /** Last load id of each cursor input that these rows hold, by dataset. */
  readonly loads: Readonly<Record<string, number>>
  /** What `_load` says: load id if extracted, else the first 12 digits of the input key. */
  readonly load: string
  /** The token as the caller read it before it computed. */
  readonly expected: Token | undefined
  /** Parquet files of keys that are gone from the source; merge only. */
  readonly tombstones?: readonly string[]
  /** The cursor column, for a merge of a cursor dataset. */
  readonly order?: string
}

/**
 * Loads a dataset into its table, rows and token in one transaction. The caller has compared the token with the input key before and comes only with work to do; after a
 * TransientError it reads the tokens anew. Emits a stage event at start and end.
 * @throws what the warehouse throws, placed (stage, pipeline, partition, dataset, table)
 */
export async function load(task: LoadTask, warehouse: Warehouse, ctx: RunContext): Promise<LoadReceipt> {
  const { table } = task.target
  const about = { stage: 'load', dataset: task.dataset.name, target: table } as const
  const begun = performance.now()
  ctx.emit({ type: 'stage', phase: 'start', ...about })
  const { rows: inputRows, files } = task.dataset
  const read = { inputRows, inputBytes: await bytesOfFiles(files), inputKey: task.inputKey }
  if (ctx.live) ctx.emit({ type: 'progress', ...about, totalRows: task.dataset.rows })
  try {
    const receipt = await warehouse.load(
      {
        dataset: task.dataset,
        table,
        disposition: ordered(task.target.disposition, task.order),
        expected: task.expected,
        token: { pipeline: task.pipeline, table, partition: task.partition ?? '', inputKey: task.inputKey, loads: task.loads },
        load: task.load,
        ...(task.tombstones && { tombstones: task.tombstones }),
      },
      ctx,
    )
    ctx.emit({
      type: 'stage',
      phase: 'end',
      ...about,
      rows: receipt.rows,
      ...read,
      counts: countsOf(task, receipt),
      ms: performance.now() - begun,
      outcome: 'done',
    })
    return receipt
  } catch (error) {
    ctx.emit({ type: 'stage', phase: 'end', ...about, ...read, ms: performance.now() - begun, outcome: 'failed' })
    throw placed(error, {
      stage: 'load',
      pipeline: task.pipeline,
      ...(task.partition !== undefined && { partition: task.partition }),
      dataset: task.dataset.name,
      table,
    })
  }
}

/** How the dataset's rows add up; `removed` left the table. */
function countsOf({ dataset }: LoadTask, { superseded, removed }: LoadReceipt): Readonly<Record<string, number>> {
  return { dataset: dataset.rows, superseded, removed }
}

function ordered(disposition: Disposition, order: string | undefined): Disposition {
  return disposition.mode === 'merge' && order !== undefined ? { ...disposition, order } : disposition
}
