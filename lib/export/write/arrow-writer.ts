import { join } from 'node:path'
import { copyDelivered } from '../../formats/parquet.ts'
import type { ArrowContract } from '../contract/table-contract.ts'
import { readTableBack } from '../prove/read-back.ts'
import { FORMS } from './file-forms.ts'
import { typedSelect } from './typed-rows.ts'
import type { FileWriter, Writing } from './writer.ts'

/** Arrow IPC: DuckDB puts the rows in order into a Parquet file of the workspace, which goes out batch by batch; read back by Polars. */
export function arrowWriter({ db, dataset, contract, inOrder, workspace, signal }: Writing<ArrowContract>): FileWriter {
  const select = typedSelect(dataset, contract, inOrder)
  return {
    contentType: FORMS.arrow.mediaType,
    cut: undefined,
    convert: undefined,
    readBack: (before) => readTableBack(contract, { db, folder: workspace, signal }, before),
    produce: async (path, stop) => {
      const ordered = join(workspace, 'ordered.parquet')
      const rows = await db.run(copyDelivered(select, ordered, 'zstd'), undefined, stop)
      const { arrowFromParquet } = await import('../../engines/arrow-write.ts')
      await arrowFromParquet(ordered, rows, path, stop)
      return rows
    },
  }
}
