import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Dataset } from '../../core/dataset.ts'
import { keyPart } from '../../core/key-part.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { readParquet } from '../../formats/parquet.ts'
import { changesOf } from '../../land/datasets.ts'
import { loadNumbered } from '../../land/loads.ts'
import { datasetOfName } from '../../transform/bound.ts'
import { emptyDataset } from '../define/empty-dataset.ts'
import type { Partition } from '../define/partitions.ts'
import { type Computing, inputsOf } from '../run/compute.ts'
import { ALL } from '../run/landed.ts'
import type { CertifyUnit } from './job.ts'
import type { Setting } from './settings.ts'

/** What a unit's datasets are computed from: what has landed of its partition, current states, and as changes those of its load: other cursor datasets have none then, as where a run applies it. */
export async function unitInputs(
  computing: Computing,
  wanted: readonly string[],
  { partition, load }: { readonly partition: Partition | undefined; readonly load: CertifyUnit['load'] },
  ctx: RunContext,
): Promise<Record<string, Dataset>> {
  const { pipeline, schema, store } = computing
  const inputs = await inputsOf(computing, wanted, partition, ctx)
  const changed = new Set(wanted.flatMap((name) => pipeline.bound.datasets[name]?.inputs ?? []).filter((name) => name.endsWith('.changes')))
  for (const name of changed) {
    const source = datasetOfName(name)
    const columns = schema[source] ?? {}
    inputs[name] =
      load?.dataset === source
        ? (await changesOf(store, await loadNumbered(store, pipeline.definition.name, source, ALL, load.id), columns, ctx)).dataset
        : await emptyDataset(name, columns, ctx)
  }
  return inputs
}

/** DuckDB's smallest row group, the unit that a thread takes. */
const SMALL_GROUP = 2048

/** The same rows laid out as a setting says: one file each, in `folder`. */
export async function laidOut(
  inputs: Readonly<Record<string, Dataset>>,
  layout: NonNullable<Setting['inputs']>,
  folder: string,
  ctx: RunContext,
): Promise<Record<string, Dataset>> {
  await mkdir(folder, { recursive: true })
  const { memoryBytes, threads } = ctx.limits
  const db = await openDuckDB({ memoryBytes, threads, temp: join(folder, 'spill') })
  try {
    const all: Record<string, Dataset> = {}
    for (const [name, dataset] of Object.entries(inputs)) {
      const file = join(folder, `${keyPart(name)}.parquet`)
      const rows = `(SELECT ${Object.keys(dataset.columns).map(quoteIdentifier).join(', ')} FROM ${readParquet(dataset.files)})`
      // A hash of the place is an order that is another one, and the same each time.
      const numbered = `(SELECT *, row_number() OVER () AS __millrace_place FROM ${rows})`
      const select =
        layout === 'smallGroups'
          ? `SELECT * FROM ${rows}`
          : `SELECT * EXCLUDE (__millrace_place) FROM ${numbered} ORDER BY hash(__millrace_place)`
      const groups = layout === 'smallGroups' ? SMALL_GROUP : 122_880
      await db.run(`COPY (${select}) TO ${quoteLiteral(file)} (FORMAT parquet, ROW_GROUP_SIZE ${groups})`, undefined, ctx.signal)
      all[name] = { ...dataset, files: [file] }
    }
    return all
  } finally {
    db.close()
  }
}
