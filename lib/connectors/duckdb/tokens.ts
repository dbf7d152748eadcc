import { canonicalJson } from '../../core/hash.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { Token } from '../warehouse.ts'

/** The table of tokens, in the same file as the tables that they speak of. */
export const TOKENS = '_millrace_tokens'

type Place = Pick<Token, 'pipeline' | 'table' | 'partition'>

/** `attempt` is random for each load: only so can a load whose COMMIT gave no clear answer tell its own commit from an earlier one under the same input key. */
export async function createTokens(db: DuckDB): Promise<void> {
  await db.run(
    `CREATE TABLE IF NOT EXISTS ${TOKENS} (pipeline VARCHAR NOT NULL, "table" VARCHAR NOT NULL, "partition" VARCHAR NOT NULL, ` +
      'input_key VARCHAR NOT NULL, loads JSON NOT NULL, committed_at TIMESTAMPTZ NOT NULL, attempt VARCHAR NOT NULL)',
  )
}

/** Those of a pipeline, of tables that are there. */
export async function readTokens(db: DuckDB, pipeline: string): Promise<readonly Token[]> {
  const there = await db.meta(
    'SELECT 1 FROM duckdb_tables() WHERE schema_name = $schema AND table_name = $table AND database_name = current_database()',
    {
      schema: 'main',
      table: TOKENS,
    },
  )
  if (there.length === 0) return []
  const tables = "SELECT lower(table_name) FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'main'"
  // As one JSON text: a pipeline may have more tokens than a metadata query gives rows.
  const [row] = await db.meta(
    `SELECT to_json(list({pipeline: pipeline, "table": "table", "partition": "partition", inputKey: input_key, loads: loads} ORDER BY "table", "partition")) AS tokens ` +
      `FROM ${TOKENS} WHERE pipeline = $pipeline AND lower("table") IN (${tables})`,
    { pipeline },
  )
  return JSON.parse(row?.tokens ?? '[]') ?? []
}

/** The token of one place, and the first other pipeline by name that has one of the same table; tables' names are compared as DuckDB compares them. */
export async function tokensAt(
  db: DuckDB,
  { pipeline, table, partition }: Place,
): Promise<{ readonly current: Token | undefined; readonly other: Pick<Token, 'pipeline' | 'table'> | undefined }> {
  const rows = await db.meta(
    `SELECT pipeline, "table", input_key, loads FROM ${TOKENS} WHERE pipeline = $pipeline AND "table" = $table AND "partition" = $partition ` +
      `UNION ALL (SELECT pipeline, "table", NULL, NULL FROM ${TOKENS} WHERE lower("table") = lower($table) AND pipeline <> $pipeline ORDER BY 1, 2 LIMIT 1)`,
    { pipeline, table, partition },
  )
  const mine = rows.find((row) => row.pipeline === pipeline)
  const other = rows.find((row) => row.pipeline !== pipeline)
  return {
    current: mine && { pipeline, table, partition, inputKey: mine.input_key ?? '', loads: JSON.parse(mine.loads ?? '{}') },
    other: other && { pipeline: other.pipeline ?? '', table: other.table ?? '' },
  }
}

/** Removes all tokens of a table that is about to be made: where there are any, somebody has dropped it, and with it the rows that they speak of. */
export async function forgetTokens(db: DuckDB, table: string): Promise<void> {
  await db.run(`DELETE FROM ${TOKENS} WHERE lower("table") = lower($table)`, { table })
}

export async function writeToken(db: DuckDB, token: Token, committedAt: Date, attempt: string): Promise<void> {
  const { pipeline, table, partition, inputKey, loads } = token
  await db.run(`DELETE FROM ${TOKENS} WHERE pipeline = $pipeline AND "table" = $table AND "partition" = $partition`, {
    pipeline,
    table,
    partition,
  })
  await db.run(`INSERT INTO ${TOKENS} VALUES ($pipeline, $table, $partition, $inputKey, $loads, $committedAt, $attempt)`, {
    pipeline,
    table,
    partition,
    inputKey,
    loads: canonicalJson(loads),
    committedAt,
    attempt,
  })
}

/** Whether this attempt's token is the one that stands in the file. */
export async function isCommitted(db: DuckDB, attempt: string): Promise<boolean> {
  return (await db.meta(`SELECT 1 FROM ${TOKENS} WHERE attempt = $attempt`, { attempt })).length === 1
}

/** Equal in input key and applied loads. */
export function sameToken(a: Token | undefined, b: Token | undefined): boolean {
  const content = (token: Token | undefined) => token && canonicalJson({ inputKey: token.inputKey, loads: token.loads })
  return content(a) === content(b)
}
