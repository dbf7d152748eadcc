import type { Dataset } from '../../core/dataset.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import { parseType } from '../../engines/types.ts'
import { copyLines } from '../../formats/raw-lines.ts'
import { cellKind, cellXml, columnName } from '../../formats/xlsx-cells.ts'
import { SHEET, type SheetColumn, sheetFrame, styleNumbers, workbookParts } from '../../formats/xlsx-parts.ts'
import { zipped } from '../../formats/zip-write.ts'
import { orderSql } from '../contract/order.ts'
import type { ExcelContract } from '../contract/table-contract.ts'
import { readTableBack } from '../prove/read-back.ts'
import { roundOf } from './delivered-text.ts'
import { FORMS } from './file-forms.ts'
import { blocks } from './members.ts'
import { typedValue } from './typed-rows.ts'
import type { FileWriter, Writing } from './writer.ts'

/** An Excel workbook: DuckDB makes the XML of each row as a line, which is framed and zipped on its way; read back from the archive by patterns. */
export function xlsxWriter({ db, dataset, contract, inOrder, workspace, signal }: Writing<ExcelContract>): FileWriter {
  const columns = sheetColumns(contract)
  const { head, tail } = sheetFrame(columns)
  const select = rows(dataset, contract, columns, inOrder)
  async function* sheet(lines: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    yield Buffer.from(head)
    yield* lines
    yield Buffer.from(tail)
  }
  return {
    contentType: FORMS.xlsx.mediaType,
    cut: undefined,
    // In blocks: whatever chunks the rows come in, they are deflated alike.
    convert: (lines) => zipped(workbookParts(contract.sheet, columns), { name: SHEET, chunks: blocks(sheet(lines)) }),
    readBack: (before) => readTableBack(contract, { db, folder: workspace, signal }, before),
    produce: (path, stop) => db.run(copyLines(select, path), undefined, stop),
  }
}

function sheetColumns(contract: ExcelContract): readonly SheetColumn[] {
  return Object.entries(contract.columns).map(([name, text]) => {
    const type = parseType(text)
    return { name, kind: cellKind(type, contract), places: roundOf(name, contract) ?? (type.name === 'decimal' ? type.scale : undefined) }
  })
}

function rows(dataset: Dataset, contract: ExcelContract, columns: readonly SheetColumn[], inOrder: boolean): string {
  const styles = styleNumbers(columns)
  // Longer than any name beside it.
  const number = 'n'.repeat(Math.max(...columns.map(({ name }) => name.length)) + 1)
  const cells = columns.map(({ name }, i) => {
    const type = parseType(contract.columns[name] ?? 'text')
    const value =
      roundOf(name, contract) === undefined ? `t.${quoteIdentifier(name)}` : typedValue(`t.${quoteIdentifier(name)}`, name, contract)
    return cellXml(value, type, { column: columnName(i), row: `t.${number}`, style: styles[i] ?? 0 }, contract)
  })
  const order = inOrder ? '' : ` ORDER BY ${orderSql(contract)}`
  const ordered = `SELECT *, row_number() OVER () + 1 AS ${number} FROM (${relationOfFiles(contract.columns, dataset.files)}${order})`
  return `SELECT '<row r="' || t.${number} || '">' || concat(${cells.join(', ')}) || '</row>' AS line FROM (${ordered}) AS t`
}
