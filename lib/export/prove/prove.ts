import type { Dataset } from '../../core/dataset.ts'
import { type ErrorOptions, PermanentError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB, MetaRow } from '../../engines/duckdb.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import type { CsvSums } from '../../formats/csv-sums.ts'
import type { FormatContract } from '../contract/export.ts'
import { comparedValue } from './proved-values.ts'

/** The rows of a dataset under a contract. */
export interface Rows {
  readonly dataset: Dataset
  readonly contract: FormatContract
}

/** What is to be proved: these rows were written, in the order whose sum `checkTotalOrder` gave. */
export interface Claim extends Rows {
  readonly order: bigint
}

/** Sums up a dataset's own Parquet files as `prove` wants them, in one scan: rows, NULLs and empty texts of each column, the hash of all values row by row. */
export async function claimedSums({ dataset, contract }: Rows, db: DuckDB, signal: AbortSignal): Promise<MetaRow> {
  const proved = provedColumns(contract)
  const counts = proved.flatMap(({ kind }, i) => [
    `count(*) - count(v${i}) AS n${i}`,
    `${kind === 'text' ? `count(*) FILTER (WHERE v${i} = '')` : 0} AS e${i}`,
  ])
  const row = `hash(${proved.map((_, i) => `v${i}`).join(', ')})`
  const [found] = await db.meta(
    `SELECT count(*) AS rows, ${sumOf(`hash(${row})`)} AS content, ${counts.join(', ')} FROM ${valuesOf(dataset, contract)}`,
    undefined,
    signal,
  )
  return found ?? {}
}

function provedColumns(contract: FormatContract) {
  return Object.keys(contract.columns).map((name) => ({ name, ...comparedValue(name, contract) }))
}

/** Each column as it is compared: `v0`, `v1`, … */
function valuesOf(dataset: Dataset, contract: FormatContract): string {
  const values = provedColumns(contract).map(({ name, of }, i) => `${of(`t.${quoteIdentifier(name)}`)} AS v${i}`)
  return `(SELECT ${values.join(', ')} FROM (${relationOfFiles(contract.columns, dataset.files)}) AS t)`
}

/**
 * Holds what was read back against the dataset's own sums, and the order. The hashes of single columns are looked at only where that of the rows differs, to say which column it is.
 * @throws PermanentError naming the first column that is not the dataset's
 */
export async function prove(
  read: CsvSums,
  sums: MetaRow,
  { dataset, contract, order }: Claim,
  db: DuckDB,
  signal: AbortSignal,
): Promise<void> {
  const proved = provedColumns(contract)
  if (read.rows !== Number(sums.rows)) throw mismatch(`it has ${read.rows} rows, and the dataset has ${sums.rows}`)
  for (const [i, { name }] of proved.entries()) {
    const { nulls, empty } = read.columns[i] ?? {}
    if (nulls !== Number(sums[`n${i}`]))
      throw mismatch(`"${name}" is NULL in ${nulls} rows, and in ${sums[`n${i}`]} of the dataset`, { column: name })
    if (empty !== Number(sums[`e${i}`]))
      throw mismatch(`"${name}" is the empty text in ${empty} rows, and in ${sums[`e${i}`]} of the dataset`, { column: name })
  }
  if (read.content !== BigInt(sums.content ?? 0)) {
    const [hashes] = await db.meta(
      `SELECT ${proved.map((_, i) => `${sumOf(`hash(v${i})`)} AS h${i}`).join(', ')} FROM ${valuesOf(dataset, contract)}`,
      undefined,
      signal,
    )
    const other = proved.filter((_, i) => read.columns[i]?.hash !== BigInt(hashes?.[`h${i}`] ?? 0)).map(({ name }) => name)
    const [column] = other
    if (column === undefined) throw mismatch('each column has its values, but they stand in other rows')
    throw mismatch(`${other.map((name) => `"${name}"`).join(', ')} ${other.length === 1 ? 'has' : 'have'} other values`, { column })
  }
  if (read.order !== order) throw mismatch(`its rows are not in the order of ${contract.orderBy.join(', ')}`)
}

/** The SQL of where a row stands, summed up: of the values of its key, in SQL, and of its number, from 1 on. */
export function orderSum(
  keys: readonly { readonly name: string; readonly value: string }[],
  number: string,
  contract: FormatContract,
): string {
  const values = keys.map(({ name, value }) => comparedValue(name, contract).of(value))
  return sumOf(`hash(hash(${[...values, number].join(', ')}))`)
}

/** A sum of hashes modulo 2⁶⁴, as text. */
export function sumOf(hash: string): string {
  return `CAST(coalesce(sum(${hash}), 0) % 18446744073709551616 AS VARCHAR)`
}

/** What was read of several files of one delivery, whose readers were told how many rows came before. */
export function readTogether(files: readonly CsvSums[]): CsvSums {
  const [first, ...rest] = files
  if (!first) throw new RangeError('no file was read')
  const sum = (a: bigint, b: bigint) => BigInt.asUintN(64, a + b)
  return rest.reduce(
    (all, file) => ({
      rows: all.rows + file.rows,
      content: sum(all.content, file.content),
      order: sum(all.order, file.order),
      columns: all.columns.map(({ nulls, empty, hash }, i) => ({
        nulls: nulls + (file.columns[i]?.nulls ?? 0),
        empty: empty + (file.columns[i]?.empty ?? 0),
        hash: sum(hash, file.columns[i]?.hash ?? 0n),
      })),
    }),
    first,
  )
}

/** The sums as a manifest has them: hashes as 16 hex digits. */
export function writtenProof(read: CsvSums, contract: FormatContract) {
  const hex = (hash: bigint) => hash.toString(16).padStart(16, '0')
  return {
    content: hex(read.content),
    order: hex(read.order),
    columns: Object.keys(contract.columns).map((name, i) => {
      const { nulls = 0, empty = 0, hash = 0n } = read.columns[i] ?? {}
      return { name, nulls, empty, hash: hex(hash) }
    }),
  }
}

function mismatch(what: string, place: ErrorOptions = {}): PermanentError {
  return new PermanentError(`what was written is not the dataset: ${what}`, {
    ...place,
    hint: 'nothing is published; run again, and if it comes again report it with the contract: millrace or its engine is at fault',
  })
}
