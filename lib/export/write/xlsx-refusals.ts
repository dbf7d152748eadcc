import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { parseType } from '../../engines/types.ts'
import { isBigNumber } from '../../formats/json-values.ts'
import { cellKind, plainText } from '../../formats/xlsx-cells.ts'
import type { ExcelContract } from '../contract/table-contract.ts'
import type { Refusal } from './refusal.ts'

/** Excel's limits (support.microsoft.com: Excel specifications and limits), as far as they are of single values. */
export function xlsxRefusals(contract: ExcelContract): readonly Refusal[] {
  return Object.entries(contract.columns).flatMap(([column, text]): readonly Refusal[] => {
    const type = parseType(text)
    const value = `t.${quoteIdentifier(column)}`
    const refusal = (when: string, what: string, hint: string, shown = `CAST(${value} AS VARCHAR)`): Refusal => ({
      column,
      when,
      value: shown,
      what,
      hint,
    })
    const kind = cellKind(type, contract)
    if (kind === 'text') {
      const plain = plainText(value, type, contract)
      return [
        refusal(`${utf16Length(plain)} > 32767`, 'has more than the 32,767 characters of a cell', 'cut it in a transform', plain),
        refusal(
          `regexp_matches(${plain}, ${quoteLiteral(CONTROL)})`,
          'has a control character, which a workbook has not,',
          'take it out in a transform',
          plain,
        ),
      ]
    }
    if (kind === 'date' || kind === 'timestamp') {
      const local = `CAST(${value} AS TIMESTAMP)`
      return [
        refusal(
          `${local} NOT BETWEEN TIMESTAMP '1900-03-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'`,
          'is not between 1900-03-01 and 9999-12-31, the days of Excel,',
          'make it NULL or a text in a transform',
        ),
        ...(kind === 'date' ? [] : [refusal(`${local} <> date_trunc('millisecond', ${local})`, FINER, FINER_HINT)]),
      ]
    }
    if (kind === 'time') return [refusal(`epoch_us(${value}) % 1000 <> 0`, FINER, FINER_HINT)]
    if (type.name === 'float32' || type.name === 'float64')
      return [refusal(`NOT isfinite(${value})`, 'is NaN or infinite, which Excel has not,', 'make it NULL in a transform')]
    if (!isBigNumber(type)) return []
    return [refusal(tooLong(value), 'has more than the 15 digits of a number of Excel', 'write such columns as texts: bigNumbers: "text"')]
  })
}

const FINER = 'is finer than the milliseconds of Excel'
const FINER_HINT = "cut it in a transform: date_trunc('millisecond', …)"
const CONTROL = '[\\x{0}-\\x{8}\\x{B}\\x{C}\\x{E}-\\x{1F}\\x{FFFE}\\x{FFFF}]'

/** Excel counts characters beyond the first plane twice. */
function utf16Length(text: string): string {
  return `CASE WHEN length(${text}) <= 16383 THEN 0 ELSE length(${text}) + length(regexp_replace(${text}, '[^\\x{10000}-\\x{10FFFF}]', '', 'g')) END`
}

/** Digits from the first that is not 0 on. */
function tooLong(value: string): string {
  return `length(ltrim(replace(ltrim(CAST(${value} AS VARCHAR), '-'), '.', ''), '0')) > 15`
}
