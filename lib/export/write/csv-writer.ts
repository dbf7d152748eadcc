import { copyToCsv } from '../../formats/csv-write.ts'
import { charsetOf, encoded } from '../../formats/encodings.ts'
import type { Contract } from '../contract/contract.ts'
import { readStored } from '../prove/read-stored.ts'
import { members } from './members.ts'
import { deliverySelect, quotedColumns } from './rows.ts'
import { cutIntoFiles } from './split.ts'
import type { FileWriter, Writing } from './writer.ts'

/** CSV by DuckDB in UTF-8, then in the contract's encoding, then compressed. */
export function csvWriter({ db, dataset, contract, inOrder, threads }: Writing<Contract>): FileWriter {
  const { split, header, quote, escape: escaper, compression, encoding, byteOrderMark } = contract
  const asItIs = compression === 'none' && encoding === 'utf-8' && !byteOrderMark
  const select = deliverySelect(dataset, contract, inOrder)
  return {
    contentType: compression === 'none' ? `text/csv; charset=${charsetOf(encoding)}` : `application/${compression}`,
    cut: split && ((plain) => cutIntoFiles(plain, { limit: split, header, quote, escape: escaper })),
    convert: asItIs
      ? undefined
      : (chunks) => {
          const text = encoded(chunks, encoding, byteOrderMark)
          return compression === 'none' ? text : members(text, compression, threads)
        },
    readBack: (before) => readStored(contract, before),
    produce: (path, signal) => db.run(copyToCsv(select, path, contract, quotedColumns(contract)), undefined, signal),
  }
}
