import duckdb, { type Connection, type PendingResult, type PreparedStatement, type Result, type Value } from '@duckdb/node-bindings'

/** Values bound by name. A `Date` is bound as TIMESTAMPTZ, a bigint as BIGINT, an integral number as BIGINT, another number as DOUBLE. */
export type SqlValues = Readonly<Record<string, string | number | bigint | boolean | Date | null>>

/** A connection of DuckDB's binding: what we use of the vendor's class of this name, whose package is 180 modules, 30 ms of each start. */
export class DuckDBConnection {
  /** The vendor's own, for what has no place here. */
  readonly handle: Connection

  constructor(handle: Connection) {
    this.handle = handle
  }

  /** Runs a text of one or more statements; gives the last one's result. @throws DuckDB's own error */
  run(sql: string): Promise<Result> {
    return duckdb.query(this.handle, sql)
  }

  /** Calls `use` with one statement, prepared and with its values bound: those that it names, for DuckDB refuses others. @throws DuckDB's own error */
  async prepared<T>(sql: string, values: SqlValues, use: (statement: PreparedStatement) => Promise<T> | T): Promise<T> {
    const statement = await duckdb.prepare(this.handle, sql)
    try {
      parameterNames(statement).forEach((name, i) => {
        const value = values[name]
        if (value !== undefined) duckdb.bind_value(statement, i + 1, boundValue(value))
      })
      return await use(statement)
    } finally {
      duckdb.destroy_prepare_sync(statement)
    }
  }

  /** Runs a text of one or more statements but for the last, which is started: it goes on only where others work on it. @throws DuckDB's own error */
  async start(sql: string): Promise<PendingResult> {
    const { extracted_statements: statements, statement_count: count } = await duckdb.extract_statements(this.handle, sql)
    if (count === 0) throw new Error(duckdb.extract_statements_error(statements))
    for (let i = 0; ; i++) {
      const statement = await duckdb.prepare_extracted_statement(this.handle, statements, i)
      try {
        if (i === count - 1) return duckdb.pending_prepared(statement)
        await duckdb.execute_prepared(statement)
      } finally {
        duckdb.destroy_prepare_sync(statement)
      }
    }
  }

  /** Stops the statement that runs, if one does. */
  interrupt(): void {
    duckdb.interrupt(this.handle)
  }

  close(): void {
    duckdb.disconnect_sync(this.handle)
  }
}

/** Names of a statement's parameters, in the order of their numbers, without `$`. */
export function parameterNames(statement: PreparedStatement): string[] {
  return Array.from({ length: duckdb.nparams(statement) }, (_, i) => duckdb.parameter_name(statement, i + 1))
}

function boundValue(value: NonNullable<SqlValues[string]> | null): Value {
  if (value === null) return duckdb.create_null_value()
  if (value instanceof Date) return duckdb.create_timestamp_tz({ micros: BigInt(value.getTime()) * 1000n })
  switch (typeof value) {
    case 'string':
      return duckdb.create_varchar(value)
    case 'boolean':
      return duckdb.create_bool(value)
    case 'number':
      return Number.isSafeInteger(value) ? duckdb.create_int64(BigInt(value)) : duckdb.create_double(value)
    case 'bigint':
      // Whatever is computed with a HUGEINT becomes one.
      return BigInt.asIntN(64, value) === value ? duckdb.create_int64(value) : duckdb.create_hugeint(value)
  }
}
