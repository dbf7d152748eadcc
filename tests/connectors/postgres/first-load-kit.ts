import type { TwoConnections } from '../../../lib/connectors/postgres/fill-by-two.ts'
import type { Dataset } from '../../../lib/core/dataset.ts'
import { datasetOf } from '../../kit/dataset.ts'

export const ALWAYS: TwoConnections = { rows: 0, memoryBytes: 0 }
export const NEVER: TwoConnections = { rows: Number.POSITIVE_INFINITY, memoryBytes: 0 }

/** Rows `0, value 0` and so on, in row groups of 2048. */
export const many = (folder: string, rows = 20_000): Promise<Dataset> =>
  datasetOf(folder, 'numbers', { id: 'int64', value: 'text' }, `SELECT range AS id, 'value ' || range AS value FROM range(${rows})`, 2048)

/** In how many transactions the rows of a table came: two where two connections have filled it. */
export const writersOf = (table: string): string => `SELECT count(DISTINCT xmin::text) FROM ${table}`

/** Tables of the schema that hold rows on their way. */
export const FILLINGS =
  "SELECT relname FROM pg_class WHERE relname LIKE '\\_millrace\\_%' AND relkind = 'r' AND relname <> '_millrace_tokens' ORDER BY 1"
