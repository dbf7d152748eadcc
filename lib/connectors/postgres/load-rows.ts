import { CheckError, ConfigError, OutrunError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { deletesAnyones, refuseOtherWriter } from '../other-writers.ts'
import type { LoadReceipt, LoadRequest, Token } from '../warehouse.ts'
import type { Filled } from './fill-by-two.ts'
import { adoptFilling, sweepFillings } from './filling.ts'
import { missingColumns, requireLoadable } from './fit-table.ts'
import { buildIndexes, dropIndexes } from './indexes.ts'
import { requireGone } from './kept-rows.ts'
import type { LoadSession } from './load-session.ts'
import type { Settings } from './options.ts'
import { ownRows, referenceTo } from './own-rows.ts'
import { addOwnColumns, FROM_SETTINGS, hasDefaults, setOwnValues, valuesThemselves } from './own-values.ts'
import { addColumns, createTable, describeTable, type Table } from './tables.ts'
import { forgetTokens, otherWriter, readToken, sameToken, tokensOf } from './tokens.ts'
import { releaseTurns, takeTurn } from './turn.ts'
import { insertRows, mergeRows, type Work } from './write-rows.ts'

/**
 * Everything of a load but its token, inside the transaction: the turn at the table, the token that must still be the expected one, the table made, adopted or evolved, the rows, the indexes and keys after them. A table that was filled
 * before (`filled`) is adopted where the target is not there and nobody has it open; else the rows come as they do without one.
 * @throws ConfigError, CheckError, TransientError as the contract of `Warehouse` says, the driver's error otherwise
 */
export async function loadRows(work: Work, settings: Settings, filled?: Filled): Promise<LoadReceipt> {
  const { session, request, name, ctx } = work
  const { dataset, table, disposition, token } = request
  await takeTurn(work, settings)
  if (filled) await releaseTurns(session)
  await sweepFillings(session, { table, settings }, filled?.filling, ctx)
  const existing = await describeTable(session, settings.schema, table)
  if (!existing) await forgetTokens(session, settings.schema, table)
  await requireToken(session, settings, token, request.expected)
  await refuseOthersRows(work, settings, token)
  if (existing) requireLoadable(existing, table, Object.keys(dataset.columns))
  const { schema } = settings
  const added = existing
    ? await missingColumns(session, { schema, table }, { ...existing, there: existing.columns, given: dataset.columns })
    : []
  const adopted = !existing && filled && (await adoptFilling(session, filled.filling, { table, settings })) ? filled : undefined
  if (existing) await addColumns(session, name, Object.fromEntries(added.map((column) => [column, dataset.columns[column] ?? ''])))
  else if (!adopted) await createTable(session, name, dataset.columns)
  const merging = existing && disposition.mode === 'merge'
  const { removed, indexes } = existing ? await makeRoom(work, settings, existing, token.partition) : { removed: 0, indexes: [] }
  const insert = async () =>
    adopted?.rows ?? insertRows(work, { made: !existing, filled: !existing || (await fillsItself(work, token.partition)) })
  const written = merging ? await mergeRows(work, disposition, existing) : { rows: await insert(), removed: 0, superseded: 0 }
  if (!existing) await addOwnColumns(session, name, valuesThemselves(token.partition, request.load), FROM_SETTINGS)
  if (written.rows + written.superseded !== dataset.rows) throw miscounted(request, written)
  if (existing) await buildIndexes(session, indexes)
  else await buildKeys(session, name, request)
  ctx.signal.throwIfAborted()
  return { rows: written.rows, superseded: written.superseded, removed: removed + written.removed, added }
}

/** Whether the table's defaults give `_partition` and `_load`; those of the transaction from now on. A table that others have made may have none, and to alter it would keep its readers waiting. */
async function fillsItself({ session, name, request }: Work, partition: string): Promise<boolean> {
  if (!(await hasDefaults(session, name, FROM_SETTINGS))) return false
  await setOwnValues(session, partition, request.load)
  return true
}

/** What the steps before and after the rows need of a load. */
export interface Turn extends Pick<Work, 'session' | 'name' | 'ctx'> {
  readonly request: Pick<LoadRequest, 'table' | 'disposition'>
}

/** @throws OutrunError when the token of the place is not the expected one any more */
export async function requireToken(
  session: LoadSession,
  { schema }: Settings,
  place: Pick<Token, 'pipeline' | 'table' | 'partition'>,
  expected: Token | undefined,
): Promise<void> {
  if (sameToken(await readToken(session, schema, place), expected)) return
  const { table, partition } = place
  throw new OutrunError(`another run has loaded "${table}"${partition && ` for ${partition}`} in the meantime`, {
    table,
    hint: 'run again: what is loaded already is left alone',
  })
}

/** @throws ConfigError when the disposition deletes rows and another pipeline has some in the table */
export async function refuseOthersRows(
  { session, request }: Turn,
  { schema }: Settings,
  place: Pick<Token, 'pipeline' | 'table'>,
): Promise<void> {
  if (deletesAnyones(request.disposition)) refuseOtherWriter(await otherWriter(session, schema, place), request, tokensOf(schema))
}

/** Deletes what the disposition replaces. DELETE, not TRUNCATE: a reader of an older snapshot would see an empty table. */
export async function makeRoom({ session, request, name, ctx }: Turn, settings: Settings, existing: Table, partition: string) {
  const { table, disposition } = request
  if (disposition.mode !== 'replace' && disposition.mode !== 'replacePartition') return { removed: 0, indexes: [] }
  await refuseCascades(session, existing, request)
  const rows = ownRows(name, existing)
  if (disposition.mode === 'replacePartition') {
    const deleted = await session.query(`DELETE FROM ${rows} WHERE _partition = $1`, [partition])
    await requireGone(session, { table, name }, `${rows} WHERE _partition = $1`, [partition])
    return { removed: deleted.count, indexes: [] }
  }
  const indexes = await dropIndexes(session, name, existing, settings)
  if (!indexes)
    ctx.emit({
      type: 'warning',
      stage: 'load',
      message: `"${table}" is in use: its indexes are kept up row by row, not built after the load`,
    })
  const deleted = await session.query(`DELETE FROM ${rows}`)
  await requireGone(session, { table, name }, rows)
  return { removed: deleted.count, indexes: indexes ?? [] }
}

/** A reference that follows its row would take other tables' rows away, or change them, when ours are replaced by the same ones. */
async function refuseCascades(session: LoadSession, existing: Table, { table, disposition }: Turn['request']): Promise<void> {
  const reference = await referenceTo(session, existing, true)
  if (reference)
    throw new ConfigError(
      `${disposition.mode} of "${table}" would delete or change rows of ${reference.by} by its constraint ${reference.constraint}`,
      {
        table,
        hint: `merge('${table}', { key }) updates rows in place; or let the constraint be NO ACTION DEFERRABLE INITIALLY DEFERRED`,
      },
    )
}

/** What a new table gets once its rows are there: the merge key as its primary key, an index by which a partition is found. */
export async function buildKeys(session: LoadSession, name: string, { disposition }: Pick<LoadRequest, 'disposition'>): Promise<void> {
  if (disposition.mode === 'merge')
    await session.query(`ALTER TABLE ${name} ADD PRIMARY KEY (${disposition.key.map(quoteIdentifier).join(', ')})`)
  if (disposition.mode === 'replacePartition') await session.query(`CREATE INDEX ON ${name} (_partition)`)
}

function miscounted({ table, dataset }: LoadRequest, { rows, superseded }: Pick<LoadReceipt, 'rows' | 'superseded'>): CheckError {
  const older = superseded > 0 ? ` and left out ${superseded} older ones` : ''
  return new CheckError(`"${table}" took ${rows} rows${older} where the dataset says ${dataset.rows}`, { table, dataset: dataset.name })
}
