import { checkPlaces, checkPlacesOfTwo, type PipelineExports, type PlacedExport } from '../../export/check-places.ts'
import type { Export } from '../../export/contract/export.ts'
import type { AnyPipeline } from './definition.ts'
import { importBeside, pipelineNames } from './load-definition.ts'
import { nameOf } from './partition-names.ts'
import type { Partitioning } from './partitions.ts'

/**
 * Refuses exports that would write over those of another pipeline of the project: one store has the deliveries of all. Where the rows are equal no run would see it: each finds delivered what the other has made. A pipeline
 * that cannot be read is left out: its mistakes are its own.
 * @throws ConfigError naming both pipelines
 */
export async function checkBeside(
  project: string,
  name: string,
  exports: readonly PlacedExport[],
  partition: Partitioning | undefined,
): Promise<void> {
  if (exports.length === 0) return
  const own = exportsOf(name, exports, partition)
  const others = (await pipelineNames(project)).filter((each) => each !== name)
  for (const other of await Promise.all(others.map((each) => exportsBeside(project, each)))) if (other) checkPlacesOfTwo(own, other)
}

function exportsOf(pipeline: string, exports: readonly PlacedExport[], partition: Partitioning | undefined): PipelineExports {
  const year2000 = { year: 2000, month: 1, day: 1, hour: 0 }
  return {
    exports: exports.map((each) => ({ ...each, pipeline })),
    keys: partition?.by === 'keys' ? partition.keys : undefined,
    nameLength: partition?.by === 'time' ? nameOf(partition.unit, year2000).length : undefined,
  }
}

async function exportsBeside(project: string, name: string): Promise<PipelineExports | undefined> {
  try {
    const definition = await importBeside(project, name)
    const { partition } = definition
    const found = exportsOf(name, placed(definition), partition)
    checkPlaces(found.exports, found.keys)
    return found
  } catch {
    return undefined
  }
}

/** As the binding has them: an export has partitions where its path names them. */
function placed({ export: exports }: AnyPipeline): readonly PlacedExport[] {
  return Object.entries(exports ?? {}).flatMap(([dataset, given]) =>
    ([given].flat() as readonly Export<never>[]).map((each) => ({
      dataset,
      export: each,
      partitioned: each.path.includes('{partition}'),
    })),
  )
}
