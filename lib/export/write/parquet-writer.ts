import { copyDelivered } from '../../formats/parquet.ts'
import type { ParquetContract } from '../contract/table-contract.ts'
import { readTableBack } from '../prove/read-back.ts'
import { FORMS } from './file-forms.ts'
import { typedSelect } from './typed-rows.ts'
import type { FileWriter, Writing } from './writer.ts'

/** Parquet by DuckDB, which writes from the first byte to the last and never goes back; read back by Polars. */
export function parquetWriter({ db, dataset, contract, inOrder, workspace, signal }: Writing<ParquetContract>): FileWriter {
  const select = typedSelect(dataset, contract, inOrder)
  return {
    contentType: FORMS.parquet.mediaType,
    cut: undefined,
    convert: undefined,
    readBack: (before) => readTableBack(contract, { db, folder: workspace, signal }, before),
    produce: (path, stop) => db.run(copyDelivered(select, path, contract.compression), undefined, stop),
  }
}
