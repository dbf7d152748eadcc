import { readFileSync, statSync } from 'node:fs'
import { tableFromIPC } from 'apache-arrow'
import pl from 'nodejs-polars'
import type { Columns } from '../../lib/core/dataset.ts'
import { arrow, type Export, parquet } from '../../lib/export/contract/export.ts'
import { type SplitRows, type TableContractOptions, tableContract } from '../../lib/export/contract/table-contract.ts'
import { type DeliveredFile, deliverSelect } from './table-kit.ts'

/** Of the rows. */
export const columns = { id: 'int32', text: 'text' } as const

/** Of contract and export. */
export type Options = Partial<TableContractOptions<Columns>> & { readonly split?: SplitRows }

/** Files of rows with descending ids, as a format makes them, and what a reader that is not the writer finds in one. */
export interface Format {
  readonly format: string
  readonly target: (options: Options) => Export<never>
  readonly idsOf: (path: string) => readonly number[]
  readonly shapeOf: (path: string) => { readonly height: number; readonly width: number }
}

const made = ({ split, ...more }: Options) => ({
  contract: tableContract<Columns>({ columns, orderBy: ['-id'], ...more }),
  ...(split && { split }),
})

/** Those that are not cut as text. */
export const formats: readonly Format[] = [
  {
    format: 'parquet',
    target: (options) => parquet('rows', made(options)),
    idsOf: (path) => pl.readParquet(path).getColumn('id').toArray().map(Number),
    shapeOf: (path) => pl.readParquet(path).shape,
  },
  {
    format: 'arrow',
    target: (options) => arrow('rows', made(options)),
    idsOf: (path) => Array.from<number>(tableFromIPC(readFileSync(path)).getChild('id')?.toArray() ?? []),
    shapeOf: (path) => pl.readIPC(readFileSync(path)).shape,
  },
]

/** Rows of about `32 * times` bytes that nothing compresses, and one, of id 5, that is 4000 times as long. */
export const noise = (rows: number, times = 1, long = false) =>
  `SELECT a::INTEGER AS id, string_agg(md5(a || '-' || b), '' ORDER BY b) AS text FROM range(${rows}) AS r(a), range(${long ? 4000 : times}) AS s(b) WHERE ${long ? `b < ${times} OR a = 5` : 'true'} GROUP BY a`

/** Ids of so many rows. */
export const descending = (rows: number) => Array.from({ length: rows }, (_, i) => rows - 1 - i)
/** Of each file. */
export const bytesOf = ({ paths }: DeliveredFile) => paths.map((path) => statSync(path).size)

/** Delivers a SELECT of the columns `id` and `text`. */
export const deliver = (select: string, { target }: Format, options: Options, threads?: number) =>
  deliverSelect(columns, select, target(options), threads)

/** How many rows each file has. */
export const rowsOf = ({ paths }: DeliveredFile, { idsOf }: Format) => paths.map((path) => idsOf(path).length)
