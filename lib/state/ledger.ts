import { mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { PermanentError } from '../core/errors.ts'
import { refusedBySqlite } from './sqlite-faults.ts'

/** How a partition stands: `open` is done, but its window had not ended. Partition '' is a pipeline's shared datasets. */
export type PartitionState = 'done' | 'open' | 'failed'

export interface RunBegun {
  readonly run: string
  readonly pipeline: string
  readonly profile: string
  readonly startedAt: Date
  readonly versions: Readonly<Record<string, string>>
}

export interface RunEnded {
  readonly run: string
  readonly endedAt: Date
  readonly outcome: string
  readonly exitCode: number
}

/** What one step did; a `StepReport` fits it. */
export interface LedgerStep {
  readonly stage: string
  readonly partition: string
  readonly dataset: string
  readonly target?: string
  readonly outcome: string
  readonly rows?: number
  readonly bytes?: number
  readonly ms: number
}

/** What came of a partition; a `PartitionReport` fits its `report`. */
export interface PartitionEnded {
  readonly run: string
  readonly pipeline: string
  readonly at: Date
  /** The code that made it, as a hash: what the input keys of its targets have in common in all partitions. */
  readonly inputKey?: string
  /** One stage was run alone and others are still to do: the steps are kept, how the partition stands is not changed. */
  readonly unfinished?: true
  readonly report: {
    readonly partition: string
    readonly outcome: 'done' | 'unchanged' | 'open' | 'failed' | 'stopped' | 'notRun'
    readonly ms: number
    readonly steps: readonly LedgerStep[]
    readonly error?: { readonly message: string }
  }
}

/** A partition as the ledger last saw it. */
export interface PartitionRow {
  readonly pipeline: string
  readonly partition: string
  readonly state: PartitionState
  /** UTC, ISO 8601. */
  readonly at: string
  readonly run?: string
  readonly inputKey?: string
  readonly error?: string
}

export interface RunRow {
  readonly run: string
  readonly pipeline: string
  readonly profile: string
  readonly startedAt: string
  /** Absent while it runs, and for a run that was killed. */
  readonly endedAt?: string
  readonly outcome?: string
  readonly exitCode?: number
  readonly versions: Readonly<Record<string, string>>
}

/** What commit points and run records say, to fill an empty ledger with. */
export interface LedgerFacts {
  readonly runs: readonly RunRow[]
  readonly steps: readonly (LedgerStep & { readonly run: string })[]
  readonly partitions: readonly PartitionRow[]
}

/**
 * The index for people: what ran, when, how long, and how each partition stands. Never the truth, which is in the commit points: nothing is decided by it, deleting it is harmless, and `rebuild`
 * fills it again. Several processes may write at once.
 */
export interface Ledger extends Disposable {
  beginRun(run: RunBegun): void
  endRun(run: RunEnded): void
  /** A partition that was not run changes nothing; of one that was stopped the steps are kept, and it stands as before. */
  endPartition(ended: PartitionEnded): void
  /** Partitions of a pipeline (absent: of all), by pipeline and name. */
  partitions(pipeline?: string): readonly PartitionRow[]
  /** The newest runs first. */
  runs(pipeline?: string, limit?: number): readonly RunRow[]
  steps(run: string): readonly LedgerStep[]
  /** Replaces everything, in one transaction. */
  rebuild(facts: LedgerFacts): void
  close(): void
}

const BUSY_MS = 10_000
const SCHEMA = `
CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, pipeline TEXT NOT NULL, profile TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, outcome TEXT, exit_code INTEGER, versions TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS steps (run TEXT NOT NULL, partition TEXT NOT NULL, stage TEXT NOT NULL, dataset TEXT NOT NULL, target TEXT, outcome TEXT NOT NULL, rows INTEGER, bytes INTEGER, ms REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS partitions (pipeline TEXT NOT NULL, partition TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL, run TEXT, input_key TEXT, error TEXT, PRIMARY KEY (pipeline, partition)) STRICT;
CREATE INDEX IF NOT EXISTS steps_of_run ON steps (run);
CREATE INDEX IF NOT EXISTS runs_of_pipeline ON runs (pipeline, started_at);`

/** Opens the ledger, making it where there is none. One that is damaged is put aside as `<file>.damaged` and begun anew: `ledger rebuild` fills it. */
export function openLedger(file: string): Ledger {
  try {
    mkdirSync(dirname(file), { recursive: true })
    try {
      return ledgerOver(openDatabase(file), file)
    } catch (error) {
      if (!isDamaged(error)) throw error
      for (const end of ['-wal', '-shm', '']) moveAside(`${file}${end}`)
      return ledgerOver(openDatabase(file), file)
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

/** Opens the ledger to be read alone, where its folder may not be written: nothing is made or changed. One that is not there, or is not whole, is empty. */
export function readLedger(file: string): Ledger {
  // Without its shared memory, which nobody can make there, a ledger is read as a file that nobody changes.
  for (const path of [file, `${pathToFileURL(file).href}?immutable=1`]) {
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS })
      for (const table of ['runs', 'steps', 'partitions']) database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get()
      return ledgerOver(database, file)
    } catch {
      database?.close()
    }
  }
  return ledgerOver(openDatabase(':memory:'), file)
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_MS })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
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

function ledgerOver(database: DatabaseSync, file: string): Ledger {
  let open = true
  const refusing = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw refusedBySqlite(error, file)
    }
  }
  const all = (sql: string, ...values: SQLInputValue[]) => refusing(() => database.prepare(sql).all(...values))
  const change = (sql: string, ...values: SQLInputValue[]) => refusing(() => void database.prepare(sql).run(...values))

  function together(work: () => void): void {
    refusing(() => database.exec('BEGIN IMMEDIATE'))
    try {
      work()
      refusing(() => database.exec('COMMIT'))
    } catch (error) {
      // After a fault of the disk SQLite has rolled back itself.
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
  const putRun = (run: RunRow) =>
    change(
      'INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ...[run.run, run.pipeline, run.profile, run.startedAt, run.endedAt ?? null, run.outcome ?? null, run.exitCode ?? null],
      JSON.stringify(run.versions),
    )
  const putStep = (run: string, step: LedgerStep) =>
    change(
      'INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[run, step.partition, step.stage, step.dataset, step.target ?? null, step.outcome, step.rows ?? null, step.bytes ?? null, step.ms],
    )
  const putPartition = (row: PartitionRow) =>
    change(
      'INSERT OR REPLACE INTO partitions VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[row.pipeline, row.partition, row.state, row.at, row.run ?? null, row.inputKey ?? null, row.error ?? null],
    )
  const close = () => {
    if (!open) return
    open = false
    database.close()
  }

  return {
    beginRun: ({ startedAt, ...run }) => putRun({ ...run, startedAt: startedAt.toISOString() }),
    endRun: ({ run, endedAt, outcome, exitCode }) =>
      change('UPDATE runs SET ended_at = ?, outcome = ?, exit_code = ? WHERE run = ?', endedAt.toISOString(), outcome, exitCode, run),
    endPartition: ({ run, pipeline, at, inputKey, unfinished, report }) => {
      const { partition, outcome, steps, error } = report
      if (outcome === 'notRun') return
      together(() => {
        for (const step of steps) putStep(run, step)
        if (unfinished || outcome === 'stopped') return
        putPartition({
          ...{ pipeline, partition, run, at: at.toISOString(), state: outcome === 'unchanged' ? 'done' : outcome },
          ...(inputKey !== undefined && { inputKey }),
          ...(error && { error: error.message }),
        })
      })
    },
    partitions: (pipeline) =>
      all(
        `SELECT pipeline, partition, state, at, run, input_key AS "inputKey", error FROM partitions WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY pipeline, partition`,
        pipeline ?? null,
      ).map((row) => present<PartitionRow>(row)),
    runs: (pipeline, limit = 100) =>
      all(
        `SELECT run, pipeline, profile, started_at AS "startedAt", ended_at AS "endedAt", outcome, exit_code AS "exitCode", versions FROM runs
         WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY started_at DESC, run DESC LIMIT ?2`,
        pipeline ?? null,
        limit,
      ).map((row) => ({ ...present<RunRow>(row), versions: JSON.parse(String(row.versions)) })),
    steps: (run) =>
      all('SELECT stage, partition, dataset, target, outcome, rows, bytes, ms FROM steps WHERE run = ? ORDER BY rowid', run).map((row) =>
        present<LedgerStep>(row),
      ),
    rebuild: ({ runs, steps, partitions }) =>
      together(() => {
        database.exec('DELETE FROM runs; DELETE FROM steps; DELETE FROM partitions')
        runs.forEach(putRun)
        for (const { run, ...step } of steps) putStep(run, step)
        partitions.forEach(putPartition)
      }),
    close,
    [Symbol.dispose]: close,
  }
}

/** A row without its NULLs. The columns are those that the SELECT beside it names. */
function present<Row>(row: Record<string, unknown>): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Row
}
