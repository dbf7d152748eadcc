import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { parseType, typeText } from '../engines/types.ts'
import { checkDialect } from '../formats/csv-write.ts'
import { ENCODINGS, isUnicode, unfitIn } from '../formats/encodings.ts'
import { FORMULAS, formulaIn } from '../formats/formulas.ts'
import type { Contract } from './contract.ts'
import { checkFileName } from './file-name.ts'
import { orderColumns } from './order.ts'

const MAX_DECIMALS = 15
// What DuckDB's strftime takes; held by a test against the engine.
const STRFTIME = /^(?:[^%]|%[%ABGHIMSTUVWXYZabcdfghjmnpuwxyz]|%-[HIMSdmyj])*$/s

/**
 * Refuses a contract that the dataset cannot keep: each column must be one of the dataset's with an equal type, each setting one that the writer has. Called at plan, and again before each delivery.
 *
 * @throws ConfigError, its place naming the column
 */
export function checkContract(contract: Contract, columns: Columns): void {
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
  for (const [option, allowed] of Object.entries(CHOICES)) {
    const chosen = contract[option as keyof typeof CHOICES]
    if (!(allowed as readonly unknown[]).includes(chosen))
      throw new ConfigError(
        `contract ${option} ${JSON.stringify(chosen)} is unknown; expected ${allowed.map((each) => JSON.stringify(each)).join(', ')}`,
      )
  }
  checkDialect(contract)
  checkTexts(contract)
  checkNotNull(contract)
  checkOrder(contract)
  checkRound(contract)
  checkSplit(contract)
  checkFileName(contract)
  if (!Number.isInteger(contract.version) || contract.version < 1)
    throw new ConfigError(`contract version ${JSON.stringify(contract.version)} must be a whole number from 1 on`)
  for (const option of ['dateFormat', 'timestampFormat'] as const) {
    const format = contract[option]
    if (format !== undefined && !STRFTIME.test(format))
      throw new ConfigError(`contract ${option} ${JSON.stringify(format)} is no strftime format`)
  }
  checkZone(contract.zone)
}

const CHOICES = {
  header: [true, false],
  lineEnd: ['\n', '\r\n'],
  compression: ['none', 'gzip', 'zstd'],
  formulas: FORMULAS,
  quoting: ['minimal', 'nonNumeric', 'all'],
  encoding: ENCODINGS,
  byteOrderMark: [true, false],
  unfit: [undefined, 'fail', 'replace'],
  decimalPoint: ['.', ','],
  zeroRows: ['headerOnly', 'noFile', 'fail', 'keepLast'],
} as const

/** What a contract says itself, in names and fixed texts, must be something that its file can hold. */
function checkTexts(contract: Contract): void {
  const { booleans, encoding, formulas, quote, quoting } = contract
  const names = Object.keys(contract.columns)
  if (contract.escape !== quote && quoting === 'minimal')
    throw new ConfigError(`escape ${JSON.stringify(contract.escape)} needs quoting "nonNumeric" or "all": it is written inside quotes only`)
  if (contract.byteOrderMark && !isUnicode(encoding)) throw new ConfigError(`${encoding} has no byte-order mark`)
  const [yes, no] = booleans
  if (typeof yes !== 'string' || typeof no !== 'string' || yes === no || booleans.length !== 2)
    throw new ConfigError(`contract booleans ${JSON.stringify(booleans)} must be two texts that differ`)
  for (const text of [...names, ...booleans, contract.null]) {
    const char = unfitIn(text, encoding)
    if (char !== undefined) throw new ConfigError(`${encoding} has no ${JSON.stringify(char)}, which is in ${JSON.stringify(text)}`)
  }
  const formula = contract.header && formulas === 'reject' ? names.find((name) => formulaIn(name, contract)) : undefined
  if (formula !== undefined)
    throw new ConfigError(`the name of column "${formula}" is a formula, and the contract says formulas: "reject"`, { column: formula })
}

function checkNotNull(contract: Contract): void {
  const unknown = contract.notNull.find((name) => !Object.hasOwn(contract.columns, name))
  if (unknown !== undefined) throw new ConfigError(`notNull names "${unknown}", which is no column of the contract`, { column: unknown })
}

function checkOrder(contract: Contract): void {
  const seen = new Set<string>()
  if (contract.orderBy.length === 0) throw new ConfigError('a contract needs orderBy, a total order of its rows')
  for (const { name } of orderColumns(contract)) {
    if (!Object.hasOwn(contract.columns, name))
      throw new ConfigError(`orderBy names "${name}", which is no column of the contract`, { column: name })
    if (seen.has(name)) throw new ConfigError(`orderBy names "${name}" twice`, { column: name })
    seen.add(name)
  }
}

function checkRound(contract: Contract): void {
  for (const [column, decimals] of Object.entries(contract.round)) {
    const type = Object.hasOwn(contract.columns, column) ? contract.columns[column] : undefined
    if (type === undefined) throw new ConfigError(`round names "${column}", which is no column of the contract`, { column })
    const parsed = parseType(type)
    if (parsed.name !== 'float32' && parsed.name !== 'float64' && parsed.name !== 'decimal')
      throw new ConfigError(`round names "${column}", which is ${type}; only floats and decimals are rounded`, { column })
    if (parsed.name === 'decimal' && Number(decimals) > parsed.scale)
      throw new ConfigError(`round of "${column}" is ${decimals}, and it has ${parsed.scale} decimal places: that rounds nothing`, {
        column,
      })
    if (!Number.isInteger(decimals) || Number(decimals) < 0 || Number(decimals) > MAX_DECIMALS)
      throw new ConfigError(`round of "${column}" is ${decimals}; expected decimal places from 0 to ${MAX_DECIMALS}`, { column })
  }
}

function checkSplit({ split }: Contract): void {
  if (split === undefined) return
  const limits = Object.entries(split)
  const [name, limit] = limits[0] ?? []
  if (limits.length === 1 && (name === 'rows' || name === 'bytes') && Number.isSafeInteger(limit) && Number(limit) > 0) return
  throw new ConfigError(`contract split ${JSON.stringify(split)} must be { rows: n } or { bytes: n }, n a whole number from 1 on`)
}

function checkZone(zone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
  } catch (cause) {
    throw new ConfigError(`contract zone ${JSON.stringify(zone)} is no IANA time zone`, { cause })
  }
}

function normal(type: string, column: string): string {
  try {
    return typeText(parseType(type))
  } catch (error) {
    throw error instanceof ConfigError ? error.at({ column }) : error
  }
}
