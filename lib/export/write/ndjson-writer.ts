import type { Dataset } from '../../core/dataset.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import { parseType } from '../../engines/types.ts'
import { jsonValue } from '../../formats/json-values.ts'
import { copyLines } from '../../formats/raw-lines.ts'
import { orderSql } from '../contract/order.ts'
import type { NdjsonContract } from '../contract/table-contract.ts'
import { readTableBack } from '../prove/read-back.ts'
import { roundOf } from './delivered-text.ts'
import { FORMS } from './file-forms.ts'
import { members } from './members.ts'
import { cutIntoFiles } from './split.ts'
import type { FileWriter, Writing } from './writer.ts'

/** Lines of JSON, made as text by DuckDB, then compressed; read back by DuckDB's reader of JSON, which shares nothing with that text. */
export function ndjsonWriter({ db, dataset, contract, inOrder, threads, workspace, signal }: Writing<NdjsonContract>): FileWriter {
  const { split, compression } = contract
  const select = lines(dataset, contract, inOrder)
  return {
    contentType: compression === 'none' ? FORMS.ndjson.mediaType : `application/${compression}`,
    // In JSON a line end inside a text is written \n: every LF ends a row.
    cut: split && ((plain) => cutIntoFiles(plain, { limit: split, header: false, quote: '', escape: '' })),
    convert: compression === 'none' ? undefined : (chunks) => members(chunks, compression, threads),
    readBack: (before) => readTableBack(contract, { db, folder: workspace, signal }, before),
    produce: (path, stop) => db.run(copyLines(select, path), undefined, stop),
  }
}

/** An object for each row, keys in the contract's order, NULL written out. */
function lines(dataset: Dataset, contract: NdjsonContract, inOrder: boolean): string {
  const formats = { zone: contract.zone, bigNumbers: contract.bigNumbers ?? 'number' }
  const fields = Object.entries(contract.columns).map(([name, type]) => {
    const value = jsonValue(`t.${quoteIdentifier(name)}`, parseType(type), formats, roundOf(name, contract))
    return `${quoteLiteral(`${JSON.stringify(name)}:`)} || ${value}`
  })
  const order = inOrder ? '' : ` ORDER BY ${orderSql(contract)}`
  return `SELECT '{' || concat(${fields.join(`, ',', `)}) || '}' AS line FROM (${relationOfFiles(contract.columns, dataset.files)}${order}) AS t`
}
