import { join } from 'node:path'
import type { Store } from '../../connectors/store.ts'
import type { Dataset } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { quoteIdentifier, quoteList, quoteLiteral } from '../../core/quote.ts'
import { parquetFromOwnArrow } from '../../engines/polars.ts'
import { readCsv } from '../../formats/csv.ts'
import { readParquet } from '../../formats/parquet.ts'
import type { FormatContract } from '../contract/export.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { FORMS } from '../write/file-forms.ts'
import { deliverySelect } from '../write/rows.ts'
import { typedSelect } from '../write/typed-rows.ts'
import { spoolFile } from './spool-file.ts'

/** One of two deliveries that are compared: a relation of all its rows as texts, NULL where a value is NULL. */
export interface Side {
  readonly rows: number
  /** The contract's columns, in its order. */
  readonly columns: readonly string[]
  /** What stands after FROM. */
  readonly sql: string
  /** The SQL of a column. */
  column(name: string): string
}

/** A dataset as it is delivered under a contract; undefined for formats whose files alone say what is in them. */
export function sideOfDataset(dataset: Dataset, contract: FormatContract): Side | undefined {
  if (contract.format !== 'csv' && contract.format !== 'parquet') return undefined
  const columns = Object.keys(contract.columns)
  const places = columns.map((_, i) => `c${i}`)
  const select = contract.format === 'csv' ? deliverySelect(dataset, contract, true) : typedSelect(dataset, contract, true)
  return sideOf(dataset.rows, columns, `(SELECT ${textsOf(places)} FROM (${select}) AS t(${places.join(', ')}))`)
}

/**
 * What is delivered, read back from the store: its files are brought into `folder`.
 * @throws NotFound, or PermanentError, where a file is not what its manifest says
 */
export async function sideOfDelivery(manifest: DeliveryManifest, store: Store, folder: string, signal: AbortSignal): Promise<Side> {
  const { contract, files, rows } = manifest
  const columns = contract.columns.map(({ name }) => name)
  if (rows === 0) return sideOf(0, columns, `(SELECT ${columns.map((_, i) => `CAST(NULL AS VARCHAR) AS c${i}`).join(', ')} WHERE false)`)
  const spooled: string[] = []
  for (const [i, file] of files.entries()) {
    const path = join(folder, `${i + 1}${FORMS[contract.format].ending}`)
    await spoolFile(file, contract, store, path, signal)
    if (contract.format !== 'arrow') spooled.push(path)
    else {
      await parquetFromOwnArrow(path, `${path}.parquet`)
      spooled.push(`${path}.parquet`)
    }
  }
  return sideOf(rows, columns, relationOf(contract, spooled))
}

/** Spooled files as texts under the names `c0`, `c1`, … */
function relationOf(contract: DeliveryManifest['contract'], files: readonly string[]): string {
  switch (contract.format) {
    case 'csv': {
      const { delimiter, quote, escape: before, header, columns } = contract
      const csv = { delimiter, quote, escape: before, nulls: [contract.null], header }
      return readCsv(files, columns.length, { format: 'csv', compression: 'none', encoding: 'utf-8', csv })
    }
    case 'ndjson':
      return `(SELECT ${textsOf(contract.columns.map(({ name }) => quoteIdentifier(name)))} FROM ${linesOf(contract, files)})`
    case 'xlsx':
      throw new ConfigError('Excel workbooks cannot be compared', { hint: 'compare the same table in another format' })
    case 'arrow':
    case 'parquet':
      return `(SELECT ${textsOf(contract.columns.map(({ name }) => quoteIdentifier(name)))} FROM ${readParquet(files)})`
  }
}

/** Lines of JSON, each value as its text. */
function linesOf({ columns }: DeliveryManifest['contract'], files: readonly string[]): string {
  const fields = columns.map(({ name }) => `${quoteLiteral(name)}: 'VARCHAR'`)
  return `read_json(${quoteList(files)}, auto_detect = false, format = 'newline_delimited', records = 'true', compression = 'uncompressed', maximum_object_size = ${LINE_BYTES}, columns = {${fields.join(', ')}})`
}

// What a row of a delivery has at most.
const LINE_BYTES = 2 ** 24

function textsOf(columns: readonly string[]): string {
  return columns.map((column, i) => `CAST(${column} AS VARCHAR) AS c${i}`).join(', ')
}

function sideOf(rows: number, columns: readonly string[], sql: string): Side {
  return { rows, columns, sql, column: (name) => `c${columns.indexOf(name)}` }
}
