import { elapsedMs } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import type { Reader, ReaderJob, ReaderResult } from '../../engines/reader.ts'
import { untilSettled } from './cancel.ts'
import { type Address, applicationName } from './client.ts'
import { attachment, serverFault } from './extension.ts'
import { explained } from './faults.ts'
import type { Settings } from './options.ts'
import type { Snapshot } from './snapshot.ts'
import { type Patience, watchSilence } from './watch.ts'

/** What both roads need to read. */
export interface ReadTools {
  readonly settings: Settings
  readonly address: Address
  readonly ctx: RunContext
  readonly snapshot: Snapshot
  /** Of the relation, in no other one's names. */
  readonly id: string
  readonly doing: string
  readonly patience: Patience
  readonly reader: Reader
  /** Of the relation. */
  readonly folder: string
  /** In which the server understands naive times where it compares them with instants. Default UTC. */
  readonly zone?: string
}

/**
 * Runs a job over `postgres_query` of the attached databases `names`, each a session on the snapshot.
 * @throws the signal's reason; what the server said, explained; what the reader says of data
 */
export async function readByExtension(
  tools: ReadTools & { readonly file: string; readonly names: readonly string[] },
  job: ReaderJob,
  signal: AbortSignal,
): Promise<ReaderResult> {
  const { settings, address, ctx, snapshot, id, doing, patience, reader, folder, file, names, zone } = tools
  const application = applicationName(ctx, id)
  const { before, after } = await attachment({
    ...{ settings, address, file, names, application, folder },
    snapshot: snapshot.id,
    ...(zone !== undefined && { zone }),
  })
  const begunMs = elapsedMs(ctx.clock)
  const stop = new AbortController()
  const watched = { doing, application, snapshot, silentSinceMs: () => begunMs, takerCpuMs: () => reader.cpuMs() }
  const watch = watchSilence(watched, ctx, patience, (error) => stop.abort(error))
  try {
    const running = reader.execute({ ...job, before: [...before, ...(job.before ?? [])], after }, AbortSignal.any([signal, stop.signal]))
    return await untilSettled(running, AbortSignal.any([signal, stop.signal]), () =>
      stop.signal.aborted ? snapshot.end(application) : snapshot.cancel(application),
    )
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (stop.signal.aborted) throw stop.signal.reason
    const said = error instanceof Error && error.cause instanceof Error ? serverFault(error.cause.message) : undefined
    throw said ? explained(said, doing) : error
  } finally {
    watch.stop()
  }
}
