import { randomUUID } from 'node:crypto'
import type { RunContext } from '../../core/context.ts'
import { placed, TransientError } from '../../core/errors.ts'
import { retrying } from '../../core/retry.ts'
import { fifoStocks } from '../../engines/fifo-stock.ts'
import type { Read, Source, SourceTools } from '../source.ts'
import { placeText } from './client.ts'
import { typeOfColumn } from './columns.ts'
import { refuseOtherOrder } from './cursor-order.ts'
import { ConnectionLost } from './faults.ts'
import { capacityOf, concurrencyOf, wantsExtension } from './known.ts'
import { lanesOf } from './lanes.ts'
import { withGrant } from './missing-grant.ts'
import { openRelation } from './open-relation.ts'
import type { Settings } from './options.ts'
import { places } from './places.ts'
import { readsWhole } from './reads-whole.ts'
import { databaseRequest, nameOf, rowsOf, tableText } from './rows.ts'
import type { ReadSource } from './run-jobs.ts'
import { framesOf } from './send-frames.ts'
import type { ServerUse } from './server.ts'
import { type Snapshot, takeSnapshot } from './snapshot.ts'
import { throttle } from './throttle.ts'
import type { Patience } from './watch.ts'

/** What tests make small. */
export interface Tuning extends Patience {
  /** Pages that a part of a table has at least. */
  readonly leastPages?: number
}

/** More lanes of small tables would only wait for each other on two cores. */
const LANES = 2

const TUNING: Tuning = { silenceMs: 30_000, answerMs: 10_000 }

/** A source that also has what not every source has. */
type PostgresSource = Source & Required<Pick<Source, 'readsWhole' | 'frames'>>

/**
 * Opens the source of a postgres connection. All reads are on one snapshot, which the first one takes, and which its session holds to the end of the run; sessions beside it read, as many as `maxConnections` leaves.
 * When that session is lost, a new snapshot is taken only while nothing has been read on the old one. `version` is always undefined: the server has no cheap mark that is right under every isolation level.
 */
export function openSource(configured: Settings, server: ServerUse, tools: SourceTools, tuning: Tuning = TUNING): PostgresSource {
  const { shared } = tools
  const settings = shared ? { ...configured, maxConnections: Math.min(configured.maxConnections, shared.sessions) } : configured
  const capacity = capacityOf(settings)
  const sessions = places(capacity)
  const pace = throttle(settings.rowsPerSecond, shared)
  const file = wantsExtension(settings) ? tools.extensions.file('postgres_scanner') : undefined
  let current: Promise<Snapshot> | undefined
  let [used, warned] = [0, false]

  async function snapshotOf(ctx: RunContext): Promise<Snapshot> {
    const held = await current?.catch(() => undefined)
    if (held?.lost()) {
      await held.close()
      if (used > 0) throw lostAfter(used)
      current = undefined
    }
    current ??= (async () => {
      const address = await server.address()
      if (settings.insecure && !warned)
        ctx.emit({
          type: 'warning',
          stage: 'extract',
          message: `the connection to ${placeText(settings, address)} is not verified: it is configured as insecure`,
        })
      warned = true
      return takeSnapshot(settings, address, ctx)
    })()
    current.catch(() => {
      current = undefined
    })
    return current
  }

  /** On the run's snapshot, again after a lost connection while that can be right. */
  async function onSnapshot<T>(ctx: RunContext, dataset: string, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    const outcome = await retrying(ctx, { stage: 'extract', dataset, retries: settings.retries }, async () => {
      try {
        return { value: await work(await snapshotOf(ctx)) }
      } catch (error) {
        ctx.signal.throwIfAborted()
        if (error instanceof ConnectionLost) throw error
        return { error }
      }
    })
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  const doingOf = async (read: Pick<Read, 'request'>) =>
    `reading ${nameOf(databaseRequest(read.request), settings.schema)} from ${placeText(settings, await server.address())}`

  async function described(snapshot: Snapshot, read: Omit<Read, 'columns'>) {
    const request = databaseRequest(read.request)
    const rows = rowsOf(read, settings.schema)
    const table = request.method === 'table' ? { table: tableText({ schema: settings.schema, ...request }) } : {}
    const column = read.cursor?.column
    const asked = { from: rows.from, ...table, doing: await doingOf(read), ...(column !== undefined && { cursor: column }) }
    const found = await snapshot.describe(asked).catch((error: unknown) => {
      throw withGrant(error, request, settings)
    })
    return { rows, ...found }
  }

  const reads: ReadSource = {
    ...{ settings, server, tools, sessions, pace, file, patience: tuning, onSnapshot, describe: described, snapshot: snapshotOf },
    fifos: fifoStocks(`fifos-${randomUUID()}`),
    used: (count) => {
      used += count
    },
  }
  const nextLane = lanesOf(reads, Math.min(capacity, LANES))

  return {
    kind: 'postgres',
    concurrency: concurrencyOf(settings),
    version: async () => undefined,
    describe: async (request, ctx) => {
      try {
        const { columns, cursorOrder } = await onSnapshot(ctx, request.dataset, (on) => described(on, request))
        const { column, type } = request.cursor ?? {}
        const what = nameOf(databaseRequest(request.request), settings.schema)
        refuseOtherOrder(
          columns.find(({ name }) => name === column),
          cursorOrder,
          what,
          type,
        )
        return Object.fromEntries(columns.map((column) => [column.name, typeOfColumn(column)]))
      } catch (error) {
        throw placed(error, { dataset: request.dataset })
      }
    },
    readsWhole: (request, windows, ctx) =>
      onSnapshot(ctx, request.dataset, async (on) => {
        const { columns, rows } = await described(on, request)
        return readsWhole(on, { columns, rows, zone: settings.zone ?? request.zone }, request, windows)
      }),
    read: (request, ctx) =>
      openRelation(reads, request, ctx, {
        ...{ capacity, nextLane },
        ...(tuning.leastPages !== undefined && { leastPages: tuning.leastPages }),
      }).catch((error: unknown) => {
        throw placed(error, { dataset: request.dataset })
      }),
    frames: async (request, ctx) => {
      try {
        return await framesOf(
          {
            ...{ settings, server, sessions, patience: tuning, onSnapshot },
            snapshot: snapshotOf,
            describe: described,
            used: () => {
              used++
            },
          },
          request,
          ctx,
        )
      } catch (error) {
        throw placed(error, { dataset: request.dataset })
      }
    },
    close: async () => {
      const held = current
      current = undefined
      await (await held?.catch(() => undefined))?.close()
      await server.release()
    },
  }
}

function lostAfter(reads: number): TransientError {
  return new TransientError(`the session that holds this run's snapshot was lost after ${reads} ${reads === 1 ? 'read' : 'reads'} on it`, {
    hint: 'run again: what has landed stays, and the rest is read on a new snapshot',
  })
}
