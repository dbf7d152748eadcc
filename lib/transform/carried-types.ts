import type { Columns } from '../core/dataset.ts'
import { ConfigError } from '../core/errors.ts'
import { mapScalars } from '../engines/relation.ts'
import { parseType, textFromDuckdbType, typeText } from '../engines/types.ts'

interface Described {
  readonly name: string
  readonly type: string
}

/**
 * The columns of a described result, in order. @throws ConfigError (its place holds the column) for a type that cannot be carried through Parquet and both engines, saying what to write
 * instead, and for two columns whose names are equal, or equal but for case: DuckDB knows no difference.
 */
export function carriedColumns(result: readonly Described[], engine: 'duckdb' | 'polars'): Record<string, string> {
  const columns: [string, string][] = []
  const seen = new Map<string, string>()
  for (const { name, type } of result) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) throw clash(other, name)
    seen.set(name.toLowerCase(), name)
    const text = textFromDuckdbType(type)
    if (text === undefined) throw new ConfigError(notCarried(name, type, engine), { column: name })
    columns.push([name, text])
  }
  return Object.fromEntries(columns)
}

function clash(other: string, name: string): ConfigError {
  return other === name
    ? new ConfigError(`two columns of the result are named "${name}"; give one of them another name`, { column: name })
    : new ConfigError(`columns "${other}" and "${name}" are the same name to DuckDB, which knows no case; rename one`, { column: name })
}

const instead: readonly (readonly [RegExp, string, string])[] = [
  [/\bHUGEINT\b/, 'CAST(… AS BIGINT), as in CAST(sum(x) AS BIGINT), or CAST(… AS DECIMAL(38,0))', '.cast(pl.Int64)'],
  [/\bUHUGEINT\b/, 'CAST(… AS UBIGINT) or CAST(… AS DECIMAL(38,0))', '.cast(pl.UInt64)'],
  [/\bBIGNUM\b/, 'CAST(… AS DECIMAL(38,0)) or CAST(… AS VARCHAR)', '.cast(pl.Utf8)'],
  [/\bTIME WITH TIME ZONE\b/, 'CAST(… AS TIME)', '.cast(pl.Time)'],
  [/\bTIME_NS\b/, 'CAST(… AS TIME)', '.cast(pl.Time)'],
  [/\bTIMESTAMP_NS\b/, 'CAST(… AS TIMESTAMP), which cuts to microseconds', ".cast(pl.Datetime('us'))"],
  [/\bMAP\(/, 'map_entries(…), a list of struct(key, value)', 'a list of structs'],
  [/\bUNION\(/, 'union_extract(…) for each member', 'one column for each member'],
  [/\bENUM\(/, 'CAST(… AS VARCHAR)', '.cast(pl.Utf8)'],
  [/\bBIT\b/, 'CAST(… AS VARCHAR)', '.cast(pl.Utf8)'],
  [/\[\d+\]/, 'a list: CAST(… AS T[])', '.cast(pl.List(T))'],
  [/\bVARIANT\b/, 'CAST(… AS JSON)', '.cast(pl.Utf8)'],
]

function notCarried(column: string, type: string, engine: 'duckdb' | 'polars'): string {
  const [, sql, frame] = instead.find(([pattern]) => pattern.test(type)) ?? [undefined, 'CAST(… AS VARCHAR)', '.cast(pl.Utf8)']
  const why = /\bU?HUGEINT\b/.test(type) ? ', which Parquet turns into DOUBLE (a sum of integers is one)' : ', which cannot be carried'
  return `column "${column}" is ${type.length > 80 ? `${type.slice(0, 77)}…` : type}${why}; write ${engine === 'duckdb' ? sql : frame}`
}

/**
 * The columns as a frame sees them: uuid and json are text to it, nested too. @throws ConfigError (its place holds the column) for an interval, at which Polars panics.
 */
export function frameColumns(dataset: string, columns: Columns): Record<string, string> {
  return Object.fromEntries(
    Object.entries(columns).map(([column, type]) => {
      const seen = mapScalars(parseType(type), (name) => {
        if (name === 'interval') throw intervalInFrame(dataset, column)
        return name === 'uuid' || name === 'json' ? 'text' : name
      })
      return [column, typeText(seen)]
    }),
  )
}

function intervalInFrame(dataset: string, column: string): ConfigError {
  return new ConfigError(
    `a frame cannot read an interval ("${column}" of ${dataset}); give it months, days and microseconds as integers, or text, in a SQL step`,
    { column },
  )
}
