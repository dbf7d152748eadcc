import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { SharedLimits } from '../../connectors/shared-limits.ts'
import type { Warehouse } from '../../connectors/warehouse.ts'
import type { RunContext, RunEvent } from '../../core/context.ts'
import { enginePool } from '../../engines/engine-pool.ts'
import { type Extensions, extensionsIn } from '../../engines/extensions.ts'
import { openReader, type Reader } from '../../engines/reader.ts'
import { rowCounter } from '../../formats/count-rows.ts'
import { type EventSink, emitTo, fanOut, silent } from '../../observe/events.ts'
import type { MemoryWatch } from '../../observe/memory.ts'
import { recipesIn } from '../../state/recipes.ts'
import { type BoundPipeline, bindPipeline } from '../define/bind.ts'
import { loadPipeline } from '../define/load-definition.ts'
import { requireCurrentSchema } from '../define/schema-check.ts'
import { stepHashes } from '../define/step-code.ts'
import { lookingPlace } from '../look/looking.ts'
import { openBinder } from '../open-binder.ts'
import { openLanding } from '../open-landing.ts'
import { type Project, statePaths } from '../project.ts'
import { type RunChoices, type Session, tokenBook } from './session.ts'
import { openSources } from './sources.ts'
import { stagingBook } from './staging-book.ts'
import { type StepCollector, stepCollector } from './steps.ts'
import { openWorkspace, type Workspace, workspaceIn } from './workspace.ts'

/** What a worker's session has of the run that its parent has opened. */
export interface WithinRun {
  readonly run: string
  /** The worker's own, in the run's workspace, and there. */
  readonly folder: string
  /** Its tokens are given with each partition. */
  warehouse(extensions: Extensions): Warehouse
}

/** How a session is opened. */
export interface OpenOptions {
  readonly events?: EventSink
  readonly signal?: AbortSignal
  /** By which the memory of steps is measured. */
  readonly memory?: MemoryWatch
  readonly within?: WithinRun
  /** Many loads will come: how long what one opens may stay open for the next. */
  readonly keepOpenMs?: number
  /** Given where other processes of the run read from the same connections: the limits of one. */
  limitsOf?(connection: string): SharedLimits
}

/** A pipeline bound, with its stores at hand; sources, reader child and warehouse are opened by whoever first asks. */
export interface OpenSession {
  readonly session: Session
  /** The run's id: when it began (UTC), and six random digits. */
  readonly id: string
  readonly workspace: Workspace
  readonly collector: StepCollector
  readonly signal: AbortSignal
  /** The context of a partition, or (undefined) of the shared datasets, working in `folder`. */
  context(partition: string | undefined, folder: string): RunContext
  /** Closes everything that was opened, last first. */
  close(): Promise<void>
}

/**
 * Opens what works on a pipeline's data share: run, show, status, prune.
 * @throws ConfigError when the pipeline or its schema.ts is wrong
 */
export async function openSession(project: Project, name: string, choices: RunChoices, options: OpenOptions = {}): Promise<OpenSession> {
  const { config } = project
  const { within, limitsOf, keepOpenMs } = options
  // Milliseconds, since runs are ordered by name: the last one pins its loads.
  const id = within?.run ?? `${new Date().toISOString().replace(/[-:.Z]/g, '')}-${randomBytes(3).toString('hex')}`
  const signal = options.signal ?? new AbortController().signal
  const closing: (() => unknown)[] = []
  const close = async () => {
    for (const each of closing.reverse()) await each()
  }
  try {
    const place = choices === LOOKING ? await lookingPlace(config.state) : undefined
    closing.push(() => place?.[Symbol.asyncDispose]())
    const { workspaces } = place ?? statePaths(config.state)
    const workspace = within ? workspaceIn(within.folder) : await openWorkspace(workspaces, id)
    closing.push(() => workspace.close())
    const binder = await openBinder(workspaces)
    closing.push(() => binder.close())
    const loaded = await loadPipeline(config.folder, name)
    const schema = loaded.definition.schema ?? {}
    const pipeline = await bindPipeline(loaded, schema, config, binder)
    requireCurrentSchema(pipeline, schema)
    let reader: Reader | undefined
    const { zone } = pipeline
    const theReader = () => (reader ??= openReader({ limits: config.limits, zone, temp: workspace.folder, signal }))
    const engines = enginePool(join(workspace.folder, 'engines'))
    closing.push(
      () => engines.close(),
      () => reader?.close(),
    )
    const extensions = extensionsIn(config.extensions)
    const [store, exports, warehouse] = [
      openLanding(config, signal),
      config.store.openStore(),
      within
        ? within.warehouse(extensions)
        : config.warehouse.openWarehouse({ extensions, ...(keepOpenMs !== undefined && { keepOpenMs }) }),
    ]
    const sources = openSources(config.connections, {
      reader: theReader,
      extensions,
      ...(limitsOf && { shares: { connections: connectionsOf(pipeline), signal, of: limitsOf } }),
    })
    closing.push(
      () => store.close(),
      () => exports.close(),
      () => warehouse.close(),
      () => sources.close(),
    )
    options.memory?.spillingInto(workspace.folder)
    const collector = stepCollector(options.memory)
    const sink = fanOut([collector, options.events ?? silent])
    const clock = project.clock(name)
    const context = (partition: string | undefined, folder: string): RunContext => {
      const place = { pipeline: name, run: id, ...(partition !== undefined && { partition }) }
      const send = emitTo(sink, place)
      const emit = (event: RunEvent) => send(signal.aborted ? stopped(event) : event)
      return {
        ...place,
        clock,
        signal,
        workspace: folder,
        runFolder: workspace.folder,
        limits: config.limits,
        live: sink.live ?? false,
        emit,
      }
    }
    const loads = pipeline.targets.some(({ stage }) => stage === 'load')
    const session: Session = {
      pipeline,
      schema,
      store,
      sources,
      exports,
      binder,
      reader: theReader,
      restReader: async () => {
        const resting = reader
        reader = undefined
        await resting?.close()
      },
      openEngine: engines.open,
      countRows: rowCounter(binder),
      refresh: choices.refresh,
      choices,
      locks: statePaths(config.state).locks,
      connections: config.connections,
      scans: new Map(),
      recipes: recipesIn(statePaths(config.state).recipes),
      steps: await stepHashes(pipeline, binder),
      warehouse: () => warehouse,
      tokens: tokenBook(loads && !within ? await warehouse.tokens(name, context(undefined, workspace.folder)) : []),
      shared: new Map(),
      whole: new Map(),
      staged: stagingBook(),
      pinned: new Set(),
    }
    return { session, id, workspace, collector, signal, context, close }
  } catch (error) {
    await close()
    throw error
  }
}

function connectionsOf({ definition }: Pick<BoundPipeline, 'definition'>): readonly string[] {
  return [...new Set(Object.values(definition.extract).map(({ connection }) => connection))]
}

/** What fails once the run is interrupted fails for that. */
function stopped(event: RunEvent): RunEvent {
  return event.type === 'stage' && event.phase === 'end' && event.outcome === 'failed' ? { ...event, outcome: 'stopped' as const } : event
}

/** Choices of whoever only looks. */
export const LOOKING: RunChoices = { refresh: false, force: false, only: undefined }
