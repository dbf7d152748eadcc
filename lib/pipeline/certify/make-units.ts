import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunEvent } from '../../core/context.ts'
import { placed } from '../../core/errors.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { transform } from '../../transform/run.ts'
import { type Partition, partitionNamed } from '../define/partitions.ts'
import { openProject } from '../project.ts'
import { type Computing, sharedDataset } from '../run/compute.ts'
import { readableOf } from '../run/session.ts'
import type { CertifyJob, CertifyUnit, MadeUnit } from './job.ts'
import { clockAhead, enginesAt } from './other-clock.ts'
import { openScratch } from './scratch.ts'
import { laidOut, unitInputs } from './unit-inputs.ts'

/** The datasets of a unit that are compared: those that are computed, and those that are delivered; of a load those that are computed from its changes. */
export function comparedDatasets({ pipeline }: Pick<Computing, 'pipeline'>, { partition, load }: CertifyUnit): readonly string[] {
  const { bound, targets, definition } = pipeline
  const delivered = targets.flatMap(({ stage, dataset }) =>
    stage === 'export' && definition.extract[dataset]?.forward === undefined ? [dataset] : [],
  )
  return [...new Set([...bound.order, ...delivered])].filter((name) => {
    const { partitioned, fromChanges, inputs = [] } = bound.datasets[name] ?? {}
    const own = load ? inputs.includes(`${load.dataset}.changes`) : !fromChanges
    return partitioned === (partition !== null) && own
  })
}

/** Computes units again under a setting, from what has landed. Commits nothing: nothing that could is opened. @throws what the stages throw, placed */
export async function makeUnits(
  { project: folder, profile, pipeline: name, units, setting, folder: workspace }: CertifyJob,
  emit: (event: RunEvent, partition: string | undefined) => void,
): Promise<readonly MadeUnit[]> {
  const project = await openProject(folder, profile)
  const ahead = setting.clockAheadMs ?? 0
  const clock = clockAhead(project.clock(name), ahead)
  const openEngine = ahead === 0 ? openDuckDB : enginesAt(new Date())
  const signal = new AbortController().signal
  const scratch = await openScratch(project, name, { folder: workspace, signal, clock, openEngine, emit })
  try {
    const { computing } = scratch
    const { definition, bound } = computing.pipeline
    const common = scratch.context(undefined, workspace)
    for (const each of readableOf(computing, false)) computing.shared.set(each, await sharedDataset(computing, each, common))
    const made: MadeUnit[] = []
    for (const [i, unit] of units.entries()) {
      const partition: Partition | undefined =
        unit.partition === null || !definition.partition ? undefined : partitionNamed(definition.partition, unit.partition, clock.now())
      const own = join(workspace, `unit-${i}`)
      await mkdir(own, { recursive: true })
      const ctx = scratch.context(partition?.name, own)
      const wanted = comparedDatasets(computing, unit)
      const landed = await unitInputs(computing, wanted, { partition, load: unit.load }, ctx)
      const inputs = setting.inputs ? await laidOut(landed, setting.inputs, join(own, 'inputs'), ctx) : landed
      const datasets = await transform(
        bound,
        {
          inputs,
          wanted,
          window: { ...partition?.window, ...(partition && { partition: partition.name }) },
          parameters: definition.parameters ?? {},
          zone: computing.pipeline.zone,
        },
        ctx,
        openEngine,
        openEngine,
      ).catch((error: unknown) => {
        throw placed(error, { pipeline: name, ...(partition && { partition: partition.name }) })
      })
      made.push({
        ...unit,
        inputs: Object.fromEntries(Object.entries(landed).map(([each, { hash }]) => [each, hash])),
        datasets: Object.values(datasets).map(({ name: each, columns, files, rows }) => ({ name: each, columns, files, rows })),
      })
    }
    return made
  } finally {
    await scratch.close()
  }
}
