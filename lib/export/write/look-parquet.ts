import { messageOf } from '../../core/errors.ts'
import { parquetFooter } from '../../formats/parquet-footer.ts'
import type { WrittenParquet } from '../contract/contract-changes.ts'
import type { Look } from './look.ts'

/** A footer grows with columns and row groups: of 100 columns and 10 million rows it has 1 MB. */
const TAIL_BYTES = 32 * 2 ** 20

/** Looks at the footer of a Parquet file: names of columns and the number of rows. */
export function lookAtParquet({ columns }: WrittenParquet): Look {
  let held: Uint8Array[] = []
  let bytes = 0
  return {
    add: (chunk) => {
      held.push(chunk)
      bytes += chunk.length
      if (bytes < 2 * TAIL_BYTES) return
      held = [Buffer.concat(held).subarray(-TAIL_BYTES)]
      bytes = TAIL_BYTES
    },
    faults: (rows) => {
      try {
        const footer = parquetFooter(Buffer.concat(held))
        const wanted = columns.map(({ name }) => name)
        return [
          ...(footer.rows === rows ? [] : [`has ${footer.rows} rows, not ${rows}`]),
          ...(JSON.stringify(footer.columns) === JSON.stringify(wanted)
            ? []
            : [`has the columns ${JSON.stringify(footer.columns)}, not ${JSON.stringify(wanted)}`]),
        ]
      } catch (error) {
        return [`is no Parquet: ${messageOf(error)}`]
      }
    },
  }
}
