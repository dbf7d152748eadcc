import { join } from 'node:path'
import { copyDelivered } from '../../formats/parquet.ts'
import type { ArrowContract } from '../contract/table-contract.ts'
import { readTableBack } from '../prove/read-back.ts'
import { FORMS } from './file-forms.ts'
import { inParts } from './in-parts.ts'
import { typedSelect } from './typed-rows.ts'
import type { FileWriter, Writing } from './writer.ts'

/** Arrow IPC: DuckDB puts the rows in order into a Parquet file of the workspace, which goes out batch by batch, as one file or several; read back by Polars. */
export function arrowWriter({ db, dataset, contract, inOrder, workspace, signal }: Writing<ArrowContract>): FileWriter {
  const { split } = contract
  const select = typedSelect(dataset, contract, inOrder)
  const ordered = join(workspace, 'ordered.parquet')
  const order = (stop: AbortSignal) => db.run(copyDelivered(select, ordered, 'zstd'), undefined, stop)
  const write = async (from: number, to: number, path: string, stop: AbortSignal) => {
    const { arrowFromParquet } = await import('../../engines/arrow-write.ts')
    await arrowFromParquet(ordered, [from, to], path, stop)
  }
  const common = {
    contentType: FORMS.arrow.mediaType,
    convert: undefined,
    readBack: (before: number) => readTableBack(contract, { db, folder: workspace, signal }, before),
  }
  if (split) return { ...common, ...inParts({ split, workspace, order, write }) }
  return {
    ...common,
    cut: undefined,
    produce: async (path, stop) => {
      const rows = await order(stop)
      await write(0, rows, path, stop)
      return rows
    },
  }
}
