import { closeSync, openSync, writeSync } from 'node:fs'
import { messageOf, PermanentError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { duckdbType, parseType } from '../../engines/types.ts'
import type { CsvSums } from '../../formats/csv-sums.ts'
import { readParquet } from '../../formats/parquet.ts'
import type { FormatContract } from '../contract/export.ts'
import { orderColumns } from '../contract/order.ts'
import { typeInFile } from '../write/typed-rows.ts'
import { sumOf } from './prove.ts'
import { comparedValue } from './proved-values.ts'
import type { StoredReader } from './read-stored.ts'

/** How a file of a format that has types is read back. */
export interface TableReading {
  readonly db: DuckDB
  readonly contract: FormatContract
  readonly signal: AbortSignal
  /** A new file for the bytes. */
  readonly copy: string
  /** By something else than what wrote: SELECT of what the copy holds, `v0`, `v1`, … of the columns, and `n`, the row's number in the delivery, from 1 on. */
  readonly read: (copy: string) => Promise<string>
}

/** Keeps the bytes of one file while they go to the store; at their end another engine than the writer reads them, and what it has read is summed up as the dataset is. */
export function readTable({ db, contract, signal, copy, read }: TableReading): StoredReader {
  const file = openSync(copy, 'wx')
  let open = true
  const close = () => {
    if (open) closeSync(file)
    open = false
  }
  return {
    add: (chunk) => {
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at)
    },
    requireReadable: () => undefined,
    end: async () => {
      close()
      try {
        const rows = await read(copy)
        const session = await db.connect()
        try {
          return await sumsOf(session, contract, rows, signal)
        } finally {
          session.close()
        }
      } catch (cause) {
        signal.throwIfAborted()
        throw new PermanentError(`what was written cannot be read back: ${messageOf(cause).split('\n')[0]}`, {
          cause,
          hint: 'nothing is published; run again, and if it comes again report it with the contract: millrace or its engine is at fault',
        })
      }
    },
    stop: close,
  }
}

async function sumsOf(db: DuckDB, contract: FormatContract, rows: string, signal: AbortSignal): Promise<CsvSums> {
  const columns = Object.keys(contract.columns)
  const keys = orderColumns(contract).map(({ name }) => `v${columns.indexOf(name)}`)
  const each = columns.flatMap((name, i) => [
    `count(*) - count(v${i}) AS n${i}`,
    `${comparedValue(name, contract).kind === 'text' ? `count(*) FILTER (WHERE v${i} = '')` : 0} AS e${i}`,
    `${sumOf(`hash(v${i})`)} AS h${i}`,
  ])
  const row = `hash(${columns.map((_, i) => `v${i}`).join(', ')})`
  const stands = `hash(${[...keys, 'n'].join(', ')})`
  const [found] = await db.meta(
    `SELECT count(*) AS rows, ${sumOf(`hash(${row})`)} AS content, ${sumOf(`hash(${stands})`)} AS stands, ${each.join(', ')} FROM (${rows})`,
    undefined,
    signal,
  )
  return {
    rows: Number(found?.rows),
    content: BigInt(found?.content ?? 0),
    order: BigInt(found?.stands ?? 0),
    columns: columns.map((_, i) => ({
      nulls: Number(found?.[`n${i}`]),
      empty: Number(found?.[`e${i}`]),
      hash: BigInt(found?.[`h${i}`] ?? 0),
    })),
  }
}

/** The same of Parquet files that have the contract's columns, whoever wrote them. */
export function readParquetRows(files: readonly string[], contract: FormatContract, before = 0): string {
  const values = Object.entries(contract.columns).map(
    ([name, type], i) => `CAST(${quoteIdentifier(name)} AS ${duckdbType(typeInFile(parseType(type)))}) AS v${i}`,
  )
  return `SELECT ${values.join(', ')}, row_number() OVER () + ${before} AS n FROM ${readParquet(files)}`
}
