import type { RunContext } from '../../core/context.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { MillraceError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { explainedRead } from '../../engines/dataset-faults.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { checkMergeKeys } from '../../engines/merge-keys.ts'
import type { LoadReceipt, LoadRequest } from '../warehouse.ts'
import { loadInAttempts, type Reach } from './attempts.ts'
import { fillerByTwo, type TwoConnections, worthTwo } from './fill-by-two.ts'
import { loadRows } from './load-rows.ts'
import type { LoadSession } from './load-session.ts'
import { checkNames } from './tables.ts'
import { columnType } from './write-rows.ts'

/** How a load reaches its server and reads its dataset. */
export interface LoadTarget extends Reach {
  /** A connection of the load's own. */
  readonly db: DuckDB
  /** `db` has postgres_scanner. */
  readonly extension: boolean
  /** When two connections fill a table that is not there. */
  readonly two: TwoConnections
}

/** `Warehouse.load` for PostgreSQL. */
export async function loadTable(target: LoadTarget, request: LoadRequest, ctx: RunContext): Promise<LoadReceipt> {
  const { table, dataset, token } = request
  const { settings, db, extension } = target
  checkNames(table, dataset.columns)
  const name = `${quoteIdentifier(settings.schema)}.${quoteIdentifier(table)}`
  const explain = (error: unknown) => explainedRead(refusedByDisk(error, ctx.workspace))
  try {
    await checkMerge(db, request, ctx.signal)
  } catch (error) {
    const why = ctx.signal.aborted && error === ctx.signal.reason ? error : explain(error)
    throw why instanceof MillraceError ? why.at({ table, dataset: dataset.name }) : why
  }
  const filler = worthTwo(target, request, ctx) ? fillerByTwo(target, request, ctx) : undefined
  const write = async (session: LoadSession) => ({
    receipt: await loadRows({ session, db, extension, request, name, ctx }, settings, filler?.filled()),
    token,
  })
  return loadInAttempts(target, { table, dataset: dataset.name, ...filler, write, explain }, ctx)
}

/** What can be known to be wrong with a merge before a server is asked. */
async function checkMerge(db: DuckDB, request: LoadRequest, signal: AbortSignal): Promise<void> {
  const { table, dataset, disposition } = request
  if (disposition.mode !== 'merge') return
  const { key, order } = disposition
  for (const column of order === undefined ? key : [...key, order]) columnType(request, column)
  await checkMergeKeys(db, { table, dataset, key }, signal)
}
