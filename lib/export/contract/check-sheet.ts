import { ConfigError } from '../../core/errors.ts'
import type { ExcelContract } from './table-contract.ts'

const MOST_COLUMNS = 16_384
/** With the header. */
export const MOST_ROWS = 1_048_576

/** Refuses what no sheet of Excel can be. @throws ConfigError */
export function checkSheet({ sheet, columns }: ExcelContract): void {
  const names = Object.keys(columns)
  if (names.length > MOST_COLUMNS)
    throw new ConfigError(`the contract has ${names.length} columns, and a sheet of Excel has ${MOST_COLUMNS}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is meant
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/
  const column = names.find((name) => control.test(name) || name.length > 32_767)
  if (column !== undefined)
    throw new ConfigError(
      `the name of column ${JSON.stringify(column)} cannot stand in a cell of Excel: it has a control character, or is too long`,
      { column },
    )
  if (
    sheet.length < 1 ||
    sheet.length > 31 ||
    /[[\]:*?/\\]|^'|'$|[\t\n\r]/.test(sheet) ||
    control.test(sheet) ||
    sheet.toLowerCase() === 'history'
  )
    throw new ConfigError(
      `sheet ${JSON.stringify(sheet)} is no name of a sheet: it has 1 to 31 characters, none of []:*?/\\, no ' at its ends, and is not History`,
    )
}
