import { parseType } from '../engines/types.ts'
import { charsetOf } from '../formats/encodings.ts'
import type { Export } from './contract.ts'
import type { WrittenContract } from './contract-changes.ts'
import { type Field, fieldOf } from './descriptor-field.ts'
import { orderColumns } from './order.ts'
import { headerName } from './rows.ts'
import { writtenContract } from './written-contract.ts'

/** A Frictionless Table Dialect of CSV (https://datapackage.org/standard/table-dialect/). */
export interface Dialect {
  readonly header: boolean
  readonly delimiter: string
  readonly lineTerminator: string
  readonly quoteChar: string
  readonly doubleQuote: boolean
  readonly escapeChar?: string
  readonly nullSequence?: string
}

/** What of a contract Frictionless has no word for. What is not given in the contract is not here. */
export interface OwnPart {
  readonly export: string
  readonly version: number
  /** The exact type of each column. */
  readonly types: Readonly<Record<string, string>>
  readonly orderBy: readonly string[]
  readonly formulas: WrittenContract['formulas']
  readonly quoting: WrittenContract['quoting']
  readonly byteOrderMark: boolean
  readonly compression: WrittenContract['compression']
  readonly unfit?: 'fail' | 'replace'
  readonly booleans: readonly [string, string]
  readonly decimalPoint: '.' | ','
  readonly dateFormat?: string
  readonly timestampFormat?: string
  readonly zone: string
  readonly round: Readonly<Record<string, number>>
  readonly split?: NonNullable<WrittenContract['split']>
  readonly zeroRows: WrittenContract['zeroRows']
}

/** A contract in its JSON form: a Frictionless Data Resource (version 2 of the standard, https://datapackage.org/standard/data-resource/) that describes a delivered file. */
export interface Descriptor {
  readonly $schema: string
  readonly name: string
  readonly type: 'table'
  /** The export's path, with `{partition}`. */
  readonly path: string
  readonly format: Export['format']
  readonly mediatype: string
  readonly encoding: string
  readonly compression?: string
  /** Absent of a format that has none. */
  readonly dialect?: Dialect
  readonly schema: {
    readonly fields: readonly Field[]
    readonly missingValues: readonly string[]
    readonly primaryKey?: readonly string[]
    readonly uniqueKeys?: readonly (readonly string[])[]
  }
  readonly millrace: OwnPart
}

const PROFILE = 'https://datapackage.org/profiles/2.0/dataresource.json'

/** What each format is to Frictionless. */
const FORMATS: Readonly<Record<Export['format'], { readonly mediatype: string; dialect?(contract: WrittenContract): Dialect }>> = {
  csv: { mediatype: 'text/csv', dialect: csvDialect },
}

/** Whether a format is one that contracts are kept in. */
export function isFormat(format: string): format is Export['format'] {
  return Object.hasOwn(FORMATS, format)
}

/** The JSON form of an export's contract. */
export function descriptorOf({ path, format, contract }: Pick<Export, 'path' | 'format' | 'contract'>): Descriptor {
  return descriptorOfWritten({ path, format }, writtenContract(contract))
}

/** The same of a contract as a manifest has it. */
export function descriptorOfWritten({ path, format }: Pick<Export, 'path' | 'format'>, contract: WrittenContract): Descriptor {
  const { mediatype, dialect } = FORMATS[format]
  const compression = { none: undefined, gzip: 'gz', zstd: 'zst' }[contract.compression]
  return {
    $schema: PROFILE,
    name: resourceName(path),
    type: 'table',
    path,
    format,
    mediatype,
    encoding: encodingName(contract),
    ...(compression !== undefined && { compression }),
    ...(dialect && { dialect: dialect(contract) }),
    schema: {
      fields: contract.columns.map((column) => fieldOf(column, contract)),
      missingValues: [contract.null],
      ...keysOf(contract),
    },
    millrace: ownPart(path, contract),
  }
}

/** `quakes/daily/{partition}.csv` is `quakes-daily`: what of a path stays the same, in the letters that a resource's name may have. */
export function resourceName(path: string): string {
  const parts = path
    .replace(/\.[^/]*$/, '')
    .replaceAll('{partition}', '')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((part) => part !== '')
  return parts.join('-') || 'export'
}

/** The name of an encoding at IANA. There UTF-16LE is without a byte-order mark, and UTF-16 with one. */
export function encodingName({ encoding, byteOrderMark }: Pick<WrittenContract, 'encoding' | 'byteOrderMark'>): string {
  return encoding === 'utf-16le' && byteOrderMark ? 'utf-16' : charsetOf(encoding)
}

function csvDialect(contract: WrittenContract): Dialect {
  const doubles = contract.escape === contract.quote
  return {
    header: contract.header,
    delimiter: contract.delimiter,
    lineTerminator: contract.lineEnd,
    quoteChar: contract.quote,
    doubleQuote: doubles,
    ...(!doubles && { escapeChar: contract.escape }),
    ...(contract.null !== '' && { nullSequence: contract.null }),
  }
}

/** A total order is a key, as long as different values are different texts. A primary key has no NULL; a unique one may. */
function keysOf(contract: WrittenContract): Pick<Descriptor['schema'], 'primaryKey' | 'uniqueKeys'> {
  const columns = keyColumns(contract)
  if (!columns.every(({ name, type }) => staysDistinct(name, type, contract))) return {}
  const key = columns.map(({ name }) => headerName(name, contract))
  return columns.every(({ notNull }) => notNull) ? { primaryKey: key } : { uniqueKeys: [key] }
}

/** The columns of the contract's order. */
function keyColumns(contract: WrittenContract): WrittenContract['columns'] {
  const columns = Object.fromEntries(contract.columns.map(({ name, type }) => [name, type]))
  const order = new Set(orderColumns({ columns, orderBy: contract.orderBy }).map(({ name }) => name))
  return contract.columns.filter(({ name }) => order.has(name))
}

function staysDistinct(name: string, type: string, contract: WrittenContract): boolean {
  const textsStay = contract.formulas !== 'escape' && contract.unfit !== 'replace'
  switch (parseType(type).name) {
    case 'date':
      return contract.dateFormat === null
    case 'timestamp':
    case 'timestamptz':
      return contract.timestampFormat === null
    case 'text':
    case 'json':
      return textsStay
    case 'list':
    case 'struct':
      return textsStay && contract.dateFormat === null && contract.timestampFormat === null
    default:
      return !Object.hasOwn(contract.round, name)
  }
}

function ownPart(path: string, contract: WrittenContract): OwnPart {
  const { unfit, dateFormat, timestampFormat } = contract
  return {
    export: path,
    version: contract.version,
    types: Object.fromEntries(contract.columns.map(({ name, type }) => [name, type])),
    orderBy: contract.orderBy,
    formulas: contract.formulas,
    quoting: contract.quoting,
    byteOrderMark: contract.byteOrderMark,
    compression: contract.compression,
    ...(unfit !== null && { unfit }),
    booleans: contract.booleans,
    decimalPoint: contract.decimalPoint,
    ...(dateFormat !== null && { dateFormat }),
    ...(timestampFormat !== null && { timestampFormat }),
    zone: contract.zone,
    round: contract.round,
    ...(contract.split && { split: contract.split }),
    zeroRows: contract.zeroRows,
  }
}
