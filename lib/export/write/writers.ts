import type { FormatContract } from '../contract/export.ts'
import { arrowWriter } from './arrow-writer.ts'
import { csvWriter } from './csv-writer.ts'
import { ndjsonWriter } from './ndjson-writer.ts'
import { parquetWriter } from './parquet-writer.ts'
import type { FileWriter, Writing } from './writer.ts'
import { xlsxWriter } from './xlsx-writer.ts'

/** The writer of a contract's format. */
export function fileWriter({ contract, ...about }: Writing<FormatContract>): FileWriter {
  switch (contract.format) {
    case 'csv':
      return csvWriter({ ...about, contract })
    case 'ndjson':
      return ndjsonWriter({ ...about, contract })
    case 'arrow':
      return arrowWriter({ ...about, contract })
    case 'parquet':
      return parquetWriter({ ...about, contract })
    case 'xlsx':
      return xlsxWriter({ ...about, contract })
  }
}
