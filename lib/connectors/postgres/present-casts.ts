import { quoteIdentifier } from '../../core/quote.ts'
import { type ColumnType, duckdbType, parseType, typeText } from '../../engines/types.ts'
import { strictCast } from '../../formats/strict.ts'
import { type ColumnCast, castOf } from './casts.ts'
import type { PostgresColumn } from './columns.ts'
import { isElement, postgresType } from './postgres-types.ts'

/** How a column of a warehouse's table comes by CSV as the value that was loaded. `type`: the column's own; `text` for one that millrace has no type for. */
export function presentCast(name: string, type: string): ColumnCast {
  const wanted = parseType(type)
  const c = `q.${quoteIdentifier(name)}`
  if (wanted.name === 'text') return { name, server: `${c}::text`, csv: 'VARCHAR', client: (value) => value, raw: type }
  if (wanted.name === 'list' && isElement(wanted.of)) return arrayCast(name, c, wanted.of)
  const { server, csv, client, raw } = castOf(columnOf(name, wanted), type, 'copy', true)
  return { name, server, csv, client: (value) => strictCast(client(value), parseType(raw), wanted), raw: type }
}

/** As JSON of texts: each element comes as a value of its own would. */
function arrayCast(name: string, array: string, element: ColumnType): ColumnCast {
  const of = presentCast('e', typeText(element))
  const elements = `SELECT json_agg((${of.server})::text ORDER BY q.n) FROM pg_catalog.unnest(${array}) WITH ORDINALITY AS q(e, n)`
  const texts = (value: string) => `from_json(CAST(${value} AS JSON), '["VARCHAR"]')`
  const each = of.client(`CAST(_e AS ${of.csv})`)
  return {
    name,
    server: `CASE WHEN ${array} IS NOT NULL THEN coalesce((${elements})::text, '[]') END`,
    csv: 'VARCHAR',
    client: (value) => `list_transform(${texts(value)}, lambda _e: CAST(${each} AS ${duckdbType(element)}))`,
    raw: `list(${typeText(element)})`,
  }
}

/** Names in `pg_type` of what `format_type` writes otherwise. */
const BASES: Readonly<Record<string, string>> = {
  boolean: 'bool',
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  'time without time zone': 'time',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
}

/** The column as a server describes it. */
function columnOf(name: string, type: ColumnType): PostgresColumn {
  const text = postgresType(type)
  const numeric = /^numeric\((\d+),(\d+)\)$/.exec(text)
  const modifier = numeric ? Number(numeric[1]) * 2 ** 16 + Number(numeric[2]) + 4 : -1
  return { name, base: numeric ? 'numeric' : (BASES[text] ?? text), array: false, modifier, text, local: false }
}
