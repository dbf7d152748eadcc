import { placed } from '../../core/errors.ts'
import type { Breach } from '../../export/contract/breach.ts'
import { descriptorOf } from '../../export/contract/descriptor.ts'
import { breachesOf } from '../../export/contract/expectation.ts'
import { type Expectation, expectedExports, wantedExport } from '../../export/contract/expectation-files.ts'
import { type EachPipeline, eachPipeline } from '../each-pipeline.ts'
import type { Project } from '../project.ts'
import { type ContractedExport, contractedExports } from './contracts.ts'

/** Whether what a consumer expects of an export holds. */
export interface VerifiedExpectation {
  readonly consumer: string
  readonly file: string
  /** The export; where there is none, as the file calls it. */
  readonly export: string
  readonly pipeline?: string
  readonly holds: boolean
  /** Nobody can tell: a pipeline that cannot be read may have the export. Then it does not hold, and nothing is broken. */
  readonly unknown?: true
  readonly breaches: readonly Breach[]
}

export interface VerifiedExpectations extends Pick<EachPipeline<unknown>, 'broken'> {
  readonly consumers: readonly VerifiedExpectation[]
  /** How many say that they are of another pipeline than the one that is named. */
  readonly leftOut: number
}

/**
 * Holds what consumers expect against the contracts as the code has them, of one pipeline or of all: no delivery, no source and no store is needed. Where one pipeline is named, expectations that say they are of another are left
 * out.
 * @throws ConfigError for an expectation that no contract could promise
 */
export async function verifyExpectations(
  project: Project,
  expectations: readonly Expectation[],
  name?: string,
): Promise<VerifiedExpectations> {
  const { pipelines, broken } = await eachPipeline(project, name, (each) => contractedExports(project, each))
  const exports = pipelines.flat()
  const about = expectations.filter(({ stated }) => name === undefined || (stated.millrace?.pipeline ?? name) === name)
  return { consumers: about.map((each) => verified(each, exports, broken)), leftOut: expectations.length - about.length, broken }
}

function verified(
  expectation: Expectation,
  exports: readonly ContractedExport[],
  broken: EachPipeline<unknown>['broken'],
): VerifiedExpectation {
  const { consumer, file, stated } = expectation
  const own = stated.millrace?.pipeline
  const [one, another] = expectedExports(
    expectation,
    exports.filter(({ pipeline }) => own === undefined || pipeline === own),
  )
  if (!one && broken.some(({ pipeline }) => own === undefined || pipeline === own))
    return { consumer, file, export: wantedExport(expectation), holds: false, unknown: true, breaches: [] }
  if (!one || another) {
    const breaches = [another ? ambiguous(expectation) : missing(expectation, exports)]
    return { consumer, file, export: wantedExport(expectation), holds: false, breaches }
  }
  try {
    const breaches = breachesOf(stated, descriptorOf(one.export))
    return { consumer, file, export: one.export.path, pipeline: one.pipeline, holds: breaches.length === 0, breaches }
  } catch (error) {
    throw placed(error, { file })
  }
}

function missing(expectation: Expectation, exports: readonly ContractedExport[]): Breach {
  const wanted = wantedExport(expectation)
  const paths = exports.map((each) => each.export.path)
  return {
    at: 'millrace.export',
    expected: wanted,
    actual: paths,
    what: `nothing is exported to ${wanted}; there are: ${paths.join(', ') || 'no exports'}`,
    mend: "export it again, or name another export in the consumer's file (millrace.export)",
  }
}

function ambiguous(expectation: Expectation): Breach {
  const wanted = wantedExport(expectation)
  const what = `"${wanted}" may be more than one export`
  return {
    at: 'millrace.export',
    expected: wanted,
    actual: null,
    what,
    mend: 'name pipeline and path in the file: millrace.pipeline, millrace.export',
  }
}
