import { ConfigError } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Export } from '../../export/contract/export.ts'
import { lookingPlace } from '../look/looking.ts'
import { openBinder } from '../open-binder.ts'
import type { Project } from '../project.ts'
import { bindPipeline } from './bind.ts'
import { loadPipeline } from './load-definition.ts'
import type { Partitioning } from './partitions.ts'
import { extractedPart } from './schema-check.ts'

/** An export whose contract its dataset can keep. */
export interface ContractedExport {
  readonly pipeline: string
  readonly dataset: string
  readonly export: Export
  /** undefined: it has none. */
  readonly partition: Partitioning | undefined
}

/**
 * The exports of a pipeline, in its order, each contract held against its dataset on zero rows, as plan does; opens no connection. `path`: that one alone.
 * @throws ConfigError for a contract that its dataset cannot keep, for whatever else plan refuses, and for a path that is none of the pipeline's
 */
export async function contractedExports({ config }: Project, name: string, path?: string): Promise<readonly ContractedExport[]> {
  const loaded = await loadPipeline(config.folder, name)
  await using place = await lookingPlace(config.state)
  const binder = await openBinder(place.workspaces)
  try {
    const { definition, targets } = await bindPipeline(
      loaded,
      extractedPart(loaded.definition, loaded.definition.schema ?? {}),
      config,
      binder,
    )
    const exports = targets.flatMap((target): ContractedExport[] =>
      target.stage === 'export'
        ? [
            {
              pipeline: name,
              dataset: target.dataset,
              export: target.export as Export,
              partition: target.partitioned ? definition.partition : undefined,
            },
          ]
        : [],
    )
    return path === undefined ? exports : [exportAt(exports, name, path)]
  } finally {
    binder.close()
  }
}

function exportAt(exports: readonly ContractedExport[], pipeline: string, path: string): ContractedExport {
  const paths = exports.map((each) => each.export.path)
  const found = exports.find((each) => each.export.path === path)
  if (found) return found
  throw new ConfigError(`no export to "${path}"${didYouMean(path, paths)}`, {
    pipeline,
    stage: 'export',
    hint: paths.length === 0 ? 'the pipeline exports nothing' : `there are: ${paths.join(', ')}`,
  })
}
