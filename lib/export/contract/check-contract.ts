import type { Columns } from '../../core/dataset.ts'
import { ConfigError } from '../../core/errors.ts'
import { parseType, typeText } from '../../engines/types.ts'
import { isBigNumber } from '../../formats/json-values.ts'
import { checkFileName } from '../file-name.ts'
import { checkCsvContract } from './check-csv-contract.ts'
import { checkChoices, checkSplit, checkZone } from './check-options.ts'
import { checkSheet } from './check-sheet.ts'
import type { FormatContract } from './export.ts'
import { checkGate } from './gate-options.ts'
import { orderColumns, orderNames } from './order.ts'
import type { CommonContract, ExcelContract, NdjsonContract } from './table-contract.ts'
import { anyWithin } from './within.ts'

const MAX_DECIMALS = 15

/**
 * Refuses a contract that the dataset cannot keep: each column must be one of the dataset's with an equal type, each setting one that the writer has. Called at plan, and again before each delivery.
 *
 * @throws ConfigError, its place naming the column
 */
export function checkContract(contract: FormatContract, columns: Columns): void {
  checkColumns(contract, columns)
  checkNotNull(contract)
  checkOrder(contract)
  checkRound(contract)
  checkFileName(contract)
  checkGate(contract.gate, contract.columns, orderNames(contract))
  if (!Number.isInteger(contract.version) || contract.version < 1)
    throw new ConfigError(`contract version ${JSON.stringify(contract.version)} must be a whole number from 1 on`)
  switch (contract.format) {
    case 'csv':
      checkCsvContract(contract)
      break
    case 'ndjson':
      checkChoices(contract, { compression: ['none', 'gzip', 'zstd'], zeroRows: ZERO_ROWS })
      checkBigNumbers(contract)
      checkSplit(contract.split)
      checkZone(contract.zone)
      break
    case 'xlsx':
      checkChoices(contract, { zeroRows: ZERO_ROWS })
      checkBigNumbers(contract)
      checkZone(contract.zone)
      checkSheet(contract)
      if (contract.gate)
        throw new ConfigError('Excel workbooks cannot be compared, so that their contract has no gate', {
          hint: 'deliver the table in another format in the same named delivery: its gate holds both',
        })
      break
    case 'arrow':
      checkChoices(contract, { zeroRows: ZERO_ROWS })
      checkSplit(contract.split)
      break
    case 'parquet':
      checkChoices(contract, { compression: ['none', 'snappy', 'zstd'], zeroRows: ZERO_ROWS })
      checkSplit(contract.split)
  }
}

/** Where digits may be lost, the contract says what is done about it. */
function checkBigNumbers({ columns, bigNumbers, format }: NdjsonContract | ExcelContract): void {
  const big = Object.keys(columns).find((name) =>
    anyWithin(name, parseType(columns[name] ?? 'text'), ['int64', 'uint64', 'decimal'], (_, type) => String(isBigNumber(type)))?.includes(
      'true',
    ),
  )
  if (bigNumbers === undefined && big !== undefined)
    throw new ConfigError(
      `"${big}" is ${columns[big]}, and ${format} needs bigNumbers: "number" or "text", for digits that many readers lose`,
      { column: big },
    )
  if (bigNumbers !== undefined) checkChoices({ bigNumbers }, { bigNumbers: ['number', 'text'] })
}

const ZERO_ROWS = ['emptyFile', 'noFile', 'fail', 'keepLast']

function checkColumns(contract: CommonContract, columns: Columns): void {
  for (const [column, type] of Object.entries(contract.columns)) {
    if (/^(0|[1-9]\d{0,9})$/.test(column))
      throw new ConfigError(
        `contract column "${column}" cannot keep its place: JavaScript puts keys that are whole numbers first; rename it`,
        {
          column,
        },
      )
    const wanted = normal(type, column)
    const actual = columns[column]
    if (actual === undefined || !Object.hasOwn(columns, column))
      throw new ConfigError(`contract column "${column}" is not in the dataset; it has ${Object.keys(columns).join(', ')}`, { column })
    if (wanted !== normal(actual, column))
      throw new ConfigError(`contract column "${column}" is ${type}, but the dataset has ${actual}`, { column })
  }
}

function checkNotNull(contract: CommonContract): void {
  const unknown = contract.notNull.find((name) => !Object.hasOwn(contract.columns, name))
  if (unknown !== undefined) throw new ConfigError(`notNull names "${unknown}", which is no column of the contract`, { column: unknown })
}

function checkOrder(contract: CommonContract): void {
  const seen = new Set<string>()
  if (contract.orderBy.length === 0) throw new ConfigError('a contract needs orderBy, a total order of its rows')
  for (const { name } of orderColumns(contract)) {
    if (!Object.hasOwn(contract.columns, name))
      throw new ConfigError(`orderBy names "${name}", which is no column of the contract`, { column: name })
    if (seen.has(name)) throw new ConfigError(`orderBy names "${name}" twice`, { column: name })
    seen.add(name)
  }
}

function checkRound({ round, columns, format }: FormatContract): void {
  for (const [column, decimals] of Object.entries(round)) {
    const type = Object.hasOwn(columns, column) ? columns[column] : undefined
    if (type === undefined) throw new ConfigError(`round names "${column}", which is no column of the contract`, { column })
    const parsed = parseType(type)
    if (parsed.name !== 'float32' && parsed.name !== 'float64' && !(parsed.name === 'decimal' && format === 'csv'))
      throw new ConfigError(
        `round names "${column}", which is ${type}; only floats${format === 'csv' ? ' and decimals' : ''} are rounded`,
        { column },
      )
    if (parsed.name === 'decimal' && Number(decimals) > parsed.scale)
      throw new ConfigError(`round of "${column}" is ${decimals}, and it has ${parsed.scale} decimal places: that rounds nothing`, {
        column,
      })
    if (!Number.isInteger(decimals) || Number(decimals) < 0 || Number(decimals) > MAX_DECIMALS)
      throw new ConfigError(`round of "${column}" is ${decimals}; expected decimal places from 0 to ${MAX_DECIMALS}`, { column })
  }
}

function normal(type: string, column: string): string {
  try {
    return typeText(parseType(type))
  } catch (error) {
    throw error instanceof ConfigError ? error.at({ column }) : error
  }
}
