import duckdb, { type Config, type Database, type Result } from '@duckdb/node-bindings'
import { quoteLiteral } from '../core/quote.ts'
import { DuckDBConnection, parameterNames, type SqlValues } from './duckdb-connection.ts'
import { quietly, runQuietly } from './quiet-run.ts'
import { columnNames, resultTexts } from './result-texts.ts'

export type { SqlValues } from './duckdb-connection.ts'

export interface DuckDBOptions {
  /** A database file; absent: in memory. */
  readonly file?: string
  readonly readOnly?: boolean
  readonly memoryBytes: number
  readonly threads: number
  /** A folder of this process alone, where the engine spills. */
  readonly temp: string
  /** IANA zone of the session. */
  readonly zone?: string
  /** Default true; false halves the time under memory pressure where no order is promised. */
  readonly preserveOrder?: boolean
  /** Whether no thread waits busily for the engine's own: for long statements that wait for others. Not for engines with functions of JavaScript. Default false. */
  readonly quiet?: boolean
}

/** A metadata row: counts, names, sums as text. Never data on its way. */
export type MetaRow = Readonly<Record<string, string | null>>

/** One DuckDB engine with one connection: what the stages use of the vendor's API. */
export interface DuckDB {
  /** Runs one statement to its end; gives the rows that it changed. Rejects with DuckDB's own error; an aborted signal interrupts it and rejects with its reason. */
  run(sql: string, values?: SqlValues, signal?: AbortSignal): Promise<number>
  /** Columns and DuckDB type names of a SELECT, bound on its parameters but not run. */
  describe(sql: string, values?: SqlValues): Promise<readonly { readonly name: string; readonly type: string }[]>
  /** Names of the parameters of a statement, without `$`. */
  parameters(sql: string): Promise<readonly string[]>
  /** A few metadata rows, each value as DuckDB's text. For counts, hashes, samples for people; throws beyond 10,000 rows. */
  meta(sql: string, values?: SqlValues, signal?: AbortSignal): Promise<readonly MetaRow[]>
  /** For what has no place here (UDFs, progress). */
  readonly connection: DuckDBConnection
  /** A further connection of the same instance, with its own session `TimeZone`; its `close` leaves the instance open. */
  connect(zone?: string): Promise<DuckDB>
  /**
   * Gives the machine back what ended statements have left with the allocator, of all engines of this process: an idle one keeps it as long as it stays idle. `close` does the same.
   * After a sort at 256 MB: 469 MB before, 138 MB after. 0.7 ms where there is nothing to give.
   */
  release(): Promise<void>
  close(): void
}

const MOST_ROWS = 10_000

// duckdb#25213, duckdb#24624, duckdb#23588 with #24363 and #23675: these three passes drop or invent rows silently in 1.5.5; the reproductions are tests. A setting of the whole engine, without a lock: a SET beside another session's statement can
// end the process, so it is made with the engine.
const DISABLED_OPTIMIZERS = 'join_elimination,common_subplan,top_n_window_elimination'

/** Opens an engine with millrace's fixed settings: limits, known wrong passes off, no extension from outside, `TimeZone`. */
export async function openDuckDB(options: DuckDBOptions): Promise<DuckDB> {
  const memoryLimit = `${Math.floor(options.memoryBytes / 1024)}KiB`
  const instance = await duckdb.open(
    options.file ?? ':memory:',
    configOf({
      threads: String(options.threads),
      memory_limit: memoryLimit,
      temp_directory: options.temp,
      disabled_optimizers: DISABLED_OPTIMIZERS,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      // Gives the old footer of a Parquet file that was written anew with the same size: a wrong type, a wrong value, no error (1.5.5; reproduction in the tests).
      enable_external_file_cache: 'false',
      ...(options.readOnly && { access_mode: 'READ_ONLY' }),
      ...(options.quiet && { external_threads: '0' }),
      ...(options.preserveOrder === false && { preserve_insertion_order: 'false' }),
    }),
  )
  try {
    const connection = await connectTo(instance, options.zone)
    return wrap({ instance, memoryLimit, zone: options.zone, quiet: options.quiet === true }, connection, true)
  } catch (error) {
    duckdb.close_sync(instance)
    throw error
  }
}

function configOf(settings: Readonly<Record<string, string>>): Config {
  const config = duckdb.create_config()
  for (const [name, value] of Object.entries(settings)) duckdb.set_config(config, name, value)
  return config
}

async function connectTo(instance: Database, zone = 'UTC'): Promise<DuckDBConnection> {
  const connection = new DuckDBConnection(await duckdb.connect(instance))
  try {
    await connection.run(`SET TimeZone = ${quoteLiteral(zone)}`)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

interface Opened {
  readonly instance: Database
  readonly memoryLimit: string
  readonly zone: string | undefined
  readonly quiet: boolean
}

function wrap(opened: Opened, connection: DuckDBConnection, owner: boolean): DuckDB {
  const { instance, memoryLimit, quiet } = opened
  let closed = false
  const ran = async (sql: string, values: SqlValues | undefined): Promise<Result> => {
    if (values) return runBound(connection, sql, values, quiet)
    return quiet ? runQuietly(connection, sql) : connection.run(sql)
  }
  async function interruptible<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    // `interrupt` before the statement has begun is lost, so it is repeated until the statement ends.
    let timer: NodeJS.Timeout | undefined
    const stop = () => {
      connection.interrupt()
      timer = setInterval(() => connection.interrupt(), 20)
    }
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw error
    } finally {
      clearInterval(timer)
      signal?.removeEventListener('abort', stop)
    }
  }
  return {
    connection,
    run: (sql, values, signal) => interruptible(signal, async () => duckdb.rows_changed(await ran(sql, values))),
    describe: async (sql, values) => {
      // Not from the prepared statement: it has no types where an untyped parameter decides them.
      const rows = await resultTexts(await runBound(connection, `DESCRIBE ${sql}`, values ?? {}), MOST_ROWS)
      return rows.map(([name, type]) => ({ name: String(name), type: String(type) }))
    },
    parameters: (sql) => connection.prepared(sql, {}, parameterNames),
    meta: (sql, values, signal) =>
      interruptible(signal, async () => {
        const result = await ran(sql, values)
        const names = columnNames(result)
        const rows = await resultTexts(result, MOST_ROWS)
        return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))
      }),
    connect: async (zone = opened.zone) => wrap({ ...opened, zone }, await connectTo(instance, zone), false),
    // Setting the limit, also to what it is, purges every arena: BufferPool::SetLimit calls Allocator::FlushAll.
    release: async () => void (await connection.run(`SET memory_limit = '${memoryLimit}'`)),
    close: () => {
      if (closed) return
      closed = true
      connection.close()
      if (owner) duckdb.close_sync(instance)
    },
  }
}

function runBound(connection: DuckDBConnection, sql: string, values: SqlValues, quiet = false): Promise<Result> {
  return connection.prepared(sql, values, (statement) =>
    quiet ? quietly(duckdb.pending_prepared(statement)) : duckdb.execute_prepared(statement),
  )
}
