import { CheckError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { Reader } from '../engines/reader.ts'
import { duckdbTypeFromText, textFromDuckdbType } from '../engines/types.ts'
import { withStructure } from './file-faults.ts'
import { readParquet } from './parquet.ts'
import type { ReadyFile } from './ready-files.ts'

/** A column as a SELECT over a file gives it. */
export interface CarriedColumn {
  readonly expression: string
  /** millrace's type text of `expression`. */
  readonly type: string
}

export interface ParquetGroup {
  readonly files: readonly ReadyFile[]
  readonly columns: Readonly<Record<string, CarriedColumn>>
}

/** Parquet files by their columns: those of a group have the same names and types. @throws CheckError for a type that is not carried, and for a file that is not Parquet */
export async function parquetGroups({
  dataset,
  files,
  reader,
  signal,
}: {
  readonly dataset: string
  readonly files: readonly ReadyFile[]
  readonly reader: Reader
  readonly signal: AbortSignal
}): Promise<readonly ParquetGroup[]> {
  const groups = new Map<string, { files: ReadyFile[]; columns: Readonly<Record<string, CarriedColumn>> }>()
  for (const file of files) {
    const job = { dataset, files: [file.path], meta: { sql: `DESCRIBE SELECT * FROM ${readParquet([file.pattern])}` } }
    const { meta } = await reader.execute(job, signal).catch((error: unknown) => {
      throw withStructure(error, dataset)
    })
    const described = meta.map((row) => [row.column_name ?? '', row.column_type ?? ''] as const)
    const key = JSON.stringify(described)
    const group = groups.get(key)
    if (group) group.files.push(file)
    else
      groups.set(key, {
        files: [file],
        columns: Object.fromEntries(described.map(([name, type]) => [name, carried(name, type, dataset, file.name)])),
      })
  }
  return [...groups.values()]
}

/** A column of a DuckDB type as one that millrace has, exactly: its values do not change. */
function carried(name: string, duck: string, dataset: string, file: string): CarriedColumn {
  const column = quoteIdentifier(name)
  const known = textFromDuckdbType(duck)
  if (known)
    return { type: known, expression: duck === duckdbTypeFromText(known) ? column : `CAST(${column} AS ${duckdbTypeFromText(known)})` }
  if (duck === 'HUGEINT') return { type: 'decimal(38,0)', expression: `CAST(${column} AS DECIMAL(38,0))` }
  if (duck === 'TIMESTAMP_NS') {
    const micros = `CAST(${column} AS TIMESTAMP)`
    const refused = `CAST('!' || CAST(${column} AS VARCHAR) AS TIMESTAMP)`
    return { type: 'timestamp', expression: `CASE WHEN CAST(${micros} AS TIMESTAMP_NS) = ${column} THEN ${micros} ELSE ${refused} END` }
  }
  const array = /^(.*)\[\d+\]$/s.exec(duck)
  const element = array && textFromDuckdbType(array[1] ?? '')
  if (element) return { type: `list(${element})`, expression: `CAST(${column} AS ${duckdbTypeFromText(element)}[])` }
  const map = /^MAP\((.*)\)$/s.exec(duck)
  const entries = map && textFromDuckdbType(`STRUCT(${mapFields(map[1] ?? '')})[]`)
  if (entries) return { type: entries, expression: `CAST(map_entries(${column}) AS ${duckdbTypeFromText(entries)})` }
  if (/^(ENUM|BIT|UHUGEINT|BIGNUM|TIME WITH TIME ZONE|TIME_NS)/.test(duck))
    return { type: 'text', expression: `CAST(${column} AS VARCHAR)` }
  throw new CheckError(`${file} has column "${name}" of type ${duck}, which millrace does not carry`, { dataset, file, column: name })
}

/** `K, V` of a MAP as the fields of its entries. */
function mapFields(inner: string): string {
  let depth = 0
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] === '(') depth++
    else if (inner[i] === ')') depth--
    else if (inner[i] === ',' && depth === 0) return `"key" ${inner.slice(0, i)}, "value" ${inner.slice(i + 1).trim()}`
  }
  return inner
}
