import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { openLedgerFile, readLedgerFile } from './ledger-file.ts'
import type {
  AttemptRow,
  CellRow,
  LedgerFacts,
  LedgerStep,
  PartitionBegun,
  PartitionEnded,
  PartitionRow,
  RunBegun,
  RunEnded,
  RunRow,
} from './ledger-rows.ts'
import { refusedBySqlite } from './sqlite-faults.ts'

/**
 * The index for people: what ran, when, how long, in how much memory, and how each partition stands. Never the truth, which is in the commit points: nothing is decided by it, deleting it is harmless, and `rebuild`
 * fills it again. Several processes may write at once.
 */
export interface Ledger extends Disposable {
  beginRun(run: RunBegun): void
  endRun(run: RunEnded): void
  /** Called when a partition's lock is held, once for each attempt; `endPartition` follows, unless the process is killed. */
  beginPartition(begun: PartitionBegun): void
  /** A partition that was not run changes nothing; of one that was stopped the steps are kept, and it stands as before. */
  endPartition(ended: PartitionEnded): void
  /** Partitions of a pipeline (absent: of all), by pipeline and name. */
  partitions(pipeline?: string): readonly PartitionRow[]
  /** How often each partition that was ever begun was tried, and which run has begun it. */
  attempts(pipeline: string): readonly AttemptRow[]
  /** What each stage did last on each dataset of each partition, by partition. */
  cells(pipeline: string): readonly CellRow[]
  /** The newest runs first. */
  runs(pipeline?: string, limit?: number): readonly RunRow[]
  steps(run: string): readonly LedgerStep[]
  /** Replaces everything, in one transaction. */
  rebuild(facts: LedgerFacts): void
  close(): void
}

/** Opens the ledger, making it where there is none. One that is damaged is put aside as `<file>.damaged` and begun anew: `ledger rebuild` fills it. */
export function openLedger(file: string): Ledger {
  return ledgerOver(openLedgerFile(file), file)
}

/** Opens the ledger to be read alone, where its folder may not be written: nothing is made or changed. One that is not there, or is not whole, is empty. */
export function readLedger(file: string): Ledger {
  return ledgerOver(readLedgerFile(file), file)
}

/** Of a step that had nothing to do the outcome is kept, and the figures of the one before. */
const PUT_CELL = `
INSERT INTO cells (pipeline, partition, stage, dataset, target, outcome, at, run, attempts, error, input_key, rows, bytes, ms, input_rows, input_bytes, peak_bytes, spilled_bytes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET outcome = excluded.outcome, at = excluded.at, run = excluded.run, error = excluded.error,
  attempts = CASE WHEN cells.outcome = 'failed' THEN cells.attempts + 1 ELSE 1 END,
  input_key = coalesce(excluded.input_key, input_key), rows = coalesce(excluded.rows, rows), bytes = coalesce(excluded.bytes, bytes), ms = coalesce(excluded.ms, ms),
  input_rows = coalesce(excluded.input_rows, input_rows), input_bytes = coalesce(excluded.input_bytes, input_bytes),
  peak_bytes = coalesce(excluded.peak_bytes, peak_bytes), spilled_bytes = CASE WHEN excluded.peak_bytes IS NULL THEN spilled_bytes ELSE excluded.spilled_bytes END`

/** It found everything as it was: when and by whom it was made stays. */
const CONFIRM_CELL = `
INSERT INTO cells (pipeline, partition, stage, dataset, target, outcome, at, run, attempts, rows) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET outcome = CASE WHEN outcome = 'failed' THEN excluded.outcome ELSE outcome END, error = NULL`

const BEGIN_PARTITION = `
INSERT INTO attempts (pipeline, partition, attempts, run, since) VALUES (?1, ?2, 1, ?3, ?4)
ON CONFLICT DO UPDATE SET run = excluded.run, since = excluded.since, attempts = 1 +
  CASE WHEN run IS NULL AND (SELECT state FROM partitions p WHERE p.pipeline = ?1 AND p.partition = ?2) IN ('done', 'open') THEN 0 ELSE attempts END`

const CELLS = `SELECT pipeline, partition, stage, dataset, target, outcome, at, run, attempts, error, input_key AS "inputKey", rows, bytes, ms, input_rows AS "inputRows",
  input_bytes AS "inputBytes", peak_bytes AS "peakBytes", spilled_bytes AS "spilledBytes" FROM cells WHERE pipeline = ? ORDER BY partition`

const STEPS = `SELECT stage, partition, dataset, "of", target, outcome, rows, bytes, ms, input_rows AS "inputRows", input_bytes AS "inputBytes", input_key AS "inputKey", peak_bytes AS "peakBytes",
  spilled_bytes AS "spilledBytes" FROM steps WHERE run = ? ORDER BY rowid`

function ledgerOver(database: DatabaseSync, file: string): Ledger {
  let open = true
  const refusing = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw refusedBySqlite(error, file)
    }
  }
  type Value = SQLInputValue | undefined
  const given = (values: readonly Value[]) => values.map((value) => value ?? null)
  const all = (sql: string, ...values: Value[]) => refusing(() => database.prepare(sql).all(...given(values)))
  const change = (sql: string, ...values: Value[]) => refusing(() => void database.prepare(sql).run(...given(values)))

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
      'INSERT OR REPLACE INTO runs (run, pipeline, profile, started_at, ended_at, outcome, exit_code, versions, forecast) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[run.run, run.pipeline, run.profile, run.startedAt, run.endedAt, run.outcome, run.exitCode, JSON.stringify(run.versions)],
      run.forecast && JSON.stringify(run.forecast),
    )
  const putStep = (run: string, step: LedgerStep) =>
    change(
      `INSERT INTO steps (run, partition, stage, dataset, "of", target, outcome, rows, bytes, ms, input_rows, input_bytes, input_key, peak_bytes, spilled_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[run, step.partition, step.stage, step.dataset, step.of, step.target, step.outcome, step.rows, step.bytes, step.ms],
      ...[step.inputRows, step.inputBytes, step.inputKey, step.peakBytes, step.spilledBytes],
    )
  const putCell = ({ run, pipeline, at, report }: PartitionEnded, step: LedgerStep) => {
    const { stage, dataset, outcome, rows, ms } = step
    const key = [pipeline, step.of ?? step.partition, stage, dataset, step.target ?? '', outcome, at.toISOString(), run]
    if (outcome === 'stopped') return
    if (outcome === 'unchanged' || outcome === 'skipped') return change(CONFIRM_CELL, ...key, rows)
    const error = outcome === 'failed' ? report.error?.message : undefined
    change(PUT_CELL, ...key, error, step.inputKey, rows, step.bytes, ms, step.inputRows, step.inputBytes, step.peakBytes, step.spilledBytes)
  }
  const putPartition = (row: PartitionRow) =>
    change(
      'INSERT OR REPLACE INTO partitions (pipeline, partition, state, at, run, input_key, error) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[row.pipeline, row.partition, row.state, row.at, row.run, row.inputKey, row.error],
    )
  const beginPartition = ({ run, pipeline, partition, at }: PartitionBegun) =>
    change(BEGIN_PARTITION, pipeline, partition, run, at.toISOString())
  const endPartition = (ended: PartitionEnded) => {
    const { run, pipeline, at, inputKey, unfinished, report } = ended
    const { partition, outcome, steps, error } = report
    // A person has stopped it: that was no attempt.
    const tried = outcome === 'stopped' || outcome === 'notRun' ? 1 : 0
    change(
      'UPDATE attempts SET run = NULL, since = NULL, attempts = attempts - ? WHERE pipeline = ? AND partition = ? AND run = ?',
      ...[tried, pipeline, partition, run],
    )
    if (outcome === 'notRun') return
    for (const step of steps) {
      putStep(run, step)
      putCell(ended, step)
    }
    if (unfinished || outcome === 'stopped') return
    putPartition({
      ...{ pipeline, partition, run, at: at.toISOString(), state: outcome === 'unchanged' ? 'done' : outcome },
      ...(inputKey !== undefined && { inputKey }),
      ...(error && { error: error.message }),
    })
  }
  const close = () => {
    if (!open) return
    open = false
    database.close()
  }

  return {
    beginRun: ({ startedAt, ...run }) => putRun({ ...run, startedAt: startedAt.toISOString() }),
    endRun: ({ run, endedAt, outcome, exitCode, forecast }) =>
      change(
        'UPDATE runs SET ended_at = ?, outcome = ?, exit_code = ?, forecast = ? WHERE run = ?',
        ...[endedAt.toISOString(), outcome, exitCode, forecast && JSON.stringify(forecast), run],
      ),
    beginPartition,
    endPartition: (ended) => together(() => endPartition(ended)),
    partitions: (pipeline) =>
      all(
        `SELECT pipeline, partition, state, at, run, input_key AS "inputKey", error FROM partitions WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY pipeline, partition`,
        pipeline,
      ).map((row) => present<PartitionRow>(row)),
    attempts: (pipeline) =>
      all('SELECT pipeline, partition, attempts, run, since FROM attempts WHERE pipeline = ? ORDER BY partition', pipeline).map((row) =>
        present<AttemptRow>(row),
      ),
    cells: (pipeline) => all(CELLS, pipeline).map((row) => present<CellRow>(row)),
    runs: (pipeline, limit = 100) =>
      all(
        `SELECT run, pipeline, profile, started_at AS "startedAt", ended_at AS "endedAt", outcome, exit_code AS "exitCode", versions, forecast FROM runs
         WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY started_at DESC, run DESC LIMIT ?2`,
        pipeline,
        limit,
      ).map((row) => ({
        ...present<RunRow>(row),
        versions: JSON.parse(String(row.versions)),
        ...(row.forecast !== null && { forecast: JSON.parse(String(row.forecast)) }),
      })),
    steps: (run) => all(STEPS, run).map((row) => present<LedgerStep>(row)),
    rebuild: ({ runs, ended, partitions }) =>
      together(() => {
        for (const table of ['runs', 'steps', 'partitions', 'attempts', 'cells']) database.exec(`DELETE FROM ${table}`)
        runs.forEach(putRun)
        for (const each of ended) {
          beginPartition({ ...each, partition: each.report.partition })
          endPartition(each)
        }
        database.exec('DELETE FROM partitions')
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
