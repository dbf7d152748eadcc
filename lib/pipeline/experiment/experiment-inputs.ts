import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { files } from '../../connectors/index.ts'
import type { Read } from '../../connectors/source.ts'
import type { RunContext } from '../../core/context.ts'
import type { Columns, Dataset } from '../../core/dataset.ts'
import { exists } from '../../core/disk.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteLiteral } from '../../core/quote.ts'
import { NO_EXTENSIONS } from '../../engines/extensions.ts'
import type { Reader } from '../../engines/reader.ts'
import { selectDeclared } from '../../extract/select.ts'
import { currentState } from '../../land/current-state.ts'
import { datasetOfLoads, verifyOnce } from '../../land/datasets.ts'
import { currentLoad } from '../../land/loads.ts'
import { readForEachPartition } from '../define/check-extract.ts'
import { loadPipeline } from '../define/load-definition.ts'
import { partitionNamed, partitionsUntil } from '../define/partitions.ts'
import { openLanding } from '../open-landing.ts'
import type { Project } from '../project.ts'
import { ALL } from '../run/landed.ts'
import type { ExperimentInput } from './experiment.ts'

/** What inputs are made with. */
export interface InputTools {
  readonly project: Project
  readonly reader: Reader
  readonly ctx: RunContext
}

/** Makes an input of an experiment a Dataset. @throws ConfigError for a file that is not there or lies outside the project, and for a dataset that has not landed */
export function inputDataset(name: string, input: ExperimentInput, tools: InputTools): Promise<Dataset> {
  return input.from === 'fixture' ? fixtureDataset(name, input, tools) : landedInput(name, input, tools)
}

/** Where an input comes from, for people. */
export function inputText(input: ExperimentInput): string {
  return input.from === 'fixture'
    ? input.path
    : `${input.pipeline} ${input.dataset}${input.partition === undefined ? '' : ` ${input.partition}`}, as landed`
}

type Fixture = Extract<ExperimentInput, { readonly from: 'fixture' }>
type Landed = Extract<ExperimentInput, { readonly from: 'landed' }>

async function fixtureDataset(name: string, { path, format }: Fixture, { project, reader, ctx }: InputTools): Promise<Dataset> {
  const file = resolve(project.config.folder, path)
  if (relative(project.config.folder, file).startsWith('..'))
    throw new ConfigError(`fixture ${path} lies outside the project`, { dataset: name, file: path })
  if (!(await exists(file))) throw new ConfigError(`fixture ${path} is not there`, { dataset: name, file: path })
  const source = files(dirname(file)).openSource({ reader, extensions: NO_EXTENSIONS })
  try {
    const asked = { dataset: name, request: { method: 'files', paths: [basename(file)], ...format } } as const
    const columns = await source.describe(asked, ctx)
    return await materialized(name, { ...asked, columns }, source.read.bind(source), columns, { reader, ctx })
  } finally {
    await source.close()
  }
}

async function materialized(
  name: string,
  read: Read,
  open: (read: Read, ctx: RunContext) => ReturnType<ReturnType<ReturnType<typeof files>['openSource']>['read']>,
  columns: Columns,
  { reader, ctx }: Pick<InputTools, 'reader' | 'ctx'>,
): Promise<Dataset> {
  const relation = await open(read, ctx)
  try {
    const to = join(ctx.workspace, `input-${createHash('sha256').update(name).digest('hex').slice(0, 12)}.parquet`)
    const select = selectDeclared(relation, { dataset: name, columns, kind: { by: 'whole' } })
    const sql = `COPY (${select.sql}) TO ${quoteLiteral(to)} (FORMAT parquet)`
    const job = {
      dataset: name,
      before: relation.before,
      ...(relation.arrow && { arrow: relation.arrow }),
      ...(relation.zone !== undefined && { zone: relation.zone }),
      statements: [{ sql, ...(select.values && { values: select.values }) }],
    }
    const { rows } = await reader.execute(job, ctx.signal)
    return { name, columns, files: [to], rows: rows[0] ?? 0, hash: await hashOfFile(to) }
  } finally {
    await relation.close()
  }
}

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function landedInput(name: string, { pipeline, dataset, partition }: Landed, { project, ctx }: InputTools): Promise<Dataset> {
  const { definition } = await loadPipeline(project.config.folder, pipeline)
  const extract = Object.hasOwn(definition.extract, dataset) ? definition.extract[dataset] : undefined
  if (!extract)
    throw new ConfigError(`pipeline "${pipeline}" extracts no "${dataset}"; it extracts: ${Object.keys(definition.extract).join(', ')}`, {
      dataset: name,
    })
  const { kind } = extract
  const store = openLanding(project.config, ctx.signal)
  try {
    const columns = definition.schema?.[dataset]
    if (kind.by === 'cursor' && columns) {
      const { manifests: _, ...state } = await currentState(store, { pipeline, dataset, columns, key: kind.key, cursor: kind.column }, ctx)
      return { ...state, name }
    }
    const now = project.clock(pipeline).now()
    const { partition: by } = definition
    const partitions =
      !by || !readForEachPartition(extract)
        ? [ALL]
        : (partition === undefined ? partitionsUntil(by, now) : [partitionNamed(by, partition, now)]).map((each) => each.name)
    const loads = (await Promise.all(partitions.map((each) => currentLoad(store, pipeline, dataset, each)))).filter(
      (load) => load !== undefined,
    )
    if (loads.length === 0)
      throw new ConfigError(`${pipeline} ${dataset} has not landed`, { dataset: name, hint: `millrace run ${pipeline} lands it` })
    await verifyOnce(store, loads, ctx)
    return { ...(await datasetOfLoads(store, loads, ctx)), name }
  } finally {
    await store.close()
  }
}
