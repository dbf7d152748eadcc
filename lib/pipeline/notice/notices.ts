import type { ProjectConfig } from '../../config/load.ts'
import { NoticeRefused, type Notifier } from '../../connectors/notifier.ts'
import type { RunContext } from '../../core/context.ts'
import { PreconditionFailed } from '../../core/errors.ts'
import type { Export } from '../../export/contract/export.ts'
import { deliveryLayout } from '../../export/layout.ts'
import type { Announced } from '../../export/manifest.ts'
import { noticeId, noticeOf, partsOf } from '../../export/notice/notice.ts'
import { type Marked, markedPointers, settleMarker, tell } from '../../export/notice/outbox.ts'
import { arePlainCopiesMade, switchNumbered, untold } from '../../export/notice/pending.ts'
import { type PointerLayout, pointerLayout } from '../../export/pointer-layout.ts'
import { lock, noticesLock } from '../../state/lock.ts'
import type { BoundPipeline } from '../define/bind.ts'
import type { NoticeReport } from '../report.ts'
import type { Session } from '../run/session.ts'
import { type NoticeBook, noticeBook } from './notice-book.ts'

/** Tells receivers of switches, for whoever switches: a run, a command. */
export interface NoticeDesk {
  /**
   * Sends what is pending: of these pointers' folders, or of all of the pipeline. Of each pointer in the order of its switches, to all receivers at once. What cannot be sent waits, for this is no reason to fail: `reports` says so. Asks
   * nothing where no export notifies.
   * @throws the signal's reason when it aborts
   */
  send(ctx: RunContext, folders?: readonly string[]): Promise<void>
  reports(): readonly NoticeReport[]
}

const LOCK_WAIT_MS = 60_000
/** How long a receiver that did not answer is not asked again: a run may have hundreds of partitions. */
const DOWN_MS = 300_000

/**
 * Opens the receivers that a pipeline's exports name.
 * @throws ConfigError where one has no secret, or none that signs
 */
export function openNotices(
  session: Pick<Session, 'pipeline' | 'exports' | 'locks'>,
  { notify, store }: Pick<ProjectConfig, 'notify' | 'store'>,
): NoticeDesk {
  const { exports, pipeline, locks } = session
  const { name } = pipeline.definition
  const notifiers = new Map<string, Notifier>()
  for (const receiver of new Set(exportsOf(pipeline).flatMap((each) => each.notify))) {
    const connection = notify[receiver]
    if (connection) notifiers.set(receiver, connection.openNotifier(receiver))
  }
  const book = noticeBook()
  const work = { session, notifiers, book, location: store.location, downSince: new Map<string, number>() }
  return {
    reports: book.reports,
    send: async (ctx, folders) => {
      if (notifiers.size === 0 || folders?.length === 0) return
      try {
        if ((await markedPointers(exports, name, folders)).length === 0) return
        const { path, what } = noticesLock(locks, name)
        using _held = await lock(path, { what, signal: ctx.signal, waitMs: LOCK_WAIT_MS })
        await sendAll(work, await markedPointers(exports, name, folders), ctx)
      } catch (error) {
        ctx.signal.throwIfAborted()
        // The store, or the lock: what was committed is, all the same.
        for (const receiver of notifiers.keys()) book.waits(receiver, folders?.join() ?? '', error)
      }
    },
  }
}

interface Sending {
  readonly session: Pick<Session, 'pipeline' | 'exports'>
  readonly notifiers: ReadonlyMap<string, Notifier>
  readonly book: NoticeBook
  readonly location: string
  /** When receivers last did not answer, by the machine's steady clock. */
  readonly downSince: Map<string, number>
}

/** One pointer, one receiver. */
interface Telling {
  readonly marked: Marked
  readonly pointer: PointerLayout
  readonly receiver: string
  readonly notifier: Notifier
}

async function sendAll(work: Sending, marked: readonly Marked[], ctx: RunContext): Promise<void> {
  const told = new Map(marked.map((each) => [each, Number.POSITIVE_INFINITY]))
  await Promise.all(
    [...work.notifiers].map(async ([receiver, notifier]) => {
      for (const each of marked) {
        if (!receiversOf(work.session.pipeline, each.announced).includes(receiver)) continue
        const upTo = await tellOne(work, { marked: each, pointer: pointerLayout(each.announced.folder), receiver, notifier }, ctx)
        told.set(each, Math.min(told.get(each) ?? 0, upTo))
      }
    }),
  )
  for (const [each, upTo] of told)
    if (upTo >= each.announced.switch && Number.isFinite(upTo)) await settleMarker(work.session.exports, each)
}

/** Gives up to which switch the receiver has been told. */
async function tellOne(work: Sending, telling: Telling, ctx: RunContext): Promise<number> {
  const { book, downSince } = work
  const { receiver, pointer } = telling
  if (performance.now() - (downSince.get(receiver) ?? Number.NEGATIVE_INFINITY) < DOWN_MS) {
    book.waits(receiver, pointer.folder)
    return 0
  }
  try {
    return await inOrder(work, telling, ctx)
  } catch (error) {
    ctx.signal.throwIfAborted()
    // Another machine tells the same receiver of the same pointer: what it has recorded is done, the rest is its.
    book.waits(receiver, pointer.folder, error instanceof PreconditionFailed ? undefined : error)
    return 0
  }
}

async function inOrder({ session, book, location, downSince }: Sending, telling: Telling, ctx: RunContext): Promise<number> {
  const { pointer, receiver, notifier, marked } = telling
  const { exports: store, pipeline } = session
  const { told, latest } = await untold(store, pointer, receiver)
  for (let n = told + 1; latest && n <= latest.switch; n++) {
    ctx.signal.throwIfAborted()
    const said = await switchNumbered(store, pointer, n, latest)
    if (said) {
      const parts = await partsOf(store, said)
      if (said === latest && parts && !(await arePlainCopiesMade(store, exportsAt(pipeline, marked.announced), parts))) {
        book.waits(receiver, pointer.folder)
        return n - 1
      }
      const begun = performance.now()
      try {
        await notifier.send(noticeOf(said, parts, { pointer, receiver, store: location }), ctx)
      } catch (error) {
        if (!(error instanceof NoticeRefused)) downSince.set(receiver, performance.now())
        throw error
      }
      book.sent(receiver)
      const id = noticeId(said, pointer, receiver)
      ctx.emit({ type: 'notice', stage: 'export', receiver, target: pointer.latest, switch: n, id, ms: performance.now() - begun })
    } else {
      const message = `"${receiver}" is not told of switch ${n} of ${pointer.latest}: ${pointer.switched(n)} is gone`
      ctx.emit({ type: 'warning', stage: 'export', message })
    }
    await tell({ store, ctx }, pointer, receiver, n)
  }
  book.settled(receiver, pointer.folder)
  return Math.max(told, latest?.switch ?? 0)
}

function exportsOf({ targets }: Pick<BoundPipeline, 'targets'>): readonly Export[] {
  return targets.flatMap((target) => (target.stage === 'export' ? [target.export as Export] : []))
}

/** The exports that are delivered under a pointer. */
function exportsAt(pipeline: Pick<BoundPipeline, 'targets'>, { named, path }: Pick<Announced, 'named' | 'path'>): readonly Export[] {
  return exportsOf(pipeline).filter((each) => (named ? each.delivery === path : each.delivery === undefined && each.path === path))
}

/** Who is to be told of a pointer: whom the pipeline names today, of those who were to be told when it was switched. */
export function receiversOf(pipeline: Pick<BoundPipeline, 'targets'>, announced: Announced): readonly string[] {
  const named = exportsAt(pipeline, announced).flatMap((each) => each.notify)
  return announced.receivers.filter((receiver) => named.includes(receiver))
}

/** Folders of the pointers that a unit switches, where somebody is told of them: a partition's, those without partitions, or those of the run's end. */
export function notifyingFolders(
  { targets }: Pick<BoundPipeline, 'targets'>,
  at: { readonly partition: string | undefined } | 'end',
): readonly string[] {
  const folders = targets.flatMap((target) => {
    if (target.stage !== 'export') return []
    const { delivery } = target.export
    const atEnd = delivery !== undefined && !delivery.includes('{partition}')
    if (atEnd !== (at === 'end')) return []
    if (at === 'end') return [deliveryLayout(target.export, target.partitioned ? 'any' : undefined).pointer.folder]
    return target.partitioned === (at.partition !== undefined) ? [deliveryLayout(target.export, at.partition).pointer.folder] : []
  })
  return [...new Set(folders)]
}
