import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { placed, TransientError } from '../../core/errors.ts'
import { retrying } from '../../core/retry.ts'
import type { Extensions } from '../../engines/extensions.ts'
import type { Read, Relation, Source, SourceTools } from '../source.ts'
import { castOf } from './casts.ts'
import { placeText } from './client.ts'
import { columnNamed, typeOfColumn } from './columns.ts'
import { ConnectionLost } from './faults.ts'
import { makeFifos } from './fifo.ts'
import type { Settings } from './options.ts'
import { places } from './places.ts'
import { ctidRanges } from './ranges.ts'
import { readByCopy } from './read-copy.ts'
import { readByExtension } from './read-extension.ts'
import { overFifos, overSessions, type Selection, serverSelects } from './relation.ts'
import { comparesInstants, databaseRequest, nameOf, rowsOf, tableText, withCut } from './rows.ts'
import { framesOf } from './send-frames.ts'
import type { ServerUse } from './server.ts'
import { type Snapshot, sameColumns, takeSnapshot } from './snapshot.ts'
import { throttle } from './throttle.ts'
import type { Patience } from './watch.ts'

/** What tests make small. */
export interface Tuning extends Patience {
  /** Pages that a part of a table has at least. */
  readonly leastPages?: number
}

const TUNING: Tuning = { silenceMs: 30_000, answerMs: 10_000 }

/**
 * Opens the source of a postgres connection. All reads are on one snapshot, which the first one takes, and which its session holds to the end of the run; sessions beside it read, as many as `maxConnections` leaves.
 * When that session is lost, a new snapshot is taken only while nothing has been read on the old one. `version` is always undefined: the server has no cheap mark that is right under every isolation level.
 */
export function openSource(settings: Settings, server: ServerUse, tools: SourceTools, tuning: Tuning = TUNING): Source {
  const capacity = Math.max(1, settings.maxConnections - 1)
  const sessions = places(capacity)
  const pace = throttle(settings.rowsPerSecond)
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
    const table = request.method === 'table' ? tableText({ schema: settings.schema, ...request }) : undefined
    return { rows, ...(await snapshot.describe(rows.from, table, await doingOf(read))) }
  }

  async function planned(snapshot: Snapshot, read: Read, ctx: RunContext) {
    const { columns, pages, rows: whole } = await described(snapshot, read)
    const what = nameOf(databaseRequest(read.request), settings.schema)
    const road = file !== undefined && !snapshot.anyBytes ? ('extension' as const) : ('copy' as const)
    const rows = withCut(read, columns, whole, settings.zone ?? read.zone)
    // With a condition the server may know a shorter way than through the whole table; and one CSV stream keeps two cores at work.
    const parts =
      road === 'copy' || rows.where.length > 0 ? [''] : ctidRanges(pages, Math.min(capacity, ctx.limits.threads), tuning.leastPages)
    const castsFor = (located: boolean) =>
      Object.entries(read.columns).map(([name, type]) => castOf(columnNamed(columns, name, what), type, road, located))
    const selections: Readonly<Record<'sql' | 'located', Selection>> = {
      sql: { casts: castsFor(false), rows, parts },
      located: { casts: castsFor(true), rows, parts: [''], place: what },
    }
    return { snapshot, columns, road, selections }
  }

  async function read(request: Read, ctx: RunContext): Promise<Relation> {
    ctx.signal.throwIfAborted()
    const doing = await doingOf(request)
    const { snapshot, columns, road, selections } = await onSnapshot(ctx, request.dataset, (on) => planned(on, request, ctx))
    ctx.signal.throwIfAborted()
    const zone = comparesInstants(databaseRequest(request.request)) ? (settings.zone ?? request.zone) : undefined
    const id = randomBytes(4).toString('hex')
    const folder = join(ctx.workspace, `postgres-${randomUUID()}`)
    const close = () => rm(folder, { recursive: true, force: true })
    const inFolder = (over: 'sql' | 'located') => selections[over].parts.map((_, i) => join(folder, `${over}-${i}.csv`))
    const names = selections.sql.parts.map((_, i) => `millrace_${id}_${i}`)
    try {
      await mkdir(folder, { recursive: true })
      if (road === 'copy') await makeFifos([...inFolder('sql'), ...inFolder('located')])
    } catch (error) {
      await close()
      throw error
    }
    const sqlOf = (over: 'sql' | 'located') =>
      road === 'copy' ? overFifos(selections[over], inFolder(over)) : overSessions(selections[over], names)
    const rawOf = (over: 'sql' | 'located'): Columns => Object.fromEntries(selections[over].casts.map(({ name, raw }) => [name, raw]))

    const execute: NonNullable<Relation['execute']> = (job, over, signal) =>
      onSnapshot({ ...ctx, signal, emit: (event) => ctx.emit(event) }, request.dataset, async (on) => {
        if (on !== snapshot && !sameColumns((await described(on, request)).columns, columns))
          throw new TransientError(`${doing} failed: its columns changed while the run read`, { hint: 'run again' })
        const { parts } = selections[over]
        const release = await sessions.take(parts.length, signal)
        const common = {
          settings,
          address: await server.address(),
          ctx,
          snapshot: on,
          id,
          doing,
          patience: tuning,
          reader: tools.reader,
          folder,
          ...(zone !== undefined && { zone }),
        }
        try {
          const result =
            road === 'copy'
              ? await readByCopy(
                  {
                    ...common,
                    selects: serverSelects(selections[over]),
                    paths: inFolder(over),
                    pace,
                    whole: over === 'sql' && selections.sql.rows.cut,
                  },
                  job,
                  signal,
                )
              : await readByExtension({ ...common, file: file ?? '', names: names.slice(0, parts.length) }, job, signal)
          if (job.statements?.length) used++
          return result
        } finally {
          release()
        }
      }).catch((error: unknown) => {
        throw placed(error, { dataset: request.dataset })
      })

    return {
      sql: sqlOf('sql'),
      raw: rawOf('sql'),
      located: sqlOf('located'),
      locatedRaw: rawOf('located'),
      before: [],
      execute,
      asOf: snapshot.takenAt,
      ...(settings.zone !== undefined && { zone: settings.zone }),
      close,
    }
  }

  return {
    kind: 'postgres',
    concurrency: capacity,
    version: async () => undefined,
    describe: async (request, ctx) => {
      try {
        const { columns } = await onSnapshot(ctx, request.dataset, (on) => described(on, request))
        return Object.fromEntries(columns.map((column) => [column.name, typeOfColumn(column)]))
      } catch (error) {
        throw placed(error, { dataset: request.dataset })
      }
    },
    read: (request, ctx) =>
      read(request, ctx).catch((error: unknown) => {
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

/** The extension's rows cannot be counted on their way, and it takes sessions beside the one of the snapshot. */
function wantsExtension({ extension, rowsPerSecond, maxConnections }: Settings): boolean {
  return extension && rowsPerSecond === undefined && maxConnections > 1
}

/** What `plan` says of how this machine reads. */
export function readingNotes(settings: Settings, extensions: Extensions): readonly string[] {
  const slower = wantsExtension(settings) && extensions.file('postgres_scanner') === undefined
  return [
    ...(settings.insecure ? ['is not verified: it is configured as insecure'] : []),
    ...(slower ? ["is read by COPY streams, slower: DuckDB's postgres_scanner is not in place (make setup puts it there)"] : []),
  ]
}

function lostAfter(reads: number): TransientError {
  return new TransientError(`the session that holds this run's snapshot was lost after ${reads} ${reads === 1 ? 'read' : 'reads'} on it`, {
    hint: 'run again: what has landed stays, and the rest is read on a new snapshot',
  })
}
