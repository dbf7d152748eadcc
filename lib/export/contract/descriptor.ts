import { parseType } from '../../engines/types.ts'
import { charsetOf } from '../../formats/encodings.ts'
import { FORMS, packingOf } from '../write/file-forms.ts'
import type { WrittenContract, WrittenCsv } from './contract-changes.ts'
import { type Field, fieldName, fieldOf } from './descriptor-field.ts'
import type { Export } from './export.ts'
import { orderColumns } from './order.ts'
import { writtenContract } from './written-contract.ts'

/** A Frictionless Table Dialect (https://datapackage.org/standard/table-dialect/), of CSV or of a workbook. */
export interface Dialect {
  readonly header: boolean
  readonly delimiter?: string
  readonly lineTerminator?: string
  readonly quoteChar?: string
  readonly doubleQuote?: boolean
  readonly escapeChar?: string
  readonly nullSequence?: string
  readonly sheetName?: string
}

/** What of a contract Frictionless has no word for. What is not given in the contract is not here. */
export interface OwnPart {
  readonly export: string
  readonly version: number
  /** The exact type of each column. */
  readonly types: Readonly<Record<string, string>>
  readonly orderBy: readonly string[]
  readonly formulas?: WrittenCsv['formulas']
  readonly quoting?: WrittenCsv['quoting']
  readonly byteOrderMark?: boolean
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'zstd'
  readonly unfit?: 'fail' | 'replace'
  readonly booleans?: readonly [string, string]
  readonly decimalPoint?: '.' | ','
  readonly dateFormat?: string
  readonly timestampFormat?: string
  readonly zone?: string
  readonly bigNumbers?: 'number' | 'text'
  readonly round: Readonly<Record<string, number>>
  readonly split?: NonNullable<WrittenCsv['split']>
  readonly zeroRows: WrittenContract['zeroRows']
}

/** A contract in its JSON form: a Frictionless Data Resource (version 2 of the standard, https://datapackage.org/standard/data-resource/) that describes a delivered file. */
export interface Descriptor {
  readonly $schema: string
  readonly name: string
  readonly type: 'table'
  /** The export's path, with `{partition}`. */
  readonly path: string
  readonly format: string
  readonly mediatype: string
  /** Of text. */
  readonly encoding?: string
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

/** The JSON form of an export's contract. */
export function descriptorOf({ path, contract }: Pick<Export, 'path' | 'contract'>): Descriptor {
  return descriptorOfWritten(path, writtenContract(contract))
}

/** The same of a contract as a manifest has it. */
export function descriptorOfWritten(path: string, contract: WrittenContract): Descriptor {
  const { frictionless, mediaType } = FORMS[contract.format]
  const compression = { none: undefined, gzip: 'gz', zstd: 'zst' }[packingOf(contract)]
  const dialect = dialectOf(contract)
  return {
    $schema: PROFILE,
    name: resourceName(path),
    type: 'table',
    path,
    format: frictionless,
    mediatype: mediaType,
    ...(contract.format === 'csv' && { encoding: encodingName(contract) }),
    ...(contract.format === 'ndjson' && { encoding: 'utf-8' }),
    ...(compression !== undefined && { compression }),
    ...(dialect && { dialect }),
    schema: {
      fields: contract.columns.map((column) => fieldOf(column, contract)),
      // In a format that has NULL no text stands for it.
      missingValues: contract.format === 'csv' ? [contract.null] : [],
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
export function encodingName({ encoding, byteOrderMark }: Pick<WrittenCsv, 'encoding' | 'byteOrderMark'>): string {
  return encoding === 'utf-16le' && byteOrderMark ? 'utf-16' : charsetOf(encoding)
}

/** Absent of a format that has none. */
function dialectOf(contract: WrittenContract): Dialect | undefined {
  if (contract.format === 'xlsx') return { header: true, sheetName: contract.sheet }
  return contract.format === 'csv' ? csvDialect(contract) : undefined
}

function csvDialect(contract: WrittenCsv): Dialect {
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
  const key = columns.map(({ name }) => fieldName(name, contract))
  return columns.every(({ notNull }) => notNull) ? { primaryKey: key } : { uniqueKeys: [key] }
}

/** The columns of the contract's order. */
function keyColumns(contract: WrittenContract): WrittenContract['columns'] {
  const columns = Object.fromEntries(contract.columns.map(({ name, type }) => [name, type]))
  const order = new Set(orderColumns({ columns, orderBy: contract.orderBy }).map(({ name }) => name))
  return contract.columns.filter(({ name }) => order.has(name))
}

function staysDistinct(name: string, type: string, contract: WrittenContract): boolean {
  // In a zone whose clocks are set back, two instants have one text.
  if (contract.format !== 'csv')
    return !Object.hasOwn(contract.round, name) && !(contract.format === 'xlsx' && parseType(type).name === 'timestamptz')
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
  const { version, columns, orderBy, round, zeroRows } = contract
  return {
    export: path,
    version,
    types: Object.fromEntries(columns.map(({ name, type }) => [name, type])),
    orderBy,
    ...ownOptions(contract),
    round,
    zeroRows,
  }
}

function ownOptions(contract: WrittenContract): Partial<OwnPart> {
  const files = contract.format !== 'xlsx' && contract.split ? { split: contract.split } : {}
  if (contract.format === 'arrow') return files
  if (contract.format === 'xlsx') {
    const { bigNumbers, zone } = contract
    return { ...(bigNumbers !== null && { bigNumbers }), zone }
  }
  if (contract.format === 'parquet') return { compression: contract.compression, ...files }
  if (contract.format === 'ndjson') {
    const { bigNumbers, compression, zone } = contract
    return { ...(bigNumbers !== null && { bigNumbers }), compression, zone, ...files }
  }
  const { unfit, dateFormat, timestampFormat } = contract
  return {
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
    ...files,
  }
}
