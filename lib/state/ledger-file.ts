import { mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { PermanentError } from '../core/errors.ts'
import { refusedBySqlite } from './sqlite-faults.ts'

const BUSY_MS = 10_000

const TABLES = `
CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, pipeline TEXT NOT NULL, profile TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, outcome TEXT, exit_code INTEGER, versions TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS steps (run TEXT NOT NULL, partition TEXT NOT NULL, stage TEXT NOT NULL, dataset TEXT NOT NULL, target TEXT, outcome TEXT NOT NULL, rows INTEGER, bytes INTEGER, ms REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS partitions (pipeline TEXT NOT NULL, partition TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL, run TEXT, input_key TEXT, error TEXT, PRIMARY KEY (pipeline, partition)) STRICT;
CREATE TABLE IF NOT EXISTS attempts (pipeline TEXT NOT NULL, partition TEXT NOT NULL, attempts INTEGER NOT NULL, run TEXT, since TEXT, PRIMARY KEY (pipeline, partition)) STRICT;
CREATE TABLE IF NOT EXISTS cells (pipeline TEXT NOT NULL, partition TEXT NOT NULL, stage TEXT NOT NULL, dataset TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL, at TEXT NOT NULL, run TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT, input_key TEXT,
  rows INTEGER, bytes INTEGER, ms REAL, input_rows INTEGER, input_bytes INTEGER, peak_bytes INTEGER, spilled_bytes INTEGER, PRIMARY KEY (pipeline, partition, stage, dataset, target)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS steps_of_run ON steps (run);
CREATE INDEX IF NOT EXISTS runs_of_pipeline ON runs (pipeline, started_at);`

/** Columns that ledgers of earlier versions lack. */
const LATER_COLUMNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  runs: { forecast: 'TEXT' },
  steps: {
    of: 'TEXT',
    input_rows: 'INTEGER',
    input_bytes: 'INTEGER',
    input_key: 'TEXT',
    peak_bytes: 'INTEGER',
    spilled_bytes: 'INTEGER',
  },
}

/** Opens the ledger's database, making it where there is none, and bringing one of an earlier version up to date: nothing of it is lost. One that is damaged is put aside as `<file>.damaged`. */
export function openLedgerFile(file: string): DatabaseSync {
  try {
    mkdirSync(dirname(file), { recursive: true })
    try {
      return openDatabase(file)
    } catch (error) {
      if (!isDamaged(error)) throw error
      for (const end of ['-wal', '-shm', '']) moveAside(`${file}${end}`)
      return openDatabase(file)
    }
  } catch (error) {
    const refused = refusedBySqlite(error, file)
    if (refused !== error || !(error instanceof Error)) throw refused
    throw new PermanentError(`cannot open the ledger ${file}: ${error.message}`, {
      file,
      hint: 'it may be deleted: it is only an index',
      cause: error,
    })
  }
}

/** Opens it to be read alone, changing nothing. One that is not there, or is not whole, is empty; one of an earlier version is copied into memory. */
export function readLedgerFile(file: string): DatabaseSync {
  // Without its shared memory, which nobody can make there, a ledger is read as a file that nobody changes.
  for (const path of [file, `${pathToFileURL(file).href}?immutable=1`]) {
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS })
      for (const table of ['runs', 'steps', 'partitions']) database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get()
      if (isOfToday(database)) return database
      const copy = copied(database)
      database.close()
      return copy
    } catch {
      database?.close()
    }
  }
  return openDatabase(':memory:')
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_MS })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    if (!isOfToday(database)) bringUpToDate(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Others may be doing the same: what is there is looked at once nobody else writes. */
function bringUpToDate(database: DatabaseSync): void {
  database.exec(`BEGIN IMMEDIATE; ${TABLES}`)
  for (const [table, columns] of Object.entries(LATER_COLUMNS)) {
    const there = columnsOf(database, table)
    for (const [name, type] of Object.entries(columns))
      if (!there.has(name)) database.exec(`ALTER TABLE ${table} ADD COLUMN "${name}" ${type}`)
  }
  database.exec('COMMIT')
}

function isOfToday(database: DatabaseSync): boolean {
  const tables = new Set(
    database
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`)
      .all()
      .map(({ name }) => String(name)),
  )
  return (
    ['runs', 'steps', 'partitions', 'attempts', 'cells'].every((table) => tables.has(table)) &&
    Object.entries(LATER_COLUMNS).every(([table, columns]) => {
      const there = columnsOf(database, table)
      return Object.keys(columns).every((name) => there.has(name))
    })
  )
}

function columnsOf(database: DatabaseSync, table: string): ReadonlySet<string> {
  return new Set(
    database
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => String(name)),
  )
}

function copied(from: DatabaseSync): DatabaseSync {
  const to = openDatabase(':memory:')
  for (const table of ['runs', 'steps', 'partitions']) {
    const names = [...columnsOf(from, table)].map((name) => `"${name}"`)
    const insert = to.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
    for (const row of from.prepare(`SELECT ${names.join(', ')} FROM ${table}`).all()) insert.run(...Object.values(row))
  }
  return to
}

const CORRUPT = 11
const NOT_A_DATABASE = 26

function isDamaged(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === CORRUPT || error.errcode === NOT_A_DATABASE)
}

function moveAside(file: string): void {
  try {
    renameSync(file, `${file}.damaged`)
  } catch {
    // It is not there.
  }
}
