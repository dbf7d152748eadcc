import { join } from 'node:path'
import { copyDelivered, copyStatement, selectRows } from '../../formats/parquet.ts'
import type { ParquetContract } from '../contract/table-contract.ts'
import { readTableBack } from '../prove/read-back.ts'
import { FORMS } from './file-forms.ts'
import { inParts } from './in-parts.ts'
import { typedSelect } from './typed-rows.ts'
import type { FileWriter, Writing } from './writer.ts'

/** Parquet by DuckDB, which writes from the first byte to the last and never goes back; read back by Polars. Of several files each is made of one in the workspace that has all rows in order. */
export function parquetWriter({ db, dataset, contract, inOrder, workspace, signal }: Writing<ParquetContract>): FileWriter {
  const { split, compression } = contract
  const select = typedSelect(dataset, contract, inOrder)
  const common = {
    contentType: FORMS.parquet.mediaType,
    convert: undefined,
    readBack: (before: number) => readTableBack(contract, { db, folder: workspace, signal }, before),
  }
  if (!split)
    return { ...common, cut: undefined, produce: (path, stop) => db.run(copyDelivered(select, path, compression), undefined, stop) }
  const ordered = join(workspace, 'ordered.parquet')
  const columns = Object.keys(contract.columns)
  // Under names of their own: a column may be called as the number of a row is.
  const places = columns.map((_, i) => `c${i}`)
  return {
    ...common,
    ...inParts({
      split,
      workspace,
      order: (stop) => db.run(copyStatement(`SELECT * FROM (${select}) AS t(${places.join(', ')})`, ordered), undefined, stop),
      write: (from, to, path, stop) => db.run(copyDelivered(selectRows(ordered, columns, [from, to]), path, compression), undefined, stop),
    }),
  }
}
