import { mkdir } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import type { RunContext } from '../../core/context.ts'
import { errorData } from '../../core/error-data.ts'
import { InterruptedError } from '../../core/errors.ts'
import { redactJson } from '../../core/secret.ts'
import { errorReport } from '../../observe/error-report.ts'
import { watchMemory } from '../../observe/memory.ts'
import { type ComparingAside, comparingAside } from '../compare/aside.ts'
import { openProject } from '../project.ts'
import { attemptUnit } from '../run/attempt.ts'
import { type OpenSession, openSession } from '../run/open-session.ts'
import { codeOf } from './code-of.ts'
import { type FromWorker, type Job, type Start, toWorker } from './messages.ts'
import { parentLink } from './parent-link.ts'
import { parentsLimits } from './parents-limits.ts'
import { parentsWarehouse } from './parents-warehouse.ts'
import { stagedData } from './staged-data.ts'

// What a backfill's worker does: it opens the pipeline once, and runs the partitions that it is given one at a time.

/** Where a step begins and ends its memory is known exactly; between, what its engines spill. */
const MEMORY_INTERVAL_MS = 500

const aborted = new AbortController()
const parent = parentLink(send)
let session: Promise<OpenSession> | undefined
let aside: ComparingAside | undefined

process.on('message', (received) => {
  const message = toWorker.parse(received)
  switch (message.type) {
    case 'start':
      session = start(message)
      session.then(ready, (error: unknown) => send({ type: 'unready', error: errorData(error) }))
      return
    case 'run':
      return void run(message)
    case 'answer':
    case 'refused':
      return parent.answered(message)
    case 'abort':
      return aborted.abort(new InterruptedError('the run was stopped'))
    case 'close':
      return void close()
  }
})

async function start({ folder, profile, pipeline, run, workspace, choices, limits, live, ...shared }: Start): Promise<OpenSession> {
  const project = await openProject(folder, profile)
  await mkdir(workspace, { recursive: true })
  const config = { ...project.config, limits }
  const open = await openSession(
    { ...project, config },
    pipeline,
    { ...choices, only: undefined },
    {
      events: {
        live,
        event: (event, place) =>
          send({ type: 'event', event: redactJson(event), ...(place.partition !== undefined && { partition: place.partition }) }),
        close: () => {},
      },
      signal: aborted.signal,
      memory: watchMemory(MEMORY_INTERVAL_MS),
      within: { run, folder: workspace, warehouse: (extensions) => parentsWarehouse(config.warehouse, extensions, parent) },
      limitsOf: (connection) => parentsLimits(connection, shared.connections[connection] ?? 1, parent),
    },
  )
  if (shared.aside !== undefined) aside = comparingAside(open.session, shared.aside)
  for (const dataset of shared.shared) open.session.shared.set(dataset.name, dataset)
  for (const [dataset, scan] of Object.entries(shared.scans)) open.session.scans.set(dataset, scan)
  for (const load of shared.whole) open.session.whole.set(load.dataset, load)
  for (const manifest of shared.pinned) open.session.pinned.add(manifest)
  return aside ? { ...open, session: { ...open.session, aside } } : open
}

function ready({ session }: OpenSession): void {
  flushCompileCache()
  send({ type: 'ready', code: codeOf(session) })
}

async function run({ partition, guards, limits, tokens, again }: Job): Promise<void> {
  const open = await session
  if (!open) throw new Error('a partition came before the start')
  const { collector, context } = open
  const of = { ...open.session, again: new Set(again) }
  const before = new Set(of.pinned)
  of.tokens.reset(tokens)
  const limited = (name: string | undefined, folder: string): RunContext => ({ ...context(name, folder), limits })
  const { report, inputKey } = await attemptUnit({ ...open, session: of, context: limited }, partition, guards, () =>
    send({ type: 'begun', partition: partition.name }),
  ).catch((error: unknown) => ({
    report: { partition: partition.name, outcome: 'failed' as const, ms: 0, steps: [], rssBytes: 0, error: errorReport(error) },
    inputKey: undefined,
  }))
  const compared = aside && [...aside.take()]
  await of.sources.rest().catch(() => undefined)
  collector.forget(partition.name)
  const pinned = [...of.pinned].filter((key) => !before.has(key))
  const staged = [...of.staged.of(undefined).values()].flat().filter((each) => each.partition === partition.name)
  send({
    type: 'ended',
    report,
    staged: staged.map(stagedData),
    pinned,
    ...(compared && { compared }),
    ...(inputKey !== undefined && { inputKey }),
  })
}

async function close(): Promise<void> {
  await (await session)?.close()
  process.disconnect()
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message, () => undefined)
}
