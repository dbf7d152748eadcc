import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import { disk } from '../../core/disk.ts'
import { CheckError, ConfigError, messageOf, OutrunError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { addedColumns } from '../../engines/added-columns.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { tellRows } from '../../engines/query-progress.ts'
import { deletesAnyones, refuseOtherWriter } from '../other-writers.ts'
import type { LoadReceipt, LoadRequest } from '../warehouse.ts'
import type { Keeper } from './kept.ts'
import { withFile } from './open.ts'
import { checkNames, columnDefinitions, describeTable, requireLoadable } from './table.ts'
import { createTokens, forgetTokens, isCommitted, sameToken, TOKENS, tokensAt, writeToken } from './tokens.ts'
import { insertRows, mergeRows, type Target } from './write.ts'

/** So many are loaded by one thread as soon as by several, of which each that finds no work asks for it without a pause: 50,000 rows of ten columns take 51 CPU-ms, 80 with two. */
const FEW_ROWS = 250_000

/** How much of the log of several loads is moved into the file at once: each time the last rows of the table, which fill no row group yet, are written again. Until then they are in memory. DuckDB's own is 16 MB. */
const logKiB = (memoryBytes: number) => Math.floor(Math.min(64 * 2 ** 20, memoryBytes / 4) / 1024)

/** `Warehouse.load` for a DuckDB file. When COMMIT gives no clear answer the file is opened again and asked for this attempt's token: there it is, the load is done. With a `keeper` the file stays open for the next load. */
export async function loadFile(file: string, request: LoadRequest, ctx: RunContext, keeper?: Keeper): Promise<LoadReceipt> {
  checkNames(request.table, request.dataset.columns)
  if (request.table.toLowerCase() === TOKENS)
    throw new ConfigError(`table "${request.table}" is the warehouse's own`, { table: request.table })
  const attempt = randomUUID()
  const commit: { asked?: LoadReceipt } = {}
  try {
    const kept = keeper && { keeper, before: (db: DuckDB) => checkpoint(db, file, ctx) }
    return await withFile({ file, readOnly: false, ...(kept && { kept }) }, ctx, async (db) => {
      await db.run(`SET threads = ${request.dataset.rows > FEW_ROWS ? ctx.limits.threads : 1}`)
      if (keeper) await db.run(`SET checkpoint_threshold = '${logKiB(ctx.limits.memoryBytes)}KiB'`)
      const receipt = await inTransaction(
        db,
        ctx.signal,
        async () => {
          const of = { stage: 'load', dataset: request.dataset.name, target: request.table } as const
          using _told = await tellRows(db, request.dataset.rows, ctx, of)
          const written = await loadRows(db, request, ctx.signal)
          await writeToken(db, request.token, ctx.clock.now(), attempt)
          return written
        },
        (written) => {
          commit.asked = written
        },
      )
      delete commit.asked
      if (!(await isCommitted(db, attempt))) throw new Error(`the warehouse ${file} does not hold what it has committed`)
      if (!keeper) await checkpoint(db, file, ctx)
      return receipt
    })
  } catch (error) {
    if (commit.asked && (await committedAfterAll(file, attempt, ctx))) return commit.asked
    throw error
  }
}

async function inTransaction<T>(db: DuckDB, signal: AbortSignal, work: () => Promise<T>, beforeCommit: (result: T) => void): Promise<T> {
  await db.run('BEGIN TRANSACTION')
  let result: T
  try {
    result = await work()
    signal.throwIfAborted()
  } catch (error) {
    // A fault of the disk may have ended the transaction, and the engine, already.
    await db.run('ROLLBACK').catch(() => {})
    throw error
  }
  beforeCommit(result)
  await db.run('COMMIT')
  return result
}

async function loadRows(db: DuckDB, request: LoadRequest, signal: AbortSignal): Promise<LoadReceipt> {
  const { dataset, table, disposition, token } = request
  await createTokens(db)
  const existing = await describeTable(db, table)
  if (!existing) await forgetTokens(db, table)
  const { current, other } = await tokensAt(db, token)
  if (!sameToken(current, request.expected))
    throw new OutrunError(`another run has loaded "${table}"${token.partition && ` for ${token.partition}`} in the meantime`, {
      table,
      hint: 'run again: what is loaded already is left alone',
    })
  if (deletesAnyones(disposition)) refuseOtherWriter(other, request, TOKENS)
  const name = quoteIdentifier(table)
  if (existing) requireLoadable(existing, table)
  // DuckDB tells names apart without case.
  const likeness = { nameOf: (column: string) => column.toLowerCase() }
  const added = existing ? addedColumns(table, existing.columns, dataset.columns, likeness) : []
  const addedTypes = Object.fromEntries(added.map((column) => [column, dataset.columns[column] ?? '']))
  const target: Target = { table, name, isNew: !existing }

  let removed = 0
  if (!existing) await db.run(`CREATE TABLE ${name} (${columnDefinitions(dataset.columns)})`)
  else if (disposition.mode === 'replace') {
    // A new table in the old one's place, not DELETE: the file does not grow by the old rows, and views find the new table by its name.
    removed = await countRows(db, name)
    await db.run(`CREATE OR REPLACE TABLE ${name} (${columnDefinitions({ ...existing.columns, ...addedTypes })})`)
  } else {
    for (const column of added)
      await db.run(`ALTER TABLE ${name} ADD COLUMN ${columnDefinitions({ [column]: dataset.columns[column] ?? '' }, [])}`)
    if (disposition.mode === 'replacePartition')
      removed = await db.run(`DELETE FROM ${name} WHERE _partition = $partition`, { partition: token.partition }, signal)
  }
  const written =
    disposition.mode === 'merge'
      ? await mergeRows(db, target, request, disposition, signal)
      : { rows: await insertRows(db, target, request, '', signal), removed: 0, superseded: 0 }
  if (written.rows + written.superseded !== dataset.rows)
    throw new CheckError(
      `"${table}" took ${written.rows} rows${written.superseded > 0 ? ` and left out ${written.superseded} older ones` : ''} where the dataset says ${dataset.rows}`,
      { table, dataset: dataset.name },
    )
  return { rows: written.rows, superseded: written.superseded, removed: removed + written.removed, added }
}

async function countRows(db: DuckDB, name: string): Promise<number> {
  const [row] = await db.meta(`SELECT count(*) AS n FROM ${name}`)
  return Number(row?.n)
}

/** Moves the log into the file, so that the next one who opens it has nothing to replay. The commit stands without it; then the log's own name must last. */
async function checkpoint(db: DuckDB, file: string, ctx: RunContext): Promise<void> {
  try {
    await db.run('CHECKPOINT')
  } catch (error) {
    ctx.emit({
      type: 'warning',
      stage: 'load',
      message: `the warehouse's log stays until the next load: ${messageOf(error).split('\n')[0]}`,
    })
    await disk.syncFolder(dirname(file))
  }
}

async function committedAfterAll(file: string, attempt: string, ctx: RunContext): Promise<boolean> {
  try {
    return await withFile({ file, readOnly: true }, ctx, (db) => isCommitted(db, attempt))
  } catch {
    return false
  }
}
