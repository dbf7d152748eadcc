import { join } from 'node:path'
import type { Store } from '../../connectors/store.ts'
import type { Dataset } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import { readArrowInParts } from '../../engines/polars-read.ts'
import { duckdbTypeFromText } from '../../engines/types.ts'
import { readCsv } from '../../formats/csv.ts'
import { readParquet } from '../../formats/parquet.ts'
import type { FormatContract } from '../contract/export.ts'
import { contractOf } from '../contract/written-contract.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { FORMS } from '../write/file-forms.ts'
import { deliverySelect } from '../write/rows.ts'
import { typedSelect } from '../write/typed-rows.ts'
import { plainType } from './plain-type.ts'
import { spoolFile } from './spool-file.ts'

/** All rows of a delivery, NULL where a value is NULL. */
export interface Relation {
  /** What stands after FROM. */
  readonly sql: string
  /** The SQL of a column. */
  column(name: string): string
}

/** One of two deliveries that are compared: a relation of texts. */
export interface Side extends Relation {
  readonly rows: number
  /** The contract's columns, in its order. */
  readonly columns: readonly string[]
  /** The type of a column whose values say as much as its texts, see `plainType`. Absent: texts alone are sure. */
  readonly plain?: (name: string) => string | undefined
  /** The same rows in the same columns, these of which, all plain, are values of their types: reading and hashing those takes less than half. */
  readonly withValues?: (plain: readonly string[]) => Relation
}

/** A dataset as it is delivered under a contract; undefined for formats whose files alone say what is in them. */
export function sideOfDataset(dataset: Dataset, contract: FormatContract): Side | undefined {
  if (contract.format !== 'csv' && contract.format !== 'parquet') return undefined
  const places = Object.keys(contract.columns).map((_, i) => `c${i}`)
  const select = contract.format === 'csv' ? deliverySelect(dataset, contract, true) : typedSelect(dataset, contract, true)
  return sideOf(
    dataset.rows,
    contract,
    (plain) => `(SELECT ${columnsOf(contract, places, plain)} FROM (${select}) AS t(${places.join(', ')}))`,
  )
}

/**
 * What is delivered, read back from the store: its files are brought into `folder`.
 * @throws NotFound, or PermanentError, where a file is not what its manifest says
 */
export async function sideOfDelivery(manifest: DeliveryManifest, store: Store, folder: string, signal: AbortSignal): Promise<Side> {
  const { files, rows } = manifest
  const contract = contractOf(manifest.contract)
  const none = Object.keys(contract.columns).map(() => 'NULL')
  if (rows === 0) return sideOf(0, contract, () => `(SELECT ${columnsOf(contract, none)} WHERE false)`)
  const spooled: string[] = []
  for (const [i, file] of files.entries()) {
    const path = join(folder, `${i + 1}${FORMS[contract.format].ending}`)
    await spoolFile(file, manifest.contract, store, path, signal)
    spooled.push(...(contract.format === 'arrow' ? await readArrowInParts(path, path) : [path]))
  }
  return sideOf(rows, contract, (plain) => relationOf(contract, spooled, plain))
}

/** Spooled files under the names `c0`, `c1`, …: texts, but the columns that are asked for as values. */
function relationOf(contract: FormatContract, files: readonly string[], plain: readonly string[]): string {
  const names = Object.keys(contract.columns).map(quoteIdentifier)
  switch (contract.format) {
    case 'csv': {
      const { delimiter, quote, escape: before, header, columns } = contract
      const csv = { delimiter, quote, escape: before, nulls: [contract.null], header }
      const types = Object.entries(columns).map(([name, type]) => (plain.includes(name) ? duckdbTypeFromText(type) : 'VARCHAR'))
      return readCsv(files, types, { format: 'csv', compression: 'none', encoding: 'utf-8', csv })
    }
    case 'ndjson':
      return `(SELECT ${columnsOf(contract, names)} FROM ${linesOf(Object.keys(contract.columns), files)})`
    case 'xlsx':
      throw new ConfigError('Excel workbooks cannot be compared', { hint: 'compare the same table in another format' })
    case 'arrow':
    case 'parquet':
      return `(SELECT ${columnsOf(contract, names, plain)} FROM ${readParquet(files)})`
  }
}

/** Lines of JSON, each value as its text. */
function linesOf(names: readonly string[], files: readonly string[]): string {
  const fields = names.map((name) => `${quoteLiteral(name)}: 'VARCHAR'`)
  return `read_json(${quoteList(files)}, auto_detect = false, format = 'newline_delimited', records = 'true', compression = 'uncompressed', maximum_object_size = ${LINE_BYTES}, columns = {${fields.join(', ')}})`
}

// What a row of a delivery has at most.
const LINE_BYTES = 2 ** 24

/** The SELECT list of `c0`, `c1`, … from the SQL of each column. */
function columnsOf({ columns }: FormatContract, sql: readonly string[], plain: readonly string[] = []): string {
  return Object.keys(columns)
    .map((name, i) => (plain.includes(name) ? `${sql[i]} AS c${i}` : `CAST(${sql[i]} AS VARCHAR) AS c${i}`))
    .join(', ')
}

function sideOf(rows: number, contract: FormatContract, sql: (plain: readonly string[]) => string): Side {
  const columns = Object.keys(contract.columns)
  const relation = (plain: readonly string[]): Relation => ({ sql: sql(plain), column: (name) => `c${columns.indexOf(name)}` })
  return { ...relation([]), rows, columns, plain: (name) => plainType(name, contract), withValues: relation }
}
