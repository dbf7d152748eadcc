import type { RunContext } from '../../core/context.ts'
import { extensionsIn } from '../../engines/extensions.ts'
import { openReader, type Reader } from '../../engines/reader.ts'
import { silent } from '../../observe/events.ts'
import { openBinder } from '../open-binder.ts'
import type { Project } from '../project.ts'
import { openSources } from '../run/sources.ts'
import { openWorkspace } from '../run/workspace.ts'
import type { AnyPipeline, Schema } from './definition.ts'
import { discover } from './discover.ts'

/** `discover` with sources, reader and engine of its own, which are closed again. */
export async function discoverColumns(
  project: Project,
  workspaces: string,
  definition: AnyPipeline,
  signal: AbortSignal = new AbortController().signal,
): Promise<Schema> {
  const { config } = project
  const workspace = await openWorkspace(workspaces, `discover-${process.pid}-${Date.now()}`)
  const binder = await openBinder(workspaces)
  let opened: Reader | undefined
  const reader = () => (opened ??= openReader({ limits: config.limits, zone: 'UTC', temp: workspace.folder, signal }))
  const sources = openSources(config.connections, { reader, extensions: extensionsIn(config.extensions) })
  const ctx: RunContext = {
    pipeline: definition.name,
    run: 'discover',
    clock: project.clock(definition.name),
    signal,
    workspace: workspace.folder,
    limits: config.limits,
    emit: (event) => silent.event(event, { pipeline: definition.name, run: 'discover' }),
  }
  try {
    return await discover(definition, definition.schema ?? {}, { sources, reader, binder }, ctx)
  } finally {
    await sources.close()
    await opened?.close()
    binder.close()
    await workspace.close()
  }
}
