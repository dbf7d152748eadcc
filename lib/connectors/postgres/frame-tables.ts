import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import type { Frames } from '../frames.ts'
import type { ReceiveRequest } from '../warehouse.ts'
import { missingColumns } from './fit-table.ts'
import type { LoadSession } from './load-session.ts'
import { FACTS, factsOf } from './snapshot.ts'
import { OWN_COLUMNS, type Table } from './tables.ts'

const SETTINGS: Readonly<Record<string, string>> = { _partition: 'millrace.partition', _load: 'millrace.load' }

/** Defaults of `_partition` and `_load`, as the server writes them. */
export type OwnDefaults = Readonly<Record<string, string>>

/**
 * Frames hold the dataset's columns alone, so a table's defaults fill its own two. What changes with each load (partitions, ids of loads) a default cannot be without
 * a lock that readers wait for, so it reads a setting of the transaction; what lasts is the value itself: both of them spare the server a tenth of its time.
 */
export function ownDefaults({
  disposition,
  place,
  load,
  lasting,
}: Pick<ReceiveRequest, 'disposition' | 'place' | 'load' | 'lasting'>): OwnDefaults {
  const settings = Object.fromEntries(
    Object.entries(SETTINGS).map(([column, setting]) => [column, `current_setting('${setting}'::text, true)`]),
  )
  if (disposition.mode !== 'replace') return settings
  const value = (text: string) => `${quoteLiteral(text)}::text`
  return { ...settings, _partition: value(place.partition), ...(lasting && { _load: value(load) }) }
}

const DEFAULTS = `SELECT a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef AS d
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = $1::pg_catalog.regclass`

/** Whether the table (quoted) has these. */
export async function hasDefaults(session: LoadSession, name: string, own: OwnDefaults): Promise<boolean> {
  const { rows } = await session.query(DEFAULTS, [name])
  return Object.entries(own).every(([column, text]) => rows.some(([found, expression]) => found === column && expression === text))
}

/** Gives them to a table that is there, and to none that inherits from it: readers wait for a moment. */
export async function setDefaults(session: LoadSession, name: string, own: OwnDefaults): Promise<void> {
  const each = Object.entries(own).map(([column, text]) => `ALTER COLUMN ${column} SET DEFAULT ${text}`)
  await session.query(`ALTER TABLE ONLY ${name} ${each.join(', ')}`)
}

/** Sets for the session's transaction what defaults may read. */
export async function setOwnValues(session: LoadSession, partition: string, load: string): Promise<void> {
  const each = Object.values(SETTINGS).map((setting, i) => `pg_catalog.set_config('${setting}', $${i + 1}, true)`)
  await session.query(`SELECT ${each.join(', ')}`, [partition, load])
}

/** Makes a table of just the types of frames. */
export async function createFrameTable(session: LoadSession, name: string, frames: Frames, own: OwnDefaults): Promise<void> {
  const ours = Object.entries(own).map(([column, text]) => `${column} text DEFAULT ${text}`)
  const columns = frames.columns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`)
  await session.query(`CREATE TABLE ${name} (${[...columns, ...ours].join(', ')})`)
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
