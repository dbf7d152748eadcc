import { closeSync, openSync, writeSync } from 'node:fs'
import { messageOf, PermanentError } from '../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { duckdbType, parseType } from '../engines/types.ts'
import type { CsvSums } from '../formats/csv-sums.ts'
import type { FormatContract } from './export.ts'
import { orderColumns } from './order.ts'
import { sumOf } from './prove.ts'
import type { StoredReader } from './read-stored.ts'
import { typeInFile } from './typed-rows.ts'

/** How a file of a format that has types is read back. */
export interface TableReading {
  readonly db: DuckDB
  readonly contract: FormatContract
  /** A new file for the bytes, and a new one for what was read of them. */
  readonly copy: string
  readonly parquet: string
  /** Another engine than the one that wrote: reads `copy`, and writes `parquet`. */
  readonly read: (copy: string, parquet: string) => Promise<void>
  /** Rows in the files before it. */
  readonly before: number
}

/** Keeps the bytes of one file while they go to the store; at their end another engine than the writer reads them, and what it has read is summed up as the dataset is. */
export function readTable({ db, contract, copy, parquet, read, before }: TableReading): StoredReader {
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
        await read(copy, parquet)
        const session = await db.connect()
        try {
          return await sumsOf(session, contract, parquet, before)
        } finally {
          session.close()
        }
      } catch (cause) {
        throw new PermanentError(`what was written cannot be read back: ${messageOf(cause).split('\n')[0]}`, {
          cause,
          hint: 'nothing is published; run again, and if it comes again report it with the contract: millrace or its engine is at fault',
        })
      }
    },
    stop: close,
  }
}

async function sumsOf(db: DuckDB, contract: FormatContract, parquet: string, before: number): Promise<CsvSums> {
  const columns = Object.entries(contract.columns).map(([name, text]) => ({
    name,
    isText: parseType(text).name === 'text',
    type: typeInFile(parseType(text)),
  }))
  const values = columns.map(({ name, type }, i) => `CAST(${quoteIdentifier(name)} AS ${duckdbType(type)}) AS v${i}`)
  const keys = orderColumns(contract).map((key) => `v${columns.findIndex(({ name }) => name === key.name)}`)
  const each = columns.flatMap(({ isText }, i) => [
    `count(*) - count(v${i}) AS n${i}`,
    `${isText ? `count(*) FILTER (WHERE v${i} = '')` : 0} AS e${i}`,
    `${sumOf(`hash(v${i})`)} AS h${i}`,
  ])
  const rows = `SELECT ${values.join(', ')}, file_row_number + ${before + 1} AS n FROM read_parquet(${quoteLiteral(parquet)}, file_row_number = true, hive_partitioning = false)`
  const [found] = await db.meta(
    `SELECT count(*) AS rows, ${sumOf(`hash(hash(${columns.map((_, i) => `v${i}`).join(', ')}))`)} AS content, ${sumOf(`hash(hash(${[...keys, 'n'].join(', ')}))`)} AS stands, ${each.join(', ')} FROM (${rows})`,
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
