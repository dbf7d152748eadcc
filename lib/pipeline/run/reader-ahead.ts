import type { Stage } from '../../core/errors.ts'
import { launchAhead } from '../../engines/launch-reader.ts'
import { loadPipeline } from '../define/load-definition.ts'
import type { Project } from '../project.ts'
import { does } from './session.ts'

/**
 * Launches the reader child of a run that is sure to read: one with datasets that every run asks the source for. To be called before the modules are loaded that bind and run, which takes longer than the child
 * needs. Of windows nobody knows yet whether any is due.
 * @throws ConfigError for a pipeline that cannot be loaded
 */
export async function readerAhead({ config }: Project, name: string, only: Stage | undefined): Promise<void> {
  if (!does({ only }, 'extract')) return
  const { definition } = await loadPipeline(config.folder, name)
  const asked = Object.values(definition.extract).some(({ kind, forward }) => kind.by !== 'window' && forward === undefined)
  if (asked) launchAhead(config.limits.threads)
}
