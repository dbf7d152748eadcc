import { randomBytes } from 'node:crypto'
import type { RunContext } from '../../core/context.ts'
import { CheckError, ConfigError, placed, TransientError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { parseType, typeText } from '../../engines/types.ts'
import type { Frames, Sent, TakeFrames } from '../frames.ts'
import type { Read } from '../source.ts'
import { applicationName, placeText } from './client.ts'
import { columnNamed, type PostgresColumn, typeOfColumn } from './columns.ts'
import { copyIntoFifo, newProgress } from './copy-stream.ts'
import { explained } from './faults.ts'
import { factsBehind } from './frame-tables.ts'
import { COPY_BINARY } from './known.ts'
import { instantLiteral } from './literals.ts'
import type { Settings } from './options.ts'
import type { Places } from './places.ts'
import { sessionOn } from './read-copy.ts'
import { comparesInstants, databaseRequest, nameOf, type Rows, withCut } from './rows.ts'
import type { ServerUse } from './server.ts'
import { type Described, type Snapshot, sameColumns } from './snapshot.ts'
import { type Patience, watchSilence } from './watch.ts'

/** What frames need of the source that they come from. */
export interface FrameSource {
  readonly settings: Settings
  readonly server: ServerUse
  readonly sessions: Places
  readonly patience: Patience
  /** The run's snapshot; a new one in place of one that is lost, while nothing was read on that. */
  snapshot(ctx: RunContext): Promise<Snapshot>
  /** Works on it, again after a lost connection. */
  onSnapshot<T>(ctx: RunContext, dataset: string, work: (snapshot: Snapshot) => Promise<T>): Promise<T>
  describe(snapshot: Snapshot, read: Omit<Read, 'columns'>): Promise<Described & { readonly rows: Pick<Rows, 'from' | 'where'> }>
  /** Something was read on the snapshot. */
  used(): void
}

/** `Source.frames` for PostgreSQL: one COPY on the run's snapshot, its rows in the order in which they lie, so that equal tables give equal bytes. */
export async function framesOf(source: FrameSource, read: Read, ctx: RunContext): Promise<Frames> {
  const { settings, server } = source
  const name = nameOf(databaseRequest(read.request), settings.schema)
  const place = placeText(settings, await server.address())
  const { snapshot, columns, rows } = await source.onSnapshot(ctx, read.dataset, async (on) => ({
    snapshot: on,
    ...(await source.describe(on, read)),
  }))
  const wanted = Object.entries(read.columns).map(([column, type]) => sendable(columnNamed(columns, column, name), type, name))
  const list = wanted.map((column) => `q.${quoteIdentifier(column.name)}`).join(', ')
  const zone = settings.zone ?? read.zone
  const where = conditions(withCut(read, columns, rows, zone), read, zone, name)
  const select = `SELECT ${list} ${rows.from}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''}`
  const doing = `reading ${name} from ${place}`
  const copy: Copy = {
    sql: `COPY (${select}) TO STDOUT (FORMAT binary)`,
    doing,
    ...(zone !== undefined && comparesInstants(databaseRequest(read.request)) && { zone }),
  }

  async function send(take: TakeFrames, signal: AbortSignal): Promise<Sent> {
    const release = await source.sessions.take(1, signal)
    try {
      const on = await source.snapshot(ctx)
      if (on !== snapshot && !sameColumns((await source.describe(on, read)).columns, columns))
        throw new TransientError(`${doing} failed: its columns changed while the run read`, { hint: 'run again' })
      const sent = await copyOut(source, on, copy, take, { ...ctx, signal })
      source.used()
      return sent
    } finally {
      release()
    }
  }

  const sentColumns = wanted.map((column) => ({ name: column.name, type: column.text }))
  return {
    format: COPY_BINARY,
    columns: sentColumns,
    facts: factsBehind(sentColumns, snapshot.facts),
    asOf: snapshot.takenAt,
    what: `${name} of ${place}`,
    send: async (take, signal) => {
      // What the receiver throws is not the source's to explain.
      let refused: { readonly by: unknown } | undefined
      const taking: TakeFrames = (chunk) =>
        take(chunk).catch((error: unknown) => {
          refused = { by: error }
          throw error
        })
      try {
        return await send(taking, signal)
      } catch (error) {
        signal.throwIfAborted()
        throw refused ? refused.by : placed(explained(error, doing), { stage: 'extract', dataset: read.dataset })
      }
    },
    inAttempts: (work) => source.onSnapshot(ctx, read.dataset, work),
  }
}

/** Before a COPY whose bytes are compared with those of another day: a scan that begins where another one is, and several workers, change the order of rows. */
const IN_ORDER = 'SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0'

interface Copy {
  readonly sql: string
  readonly doing: string
  /** In which the server understands naive times where the request's own SQL compares them with instants. */
  readonly zone?: string
}

async function copyOut(
  { settings, server, patience }: FrameSource,
  snapshot: Snapshot,
  { sql, doing, zone }: Copy,
  take: TakeFrames,
  ctx: RunContext,
): Promise<Sent> {
  const application = applicationName(ctx, randomBytes(4).toString('hex'))
  const progress = newProgress(ctx)
  const on = { settings, address: await server.address(), snapshot, ...(zone !== undefined && { zone }) }
  const { client, end } = await sessionOn(on, application, progress)
  const stop = new AbortController()
  const signal = AbortSignal.any([ctx.signal, stop.signal])
  const alone = settings.maxConnections === 1
  const silentSinceMs = () => (progress.waiting ? progress.lastMs : undefined)
  // The control session cannot look after itself.
  const watch = alone
    ? undefined
    : watchSilence({ doing, application, snapshot, silentSinceMs }, ctx, patience, (error) => stop.abort(error))
  try {
    await client.query(IN_ORDER)
    return await copyIntoFifo(client, sql, { write: take }, progress, async () => {}, { clock: ctx.clock, signal })
  } finally {
    watch?.stop()
    if (!progress.ended && !alone && !snapshot.lost()) await snapshot.end(application).catch(() => undefined)
    await end()
  }
}

/** @throws ConfigError for a type that means something else on another server, CheckError for one that is not as declared */
function sendable(column: PostgresColumn, declared: string, table: string): PostgresColumn {
  const { name, text } = column
  if (column.local)
    throw new ConfigError(`column "${name}" of ${table} is ${text}, whose binary form holds numbers that only this server knows`, {
      column: name,
      hint: 'leave `forward` away, or take the column out of schema.ts',
    })
  const type = typeOfColumn(column)
  if (typeText(parseType(declared)) !== type)
    throw new CheckError(`column "${name}" of ${table} is ${text}, which is ${type}, and ${declared} in schema.ts; frames are not cast`, {
      column: name,
      hint: `if that is right, write ${type} into schema.ts and load into a new table; or leave \`forward\` away`,
    })
  return column
}

/** The read's conditions, exactly: where clocks change near an end of the window, the bounds of naive times were moved outwards. @throws ConfigError where the server cannot cut */
function conditions({ where, cut }: Rows, { window, columns }: Read, zone: string | undefined, table: string): readonly string[] {
  if (cut || !window) return where
  const { column, start, end } = window
  if (column === undefined || zone === undefined || !/^(timestamp|date)$/.test(columns[column] ?? ''))
    throw new ConfigError(`the window "${column}" of ${table} cannot be cut on the server`, { hint: 'leave `forward` away' })
  const instant = `(q.${quoteIdentifier(column)}::timestamp AT TIME ZONE '${zone.replaceAll("'", "''")}')`
  return [...where, `${instant} >= ${instantLiteral(start)} AND ${instant} < ${instantLiteral(end)}`]
}
