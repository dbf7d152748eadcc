import { stat } from 'node:fs/promises'
import type { Columns } from '../core/dataset.ts'
import { CheckError } from '../core/errors.ts'
import { quoteIdentifier, quoteList } from '../core/quote.ts'
import type { FileStep } from '../engines/file-steps.ts'
import type { Reader } from '../engines/reader.ts'
import { emptyRelation } from '../engines/relation.ts'
import { type ColumnType, duckdbType, parseType, typeText } from '../engines/types.ts'
import { NO_COLUMN, plainKind, positionsOf, provenType, readCsv } from './csv.ts'
import { firstRecord } from './csv-head.ts'
import type { CsvDialect, FormatOptions } from './dialect.ts'
import { NOT_UTF8 } from './file-faults.ts'
import { jsonTypes, readJson } from './json.ts'
import { readParquet } from './parquet.ts'
import { type CarriedColumn, parquetGroups } from './parquet-columns.ts'
import { type ForeignFile, type ReadyFile, readyFiles } from './ready-files.ts'
import { strictCast } from './strict.ts'

/** Files to be read as one dataset. */
export interface ForeignRead {
  readonly dataset: string
  readonly files: readonly ForeignFile[]
  readonly options: FormatOptions
  /** The columns wanted, with declared types. */
  readonly columns: Columns
  readonly reader: Reader
  readonly signal: AbortSignal
  /** A new folder for what has to be written anew (Arrow, other encodings); the caller removes it. */
  readonly folder: string
}

/** SELECTs over foreign files; see `Relation` of the connectors for what each gives. */
export interface ForeignRelation {
  readonly sql: string
  readonly raw: Columns
  readonly located: string
  readonly fast?: readonly { readonly sql: string; readonly raw: Columns; readonly proof: readonly FileStep[] }[]
}

/**
 * The relation over foreign files. What DuckDB would read wrong without a word is looked at first, in the reader child: streams that break off, JSON that ends early, encodings.
 * @throws CheckError naming dataset, file and column for a file that is not what it should be
 */
export async function relationOfForeignFiles(read: ForeignRead): Promise<ForeignRelation> {
  const ready = await readyFiles(read)
  const kinds = Map.groupBy(ready, ({ dialect }) => dialect.format)
  const parts: Part[] = []
  for (const [format, files] of kinds) {
    if (format === 'csv') parts.push(...(await csvParts(read, files)))
    else if (format === 'json' || format === 'ndjson') parts.push(...jsonParts(read, files))
    else parts.push(...(await parquetParts(read, files)))
  }
  return union(parts, read)
}

/** A SELECT list over one table function, of columns with these types. */
interface Table {
  /** `more` are options of the table function. */
  table(more: readonly string[]): string
  readonly columns: Readonly<Record<string, CarriedColumn>>
}

interface Part extends Table {
  readonly files: readonly ReadyFile[]
  /** The same rows, converted while they are read, the quickest way first. */
  readonly fast?: readonly Way[]
}

/** Right where no step of `proof` finds anything. */
interface Way extends Table {
  readonly proof: readonly FileStep[]
}

async function csvParts({ dataset, columns }: ForeignRead, files: readonly ReadyFile[]): Promise<Part[]> {
  const declared = Object.keys(columns)
  const heads = await Promise.all(
    files.map(async (file) => {
      const { dialect, path, name } = file
      const header = await firstRecord(path, dialect.compression, dialect.csv)
      if (header?.some((field) => field.includes('\uFFFD')))
        throw new CheckError(`line 1 of ${name} is not UTF-8 text`, { dataset, file: name, hint: NOT_UTF8 })
      if (!header && dialect.csv.header)
        throw new CheckError(`${name} is empty: it has no header`, {
          dataset,
          file: name,
          hint: 'put the whole file there; where lines begin with data, say header: false',
        })
      return { file, header }
    }),
  )
  const shapes = new Map<string, { readonly width: number; readonly positions: readonly number[]; readonly files: ReadyFile[] }>()
  for (const { file, header } of heads) {
    if (!header) continue
    const positions = positionsOf(declared, header, file.dialect.csv.header, { dataset, file: file.name })
    const key = JSON.stringify([file.dialect, header.length, positions])
    const shape = shapes.get(key) ?? { width: header.length, positions, files: [] }
    shapes.set(key, shape)
    shape.files.push(file)
  }
  const types = Object.values(columns).map(parseType)
  const worth = await worthIt(files, types)
  return [...shapes.values()].map(({ width, positions, files }) => {
    const dialect = files[0]?.dialect
    if (!dialect) throw new RangeError('a shape without a file')
    const table = (as: readonly ColumnType[] | undefined): Table => {
      const read = Array.from({ length: width }, (_, at) => duckdbType(as?.[positions.indexOf(at)] ?? { name: 'text' }))
      const column = (i: number): CarriedColumn => {
        const [expression, type_] = [`c${positions[i]}`, as?.[i]]
        return { expression, type: type_ ? typeText(type_) : 'text' }
      }
      return {
        table: (more) => readCsv(patternsOf(files), read, dialect, more),
        columns: Object.fromEntries(declared.map((name, i) => [name, column(i)])),
      }
    }
    if (!worth) return { files, ...table(undefined) }
    const { compression, csv } = dialect
    const provenBy = (step: (file: ReadyFile) => FileStep): readonly FileStep[] => files.map(step)
    const kinds = Array.from({ length: width }, (_, at) => plainKind(types[positions.indexOf(at)] ?? { name: 'text' }))
    const plain: Way = {
      ...table(types.map((type) => (plainKind(type) === 'any' ? { name: 'text' } : type))),
      proof: provenBy(({ path }) => ({ do: 'odd', file: path, compression, csv: { ...csv, kinds } })),
    }
    const proven = types.map(provenType)
    const digits: Way = { ...table(proven), proof: provenBy(({ path }) => ({ do: 'digits', file: path, compression })) }
    const fast = [...(isOfSingleBytes(csv) ? [plain] : []), ...(proven.some(({ name }) => name !== 'text') ? [digits] : [])]
    return { files, ...table(undefined), fast }
  })
}

// Below this a second look at the files costs more than the faster reading saves.
const WORTH_BYTES = 2 ** 20

const isOfSingleBytes = (csv: CsvDialect): boolean => [csv.delimiter, csv.quote, csv.escape].every((text) => Buffer.byteLength(text) === 1)

/** Whether there is something to gain: columns that need not come as text, and more than a few rows. */
async function worthIt(files: readonly ReadyFile[], types: readonly ColumnType[]): Promise<boolean> {
  if (types.every((type) => plainKind(type) === 'any')) return false
  const sizes = await Promise.all(files.map(async ({ path }) => (await stat(path)).size))
  return sizes.reduce((sum, size) => sum + size, 0) >= WORTH_BYTES
}

function jsonParts({ columns }: ForeignRead, files: readonly ReadyFile[]): Part[] {
  const raw = jsonTypes(columns)
  return [...Map.groupBy(files, ({ dialect }) => JSON.stringify(dialect)).values()].map((group) => {
    const dialect = group[0]?.dialect
    if (!dialect) throw new RangeError('a group without a file')
    return {
      files: group,
      table: (more) => readJson(patternsOf(group), raw, dialect, more),
      columns: Object.fromEntries(Object.entries(raw).map(([name, type]) => [name, { expression: quoteIdentifier(name), type }])),
    }
  })
}

async function parquetParts(read: ForeignRead, files: readonly ReadyFile[]): Promise<Part[]> {
  const { dataset, columns, reader, signal } = read
  const parts: Part[] = []
  for (const group of await parquetGroups({ dataset, files, reader, signal })) {
    const name = group.files[0]?.name ?? ''
    const chosen = Object.keys(columns).map((column) => {
      const found = group.columns[column]
      if (!found)
        throw new CheckError(
          `${name} has no column "${column}"; it has ${Object.keys(group.columns)
            .map((each) => `"${each}"`)
            .join(', ')}`,
          { dataset, file: name, column, hint: NO_COLUMN },
        )
      return [column, found] as const
    })
    parts.push({
      files: group.files,
      table: (more) => readParquet(patternsOf(group.files), more),
      columns: Object.fromEntries(chosen),
    })
  }
  return parts
}

/** One SELECT over all parts; a column whose type differs between them is text. */
function union(parts: readonly Part[], { columns }: ForeignRead): ForeignRelation {
  const names = Object.keys(columns)
  const raw = unionTypes(names, parts)
  if (parts.length === 0) return { raw, sql: emptyRelation(raw), located: emptyRelation({ ...raw, _file: 'text', _row: 'int64' }) }
  const most = Math.max(...parts.map(({ fast }) => fast?.length ?? 0))
  const ways = Array.from({ length: most }, (_, i) => parts.map((part) => part.fast?.[i] ?? part.fast?.at(-1) ?? { ...part, proof: [] }))
  return {
    raw,
    sql: unionOf(parts, raw),
    located: parts.map((part) => located(part, listOf(part, raw), names)).join(' UNION ALL '),
    ...(most > 0 && { fast: ways.map((way) => fastUnion(way, names)) }),
  }
}

function fastUnion(parts: readonly Way[], names: readonly string[]) {
  const raw = unionTypes(names, parts)
  return { raw, sql: unionOf(parts, raw), proof: parts.flatMap(({ proof }) => proof) }
}

function unionOf(parts: readonly Table[], raw: Columns): string {
  return parts.map((part) => `SELECT ${listOf(part, raw).join(', ')} FROM ${part.table([])}`).join(' UNION ALL ')
}

function unionTypes(names: readonly string[], parts: readonly Table[]): Columns {
  return Object.fromEntries(
    names.map((name) => {
      const types = new Set(parts.map((part) => part.columns[name]?.type ?? 'text'))
      return [name, types.size === 1 ? ([...types][0] ?? 'text') : 'text']
    }),
  )
}

function listOf(part: Table, raw: Columns): readonly string[] {
  return Object.entries(raw).map(([name, type]) => {
    const column = part.columns[name] ?? { expression: 'NULL', type: 'text' }
    const value = column.type === type ? column.expression : strictCast(column.expression, parseType(column.type), parseType(type))
    return `${value} AS ${quoteIdentifier(name)}`
  })
}

const PATH = '__millrace_path'
const NUMBER = '__millrace_row'

/** Rows with their file's name and their number in it: DuckDB gives a table function's rows in the files' order. */
function located(part: Part, list: readonly string[], names: readonly string[]): string {
  const rows = `SELECT ${[...list, PATH, `row_number() OVER () AS ${NUMBER}`].join(', ')} FROM ${part.table([`filename = '${PATH}'`])}`
  const parts = part.files.some(({ dialect }) => dialect.format === 'arrow')
  const path = parts ? `regexp_replace(${PATH}, '/[0-9]+[.]parquet$', '')` : PATH
  const file = `map_extract_value(MAP(${quoteList(part.files.map(({ path }) => path))}, ${quoteList(part.files.map(({ name }) => name))}), ${path})`
  const named = `SELECT * EXCLUDE (${PATH}), ${file} AS _file FROM (${rows})`
  return `SELECT ${names.map(quoteIdentifier).join(', ')}, _file, ${NUMBER} - min(${NUMBER}) OVER (PARTITION BY _file) + 1 AS _row FROM (${named})`
}

const patternsOf = (files: readonly ReadyFile[]) => files.map(({ pattern }) => pattern)
