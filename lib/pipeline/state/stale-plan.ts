import { placed } from '../../core/errors.ts'
import type { Project } from '../project.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import type { StaleReport } from '../stale-report.ts'
import { restatement } from './restatement.ts'

/**
 * What changed since a pipeline's partitions were made, what follows from it, and the command that makes only that again. Asks no source: the content of inputs is that of what has landed. Opens the
 * warehouse and the store, which hold the commit points.
 * @throws ConfigError when the pipeline or its schema.ts is wrong
 */
export async function stalePlan(project: Project, name: string, options: { readonly signal?: AbortSignal } = {}): Promise<StaleReport> {
  const { session, context, workspace, close } = await openSession(project, name, LOOKING, options)
  try {
    const { causes, partitions, byInputs, due, done, waiting, made } = await restatement(
      session,
      project.clock(name).now(),
      context(undefined, workspace.folder),
    )
    return {
      pipeline: name,
      profile: project.config.profile,
      causes,
      partitions: partitions.map((each) => each.name),
      byInputs: byInputs.map((each) => each.name),
      due: due.map((each) => each.name),
      done,
      waiting,
      made,
      ...(partitions.length > 0 && { again: `millrace run ${name} --stale` }),
    }
  } catch (error) {
    throw placed(error, { pipeline: name })
  } finally {
    await close()
  }
}
