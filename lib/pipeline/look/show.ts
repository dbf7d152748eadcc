import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Dataset } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import { type Partition, partitionNamed, partitionsUntil } from '../define/partitions.ts'
import type { Project } from '../project.ts'
import type { ShowResult } from '../report.ts'
import { compute, sharedDataset } from '../run/compute.ts'
import { usableLoad } from '../run/landed.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { extractedOf, readableOf, type Session } from '../run/session.ts'
import { showUndecoded } from './show-undecoded.ts'

/** What `show` may be told. */
export interface ShowOptions {
  /** Default: the newest partition that has landed. */
  readonly partition?: string
  /** How many rows of the dataset to give. */
  readonly rows: number
  readonly signal?: AbortSignal
}

/**
 * A dataset's columns, counts and first rows: an extracted one as it has landed (undecoded: without rows), a computed one computed now from what has landed. Commits nothing.
 * @throws ConfigError for an unknown dataset or partition, and where nothing has landed
 */
export async function show(project: Project, name: string, dataset: string, options: ShowOptions): Promise<ShowResult> {
  const { session, context, workspace, close } = await openSession(project, name, LOOKING, options)
  try {
    const bound = session.pipeline.bound.datasets[dataset]
    if (!bound) {
      const names = Object.keys(session.pipeline.bound.datasets)
      throw new ConfigError(`unknown dataset "${dataset}"${didYouMean(dataset, names)}; there are: ${names.join(', ')}`, { pipeline: name })
    }
    if (bound.fromChanges)
      throw new ConfigError(`"${dataset}" is computed from changes: it exists only while a load is applied`, {
        pipeline: name,
        dataset,
        hint: 'look at its table in the warehouse',
      })
    const partition = bound.partitioned ? await shownPartition(project, session, dataset, options.partition) : undefined
    if (!bound.partitioned && options.partition !== undefined)
      throw new ConfigError(`"${dataset}" has no partitions`, { pipeline: name, dataset })
    if (session.pipeline.definition.extract[dataset]?.forward === 'land') return await showUndecoded(session, dataset, partition)
    const ctx = context(partition?.name, workspace.folder)
    for (const each of readableOf(session, false))
      if (bound.inputs.includes(each)) session.shared.set(each, await sharedDataset(session, each, ctx))
    const found = (await compute(session, new Set([dataset]), partition, ctx))[dataset]
    if (!found) throw new RangeError(`${dataset} was not computed`)
    const sizes = await Promise.all(found.files.map(async (file) => (await stat(file)).size))
    return {
      pipeline: name,
      dataset,
      partition: partition?.name ?? '',
      columns: found.columns,
      rows: found.rows,
      files: found.files.length,
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      sample: await firstRows(found, options.rows, ctx),
    }
  } finally {
    await close()
  }
}

/** The named partition, else the newest of which all window datasets behind `dataset` have landed. */
async function shownPartition(project: Project, session: Session, dataset: string, named: string | undefined): Promise<Partition> {
  const { definition, bound } = session.pipeline
  if (!definition.partition) throw new RangeError(`${dataset} has no partitions`)
  const now = project.clock(definition.name).now()
  if (named !== undefined) return partitionNamed(definition.partition, named, now)
  const extracted = extractedOf(session, true).filter((each) => bound.datasets[dataset]?.inputs.includes(each))
  for (const partition of partitionsUntil(definition.partition, now).toReversed()) {
    const loads = await Promise.all(extracted.map((each) => usableLoad(session, each, partition)))
    if (loads.every((load) => load !== undefined)) return partition
  }
  throw new ConfigError(`nothing of "${dataset}" has landed yet`, {
    pipeline: definition.name,
    dataset,
    hint: `millrace run ${definition.name}`,
  })
}

async function firstRows({ columns, files }: Dataset, rows: number, ctx: RunContext): Promise<ShowResult['sample']> {
  if (rows === 0) return []
  const db = await openDuckDB({ memoryBytes: ctx.limits.memoryBytes, threads: 1, temp: join(ctx.workspace, 'show') })
  try {
    const names = Object.keys(columns)
    const texts = names.map((column) => `CAST(${quoteIdentifier(column)} AS VARCHAR) AS ${quoteIdentifier(column)}`)
    const found = await db.meta(`SELECT ${texts.join(', ')} FROM (${relationOfFiles(columns, files)}) LIMIT ${rows}`, undefined, ctx.signal)
    return found.map((row) => names.map((column) => row[column] ?? null))
  } finally {
    db.close()
  }
}
