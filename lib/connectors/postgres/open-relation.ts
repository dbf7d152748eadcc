import { randomBytes, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { placed } from '../../core/errors.ts'
import type { ReaderResult } from '../../engines/reader.ts'
import type { Over, Read, Relation } from '../source.ts'
import { withBytesNamed } from './any-bytes.ts'
import { castOf } from './casts.ts'
import { placeText } from './client.ts'
import { columnNamed } from './columns.ts'
import { refuseOtherOrder } from './cursor-order.ts'
import { ctidRanges } from './ranges.ts'
import { overFifos, overSessions, type Selection } from './relation.ts'
import { comparesInstants, databaseRequest, nameOf, withCut } from './rows.ts'
import { type PlannedRead, type ReadJob, type ReadSource, runAlone } from './run-jobs.ts'
import type { Snapshot } from './snapshot.ts'

const OVERS: readonly Over[] = ['sql', 'parts', 'located']

/** What the writer of a part takes of the reader's memory. */
const PART_BYTES = 96 * 2 ** 20

/** A way that small tables go, one batch after the other. */
export interface Lane {
  /** Of the attached database. */
  readonly name: string
  run(asked: ReadJob): Promise<ReaderResult>
}

export interface RelationOptions {
  /** Sessions that one read may take. */
  readonly capacity: number
  readonly leastPages?: number
  /** Gives the lane of the next small table. */
  nextLane(): Lane
}

/** Plans a read and gives its relation: small tables go by lanes, others have sessions of their own. @throws what describing throws, unplaced */
export async function openRelation(source: ReadSource, request: Read, ctx: RunContext, options: RelationOptions): Promise<Relation> {
  ctx.signal.throwIfAborted()
  const read = await source.onSnapshot(ctx, request.dataset, (on) => planned(source, on, request, ctx, options))
  ctx.signal.throwIfAborted()
  const lane = read.small ? options.nextLane() : undefined
  const names = lane ? { ...read.names, sql: [lane.name] } : read.names
  const relationRead: PlannedRead = { ...read, names }
  const { selections, road, paths } = read
  const sqlsOf = (over: Over) => (road === 'copy' ? overFifos(selections[over], paths[over]) : overSessions(selections[over], names[over]))
  const rawOf = (over: Over): Columns => Object.fromEntries(selections[over].casts.map(({ name, raw }) => [name, raw]))
  const { zone } = source.settings
  const unclean = new Set<Over>()
  return {
    sql: sqlsOf('sql')[0] ?? '',
    raw: rawOf('sql'),
    ...(selections.parts.parts.length > 1 && { parts: sqlsOf('parts') }),
    located: sqlsOf('located')[0] ?? '',
    locatedRaw: rawOf('located'),
    before: [],
    execute: async (job, over, signal) => {
      try {
        unclean.add(over)
        const asked: ReadJob = { read: relationRead, over, job, signal }
        const result = await (lane && over === 'sql' ? lane.run(asked) : runAlone(source, asked))
        if (job.statements?.length) unclean.delete(over)
        return result
      } catch (error) {
        throw placed(await withBytesNamed(error, read), { dataset: request.dataset })
      }
    },
    asOf: read.snapshot.takenAt,
    place: nameOf(databaseRequest(request.request), source.settings.schema),
    ...(zone !== undefined && { zone }),
    close: async () => {
      if (road === 'copy') for (const over of OVERS) for (const path of paths[over]) await read.fifos.giveBack(path, !unclean.has(over))
      else await rm(read.folder, { recursive: true, force: true })
    },
  }
}

async function planned(
  source: ReadSource,
  snapshot: Snapshot,
  request: Read,
  ctx: RunContext,
  { capacity, leastPages }: RelationOptions,
): Promise<PlannedRead> {
  const { settings, server, file } = source
  const asked = databaseRequest(request.request)
  const what = nameOf(asked, settings.schema)
  const { columns, pages, small, cursorOrder, rows: whole } = await source.describe(snapshot, request)
  const cursor = columns.find(({ name }) => name === request.cursor?.column)
  if (cursor) refuseOtherOrder(cursor, cursorOrder, what, request.columns[cursor.name])
  const road = file !== undefined && !snapshot.anyBytes ? ('extension' as const) : ('copy' as const)
  const zone = comparesInstants(asked) ? (settings.zone ?? request.zone) : undefined
  const rows = withCut(request, columns, whole, settings.zone ?? request.zone)
  const most = Math.min(capacity, ctx.limits.threads, Math.floor(ctx.limits.memoryBytes / PART_BYTES))
  // With a condition the server may know a shorter way than through the whole table.
  const ranges = rows.where.length > 0 ? [''] : ctidRanges(pages, most, leastPages)
  const castsFor = (located: boolean) =>
    Object.entries(request.columns).map(([name, type]) =>
      castOf(columnNamed(columns, name, what), type, road, asked.method === 'table', located),
    )
  const every: Omit<Selection, 'parts'> = { casts: castsFor(false), rows }
  const selections: Readonly<Record<Over, Selection>> = {
    sql: { ...every, parts: [''] },
    parts: { ...every, parts: ranges },
    located: { casts: castsFor(true), rows, parts: [''], place: what },
  }
  const id = randomBytes(4).toString('hex')
  const folder = join(ctx.workspace, `postgres-${randomUUID()}`)
  const fifos = source.fifos(ctx.workspace)
  const each = (over: Over, name: (i: number) => string) => selections[over].parts.map((_, i) => name(i))
  const both = (name: (over: Over, i: number) => string): Readonly<Record<Over, readonly string[]>> => ({
    sql: each('sql', (i) => name('sql', i)),
    parts: each('parts', (i) => name('parts', i)),
    located: each('located', (i) => name('located', i)),
  })
  return {
    ...{ request, ctx, id, road, zone, snapshot, columns, selections, folder },
    doing: `reading ${what} from ${placeText(settings, await server.address())}`,
    names: both((over, i) => `millrace_${id}_${over}_${i}`),
    paths: road === 'copy' ? both(() => fifos.take()) : { sql: [], parts: [], located: [] },
    small: small && ranges.length === 1 && zone === undefined,
    fifos,
  }
}
