import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type PostgresOptions, type Settings, settingsOf } from '../../../lib/connectors/postgres/options.ts'
import { sharedServer } from '../../../lib/connectors/postgres/server.ts'
import { openSource, type Tuning } from '../../../lib/connectors/postgres/source.ts'
import type { QueryRequest, TableRequest } from '../../../lib/connectors/requests.ts'
import { type Read, type Relation, runOver, type Source } from '../../../lib/connectors/source.ts'
import { type Clock, systemClock } from '../../../lib/core/clock.ts'
import type { RunContext } from '../../../lib/core/context.ts'
import type { Columns } from '../../../lib/core/dataset.ts'
import { quoteIdentifier, quoteList } from '../../../lib/core/quote.ts'
import { type DuckDB, openDuckDB } from '../../../lib/engines/duckdb.ts'
import { openReader, type Reader } from '../../../lib/engines/reader.ts'
import { explainMisfit } from '../../../lib/extract/explain.ts'
import { type SelectRequest, selectDeclared } from '../../../lib/extract/select.ts'
import { copyStatement } from '../../../lib/formats/parquet.ts'
import { type TestContext, temporaryFolder, testContext } from '../../kit/context.ts'
import { extensionsHere } from '../../kit/extensions.ts'
import type { TestPostgres } from '../../kit/postgres.ts'

/** The roads that this machine has: without the extension what it alone would do is not tested, and `make test-systems` says so. */
export const ROADS: readonly ('copy' | 'extension')[] =
  extensionsHere.file('postgres_scanner') === undefined ? ['copy'] : ['copy', 'extension']

/** What a test may set of one run that reads. */
export interface RunOptions extends Partial<Omit<PostgresOptions, 'extension'>> {
  readonly road?: 'copy' | 'extension'
  readonly tuning?: Partial<Tuning>
  readonly run?: string
  readonly signal?: AbortSignal
  /** Default: the machine's, with waits of retries cut to 20 ms. */
  readonly clock?: Clock
  readonly threads?: number
  /** Settings that no option is as fine for. */
  readonly exact?: Partial<Settings>
}

/** One run that reads a database, as `landing.ts` would. */
export interface TestRun {
  readonly source: Source
  readonly ctx: TestContext
  read(request: TableRequest | QueryRequest, more?: Partial<Read>): Promise<Relation>
  /** Reads, casts to the declared types, and writes Parquet; a value that does not fit is explained. Types that are not given are described. */
  land(request: TableRequest | QueryRequest, more?: Partial<Read> & { readonly kind?: SelectRequest['kind'] }): Promise<Landed>
  close(): Promise<void>
}

export interface Landed {
  readonly rows: number
  readonly columns: Columns
  /** In order. */
  readonly files: readonly string[]
}

/** The machine's clock; what is waited before a retry is short. */
export const hastyClock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal) }

/** One reader child for all runs of a file. */
export function testReader(): Reader {
  const limits = { memoryBytes: 512 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
  return openReader({ limits, zone: 'UTC', temp: join('/tmp', `millrace-postgres-${process.pid}-${Math.random().toString(36).slice(2)}`) })
}

/** Opens a source of a database, closed at the end of the test at the latest. Call it inside a test. */
export function testRun(server: TestPostgres, database: string, reader: Reader, options: RunOptions = {}): TestRun {
  const { road = 'copy', tuning, run = 'run-1', signal, clock = hastyClock, threads = 2, exact, ...settings } = options
  const { host, port, user, password } = server
  const all: PostgresOptions = { host, port, user, password, database, ...settings, extension: road === 'extension' }
  const patience = { silenceMs: 30_000, answerMs: 10_000, ...tuning }
  const source = openSource({ ...settingsOf(all), ...exact }, sharedServer(all)(), { reader, extensions: extensionsHere }, patience)
  onTestFinished(() => source.close())
  const base = testContext({ run, clock, ...(signal && { signal }) })
  const ctx: TestContext = { ...base, limits: { ...base.limits, threads } }
  const read: TestRun['read'] = async (request, more = {}) => {
    const columns = more.columns ?? (await source.describe({ dataset: 'd', request }, ctx))
    return source.read({ dataset: 'd', request, ...more, columns }, ctx)
  }
  return {
    source,
    ctx,
    read,
    land: async (request, { kind = { by: 'whole' } as const, ...more } = {}) => {
      const columns = more.columns ?? (await source.describe({ dataset: 'd', request }, ctx))
      const relation = await read(request, { ...more, columns })
      const wanted: SelectRequest = {
        dataset: 'd',
        columns,
        kind,
        ...(more.window && { window: more.window }),
        ...(more.cursor?.from !== undefined && { from: more.cursor.from }),
      }
      const { sql, parts = [sql], values } = selectDeclared(relation, wanted)
      const folder = temporaryFolder()
      const files = parts.map((_, i) => join(folder, `landed-${i}.parquet`))
      const statements = files.map((file, i) => ({ sql: copyStatement(parts[i] ?? '', file, files.length), ...(values && { values }) }))
      try {
        const zone = relation.zone === undefined ? {} : { zone: relation.zone }
        const over = parts.length > 1 ? 'parts' : 'sql'
        const { rows } = await runOver(relation, over, { dataset: 'd', ...zone, statements }, reader, ctx.signal)
        return { rows: rows.length === files.length ? rows.reduce((sum, each) => sum + each, 0) : -1, columns, files }
      } catch (error) {
        throw await explainMisfit(relation, wanted, error, reader, ctx as RunContext)
      } finally {
        await relation.close()
      }
    },
    close: () => source.close(),
  }
}

/** Values of what has landed as text: `expression` over each column by its declared type. Without an order: as they lie in the files. */
export async function valuesOf(
  { files, columns }: Landed,
  order: string | undefined,
  expression: (column: string, type: string) => string = (column) => `CAST(${column} AS VARCHAR)`,
): Promise<readonly (readonly (string | null)[])[]> {
  // The vendor takes a byte-order mark at a text's beginning for one: something stands before it.
  const list = Object.entries(columns).map(
    ([name, type]) => `'=' || ${expression(quoteIdentifier(name), type)} AS ${quoteIdentifier(name)}`,
  )
  const rows = await query((db) =>
    db.meta(`SELECT ${list.join(', ')} FROM read_parquet(${quoteList(files)}) AS t${order === undefined ? '' : ` ORDER BY ${order}`}`),
  )
  return rows.map((row) => Object.values(row).map((value) => value?.slice(1) ?? null))
}

async function query<T>(work: (db: DuckDB) => Promise<T>): Promise<T> {
  const db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: join(temporaryFolder(), 'spill') })
  try {
    return await work(db)
  } finally {
    db.close()
  }
}

/** The error of what should fail. */
export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => new Error('nothing failed'),
    (error: unknown) => error,
  )
}
