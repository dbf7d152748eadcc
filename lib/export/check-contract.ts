import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { parseType, typeText } from '../engines/types.ts'
import { checkDialect } from '../formats/csv-write.ts'
import type { Contract } from './contract.ts'

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
  checkOrder(contract)
  checkRound(contract)
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
  compression: ['none', 'gzip'],
  zeroRows: ['headerOnly', 'noFile', 'fail', 'keepLast'],
} as const

/** A column of the order. */
export interface OrderColumn {
  readonly name: string
  readonly descending: boolean
}

/** The order's columns. `-x` is the column of that very name where there is one, else `x` descending. */
export function orderColumns(contract: Pick<Contract, 'columns' | 'orderBy'>): readonly OrderColumn[] {
  return contract.orderBy.map((entry) =>
    Object.hasOwn(contract.columns, entry) || !entry.startsWith('-')
      ? { name: entry, descending: false }
      : { name: entry.slice(1), descending: true },
  )
}

/** `"a", "b" DESC` for ORDER BY, NULLs last. */
export function orderSql(contract: Pick<Contract, 'columns' | 'orderBy'>): string {
  return orderColumns(contract)
    .map(({ name, descending }) => `${quoteIdentifier(name)} ${direction(descending)}`)
    .join(', ')
}

/** How one column of an order is sorted. */
export function direction(descending: boolean): string {
  return `${descending ? 'DESC' : 'ASC'} NULLS LAST`
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
    if (!/^float(32|64)$/.test(type))
      throw new ConfigError(`round names "${column}", which is ${type}; only floats are rounded`, { column })
    if (!Number.isInteger(decimals) || Number(decimals) < 0 || Number(decimals) > MAX_DECIMALS)
      throw new ConfigError(`round of "${column}" is ${decimals}; expected decimal places from 0 to ${MAX_DECIMALS}`, { column })
  }
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
