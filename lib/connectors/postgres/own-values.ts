import { quoteLiteral } from '../../core/quote.ts'
import type { ReceiveRequest } from '../warehouse.ts'
import type { LoadSession } from './load-session.ts'

const SETTINGS: Readonly<Record<string, string>> = { _partition: 'millrace.partition', _load: 'millrace.load' }

/** Defaults of `_partition` and `_load`, as the server writes them. */
export type OwnDefaults = Readonly<Record<string, string>>

/**
 * The defaults of tables that loads make: what changes with each load a default cannot be without a lock that readers wait for, so it reads a setting of the transaction. In each row's bytes the two values take the server a tenth of its
 * time more.
 */
export const FROM_SETTINGS: OwnDefaults = Object.fromEntries(
  Object.entries(SETTINGS).map(([column, setting]) => [column, `current_setting('${setting}'::text, true)`]),
)

/** The values themselves: of a table that nobody sees yet, and of what lasts. */
export function valuesThemselves(partition: string, load: string): OwnDefaults {
  return { _partition: `${quoteLiteral(partition)}::text`, _load: `${quoteLiteral(load)}::text` }
}

/** Of tables that take frames, which hold the dataset's columns alone. */
export function ownDefaults({
  disposition,
  place,
  load,
  lasting,
}: Pick<ReceiveRequest, 'disposition' | 'place' | 'load' | 'lasting'>): OwnDefaults {
  if (disposition.mode !== 'replace') return FROM_SETTINGS
  const values = valuesThemselves(place.partition, load)
  return lasting ? values : { ...FROM_SETTINGS, _partition: values._partition ?? '' }
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

/**
 * The two columns of a table that this transaction has made and filled: a value that all rows share stands once in the catalog (`attmissingval`) and in no row, so that neither COPY nor the disk has it; rows from now on get
 * `defaults`.
 */
export async function addOwnColumns(session: LoadSession, name: string, values: OwnDefaults, defaults: OwnDefaults): Promise<void> {
  const each = Object.entries(values).map(([column, text]) => `ADD COLUMN ${column} text DEFAULT ${text}`)
  await session.query(`ALTER TABLE ${name} ${each.join(', ')}`)
  await setDefaults(session, name, defaults)
}
