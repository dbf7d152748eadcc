import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { QueryRequest, TableRequest } from '../requests.ts'
import type { Settings } from './options.ts'
import { tableText } from './rows.ts'

const DENIED = /permission denied for (schema|table|view|materialized view|foreign table) ("?)(.+)\2 \(42501\)/

/** The error of a read, with the GRANT that `millrace doctor` would name, where a right to a schema or a table is missing; else as it is. */
export function withGrant(
  error: unknown,
  request: TableRequest | QueryRequest,
  { schema, user }: Pick<Settings, 'schema' | 'user'>,
): unknown {
  if (!(error instanceof ConfigError)) return error
  const [, what, , name] = DENIED.exec(error.message) ?? []
  if (what === undefined || name === undefined) return error
  // The server says a table without its schema; of a view that is asked as its reader it may be another one.
  const asked = request.method === 'table' && request.table === name ? tableText({ schema, ...request }) : quoteIdentifier(name)
  const grant = what === 'schema' ? `GRANT USAGE ON SCHEMA ${quoteIdentifier(name)}` : `GRANT SELECT ON ${asked}`
  return new ConfigError(error.message, {
    ...error.place,
    hint: `let its owner say: ${grant} TO ${quoteIdentifier(user)}`,
    cause: error.cause,
  })
}
