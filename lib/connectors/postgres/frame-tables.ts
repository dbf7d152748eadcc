import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { Frames } from '../frames.ts'
import type { LoadSession } from './load-session.ts'
import { FACTS, factsOf } from './snapshot.ts'
import { addedColumns, OWN_COLUMNS } from './tables.ts'

/** Frames hold the dataset's columns alone: what a load's transaction sets for itself becomes `_partition` and `_load` of each row, without a lock that readers would wait for. */
const DEFAULTS: Readonly<Record<string, string>> = { _partition: 'millrace.partition', _load: 'millrace.load' }

const defaultOf = (setting: string): string => `pg_catalog.current_setting('${setting}', true)`

/** Whether both are there, as the server writes them. */
const HAS_DEFAULTS = `SELECT FROM pg_catalog.pg_attrdef AS d JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = $1::pg_catalog.regclass AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) = 'current_setting(''' || CASE a.attname
WHEN '_partition' THEN '${DEFAULTS._partition}' WHEN '_load' THEN '${DEFAULTS._load}' END || '''::text, true)'`

/** Whether the table (quoted) fills its own two columns from the load's settings. */
export async function hasDefaults(session: LoadSession, name: string): Promise<boolean> {
  return (await session.query(HAS_DEFAULTS, [name])).count === OWN_COLUMNS.length
}

/** Lets a table that other loads have made fill its own two columns: readers wait for a moment, once. */
export async function setDefaults(session: LoadSession, name: string): Promise<void> {
  const each = Object.entries(DEFAULTS).map(([column, setting]) => `ALTER COLUMN ${column} SET DEFAULT ${defaultOf(setting)}`)
  await session.query(`ALTER TABLE ${name} ${each.join(', ')}`)
}

/** Sets for the session's transaction what the defaults read. */
export async function setOwnValues(session: LoadSession, partition: string, load: string): Promise<void> {
  const each = Object.values(DEFAULTS).map((setting, i) => `pg_catalog.set_config('${setting}', $${i + 1}, true)`)
  await session.query(`SELECT ${each.join(', ')}`, [partition, load])
}

/** Makes a table of just the types of frames. */
export async function createFrameTable(session: LoadSession, name: string, frames: Frames): Promise<void> {
  const own = Object.entries(DEFAULTS).map(([column, setting]) => `${column} text DEFAULT ${defaultOf(setting)}`)
  const columns = frames.columns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`)
  await session.query(`CREATE TABLE ${name} (${[...columns, ...own].join(', ')})`)
}

const TYPES = `SELECT attname, pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
WHERE attrelid = $1::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`

/**
 * Adds the columns that the table lacks for frames; gives their names.
 * @throws ConfigError where a column's type is another one, or a column of the table is not among them
 */
export async function fitFrameTable(session: LoadSession, name: string, table: string, frames: Frames): Promise<readonly string[]> {
  const { rows } = await session.query(TYPES, [name])
  const existing: Columns = Object.fromEntries(rows.flatMap(([column, type]) => (column && type ? [[column, type]] : [])))
  const there = Object.fromEntries(Object.entries(existing).filter(([column]) => !OWN_COLUMNS.includes(column)))
  const sent = Object.fromEntries(frames.columns.map((column) => [column.name, column.type]))
  const added = addedColumns(table, there, sent, (type) => type)
  const each = added.map((column) => `ADD COLUMN ${quoteIdentifier(column)} ${sent[column]}`)
  if (added.length > 0) await session.query(`ALTER TABLE ${name} ${each.join(', ')}`)
  return added
}

const INFINITE_INTERVALS = 170_000

/** @throws ConfigError where the bytes of a type mean something else on this server */
export async function requireSameMeaning(session: LoadSession, frames: Frames): Promise<void> {
  const has = (type: RegExp) => frames.columns.find((column) => type.test(column.type))
  const money = has(/^money\b/)
  const interval = has(/^interval\b/)
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
