import { canonicalJson } from '../../core/hash.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { Token } from '../warehouse.ts'
import type { LoadSession } from './load-session.ts'

/** The table of tokens, in the schema of the tables that they speak of. */
export const TOKENS = '_millrace_tokens'

/** The table's name in SQL. */
export const tokensOf = (schema: string): string => `${quoteIdentifier(schema)}.${TOKENS}`

/** Makes the table of tokens where it is missing, in a transaction of its own. Two processes may do it at once: `IF NOT EXISTS` alone fails then. */
export async function createTokens(session: LoadSession, schema: string): Promise<void> {
  if (await hasTokens(session, schema)) return
  await session.query('BEGIN')
  try {
    await session.query('SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))', [`millrace tokens ${schema}`])
    await session.query(
      `CREATE TABLE IF NOT EXISTS ${tokensOf(schema)} (pipeline text, "table" text, "partition" text, input_key text NOT NULL, loads json NOT NULL, ` +
        'committed_at timestamptz NOT NULL, attempt text NOT NULL, PRIMARY KEY (pipeline, "table", "partition"))',
    )
    await session.query('COMMIT')
  } catch (error) {
    await session.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** The names of all relations of the schema $2. */
const RELATIONS =
  'SELECT c.relname::text FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $2'

async function hasTokens(session: LoadSession, schema: string): Promise<boolean> {
  const { count } = await session.query(
    'SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2',
    [schema, TOKENS],
  )
  return count > 0
}

/** All tokens of a pipeline, but those of tables that are not there; none where there is no table of tokens. */
export async function readTokens(session: LoadSession, schema: string, pipeline: string): Promise<readonly Token[]> {
  if (!(await hasTokens(session, schema))) return []
  const { rows } = await session.query(
    `SELECT pipeline, "table", "partition", input_key, loads FROM ${tokensOf(schema)} WHERE pipeline = $1 AND "table" IN (${RELATIONS}) ORDER BY "table" COLLATE "C", "partition" COLLATE "C"`,
    [pipeline, schema],
  )
  return rows.map(tokenOf)
}

/** The token that stands for the place of `token`. */
export async function readToken(
  session: LoadSession,
  schema: string,
  token: Pick<Token, 'pipeline' | 'table' | 'partition'>,
): Promise<Token | undefined> {
  const { rows } = await session.query(
    `SELECT pipeline, "table", "partition", input_key, loads FROM ${tokensOf(schema)} WHERE pipeline = $1 AND "table" = $2 AND "partition" = $3`,
    [token.pipeline, token.table, token.partition],
  )
  return rows[0] && tokenOf(rows[0])
}

/** Removes all tokens of a table that is about to be made: where there are any, somebody has dropped it, and with it the rows that they speak of. */
export async function forgetTokens(session: LoadSession, schema: string, table: string): Promise<void> {
  await session.query(`DELETE FROM ${tokensOf(schema)} WHERE "table" = $1`, [table])
}

/** Whether anybody has loaded the table. `tokens`: as `tokensOf` names it. */
export async function hasTokensOf(session: LoadSession, tokens: string, table: string): Promise<boolean> {
  return (await session.query(`SELECT FROM ${tokens} WHERE "table" = $1 LIMIT 1`, [table])).count > 0
}

/** Another pipeline that has a token of this table, the first by name. */
export async function otherWriter(
  session: LoadSession,
  schema: string,
  { pipeline, table }: Pick<Token, 'pipeline' | 'table'>,
): Promise<Pick<Token, 'pipeline' | 'table'> | undefined> {
  const { rows } = await session.query(
    `SELECT pipeline FROM ${tokensOf(schema)} WHERE "table" = $1 AND pipeline <> $2 ORDER BY pipeline COLLATE "C" LIMIT 1`,
    [table, pipeline],
  )
  return rows[0] && { pipeline: rows[0][0] ?? '', table }
}

/** `attempt` is random for each load: only so can a load whose COMMIT gave no clear answer tell its own commit from an earlier one under the same input key. */
export async function writeToken(session: LoadSession, schema: string, token: Token, committedAt: Date, attempt: string): Promise<void> {
  const { pipeline, table, partition, inputKey, loads } = token
  await session.query(
    `INSERT INTO ${tokensOf(schema)} (pipeline, "table", "partition", input_key, loads, committed_at, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7) ` +
      'ON CONFLICT (pipeline, "table", "partition") DO UPDATE SET input_key = excluded.input_key, loads = excluded.loads, ' +
      'committed_at = excluded.committed_at, attempt = excluded.attempt',
    [pipeline, table, partition, inputKey, canonicalJson(loads), committedAt.toISOString(), attempt],
  )
}

/** Whether this attempt's token is one that stands there. */
export async function isCommitted(
  session: LoadSession,
  schema: string,
  { pipeline, table, partition }: Token,
  attempt: string,
): Promise<boolean> {
  if (!(await hasTokens(session, schema))) return false
  const { count } = await session.query(
    `SELECT 1 FROM ${tokensOf(schema)} WHERE pipeline = $1 AND "table" = $2 AND "partition" = $3 AND attempt = $4`,
    [pipeline, table, partition, attempt],
  )
  return count === 1
}

/** Equal in input key and applied loads. */
export function sameToken(a: Token | undefined, b: Token | undefined): boolean {
  const content = (token: Token | undefined) => token && canonicalJson({ inputKey: token.inputKey, loads: token.loads })
  return content(a) === content(b)
}

function tokenOf([pipeline, table, partition, inputKey, loads]: readonly (string | null)[]): Token {
  return {
    pipeline: pipeline ?? '',
    table: table ?? '',
    partition: partition ?? '',
    inputKey: inputKey ?? '',
    loads: JSON.parse(loads ?? '{}'),
  }
}
