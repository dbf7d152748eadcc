import { ConfigError } from '../core/errors.ts'
import { errorReport } from '../observe/error-report.ts'
import { pipelineNames } from './define/load-definition.ts'
import type { Project } from './project.ts'
import type { BrokenPipeline } from './report.ts'

/** What was done of the pipelines asked for, and which of them cannot be read. */
export interface EachPipeline<T> {
  readonly pipelines: readonly T[]
  /** Only where all were asked for: one pipeline's mistakes are its own. */
  readonly broken: readonly BrokenPipeline[]
}

/** Does something with one pipeline, or (absent) with each of the project in turn. @throws what `work` throws for the one that is named; of all, anything but the mistakes of a single pipeline */
export async function eachPipeline<T>(
  project: Project,
  name: string | undefined,
  work: (name: string) => Promise<T>,
): Promise<EachPipeline<T>> {
  if (name !== undefined) return { pipelines: [await work(name)], broken: [] }
  const pipelines: T[] = []
  const broken: BrokenPipeline[] = []
  for (const each of await pipelineNames(project.config.folder)) {
    try {
      pipelines.push(await work(each))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      broken.push({ pipeline: each, error: errorReport(error.at({ pipeline: each })) })
    }
  }
  return { pipelines, broken }
}
