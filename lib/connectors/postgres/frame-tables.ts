import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { Frames } from '../frames.ts'
import { missingColumns } from './fit-table.ts'
import type { LoadSession } from './load-session.ts'
import { FACTS, factsOf } from './snapshot.ts'
import { OWN_COLUMNS, type Table } from './tables.ts'

/** Makes a table of just the types of frames, without its own columns: those come after the rows. */
export async function createFrameTable(session: LoadSession, name: string, frames: Frames): Promise<void> {
  await requireTypes(session, frames.what, frames.columns)
  const columns = frames.columns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`)
  await session.query(`CREATE TABLE ${name} (${columns.join(', ')})`)
}

const UNKNOWN_TYPE =
  'SELECT w.i - 1 FROM pg_catalog.json_array_elements_text($1::json) WITH ORDINALITY AS w(name, i) WHERE pg_catalog.to_regtype(w.name) IS NULL ORDER BY w.i LIMIT 1'

/** @throws ConfigError where a column's type, of an extension or somebody's own, is not in the warehouse: the server's own words name no column */
async function requireTypes(session: LoadSession, what: string, columns: Frames['columns']): Promise<void> {
  const { rows } = await session.query(UNKNOWN_TYPE, [JSON.stringify(columns.map(({ type }) => type))])
  const unknown = rows[0] && columns[Number(rows[0][0])]
  if (!unknown) return
  throw new ConfigError(`column "${unknown.name}" of ${what} is ${unknown.type}, a type that the warehouse does not have`, {
    column: unknown.name,
    hint: 'make it there by the same name, with the same values; or leave `forward` away',
  })
}

/** What has landed in the old types would be loaded in these: it must be read again. */
const AGAIN = 'run again with --refresh'

const TYPES = `SELECT attname, pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
WHERE attrelid = $1::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`

/**
 * Adds the columns that the table lacks for frames; gives their names.
 * @throws ConfigError where a column's type is another one, or a column of the table is not among them
 */
export async function fitFrameTable(
  session: LoadSession,
  name: string,
  place: { readonly schema: string; readonly table: string },
  { defaults }: Pick<Table, 'defaults'>,
  frames: Frames,
): Promise<readonly string[]> {
  const { rows } = await session.query(TYPES, [name])
  const existing: Columns = Object.fromEntries(rows.flatMap(([column, type]) => (column && type ? [[column, type]] : [])))
  const there = Object.fromEntries(Object.entries(existing).filter(([column]) => !OWN_COLUMNS.includes(column)))
  const sent = Object.fromEntries(frames.columns.map((column) => [column.name, column.type]))
  const added = await missingColumns(session, place, { there, defaults, given: sent }, { asThere: (type) => type, again: AGAIN })
  await requireTypes(
    session,
    frames.what,
    frames.columns.filter(({ name: column }) => added.includes(column)),
  )
  const each = added.map((column) => `ADD COLUMN ${quoteIdentifier(column)} ${sent[column]}`)
  if (added.length > 0) await session.query(`ALTER TABLE ${name} ${each.join(', ')}`)
  return added
}

const INFINITE_INTERVALS = 170_000
const MONEY = /^money\b/
const INTERVAL = /^interval\b/

/** Those facts of a server that the bytes of these columns depend on. */
export function factsBehind(columns: Frames['columns'], { version, moneyDigits }: ReturnType<typeof factsOf>): Frames['facts'] {
  const has = (type: RegExp) => columns.some((column) => type.test(column.type))
  return { ...(has(INTERVAL) && { version }), ...(has(MONEY) && { moneyDigits }) }
}

/** @throws ConfigError where the bytes of a type mean something else on this server */
export async function requireSameMeaning(session: LoadSession, frames: Frames): Promise<void> {
  const has = (type: RegExp) => frames.columns.find((column) => type.test(column.type))
  const [money, interval] = [has(MONEY), has(INTERVAL)]
  if (!money && !interval) return
  const { rows } = await session.query(`SELECT ${FACTS}`)
  const here = factsOf(rows[0])
  const { moneyDigits, version = 0 } = frames.facts
  const refuse = (column: string, why: string): never => {
    throw new ConfigError(`column "${column}" of ${frames.what} ${why}`, { column, hint: 'leave `forward` away' })
  }
  if (money && moneyDigits !== here.moneyDigits)
    refuse(money.name, `is money with ${moneyDigits} fractional digits there and ${here.moneyDigits} here (lc_monetary)`)
  if (interval && version >= INFINITE_INTERVALS && here.version < INFINITE_INTERVALS)
    refuse(interval.name, 'is an interval, which may be infinite there and not on this older server')
}
