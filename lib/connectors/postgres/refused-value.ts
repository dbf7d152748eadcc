import { CheckError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import type { RowsToCopy } from './wire.ts'

/** As ErrorPlace says: a value is cut to 200 characters. */
const SHOWN = 200

/** NUL in a text, which PostgreSQL has in no text. */
const NUL = '22021'

/** The error of a COPY as a CheckError that names column and value, where a value was refused; else as it is. PostgreSQL says line and, mostly, column: the value is looked up where it came from. */
export async function refusedValue(error: unknown, db: DuckDB, rows: RowsToCopy): Promise<unknown> {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('22'))) return error
  const where = 'where' in error && typeof error.where === 'string' ? error.where : ''
  const found = (await named(where, db, rows)) ?? (error.code === NUL ? await firstNul(db, rows) : undefined)
  if (!found) return error
  const said = error.message.split('\n')[0]
  return new CheckError(`"${rows.table}" cannot take ${JSON.stringify(found.value)} in column "${found.column}": ${said} (${error.code})`, {
    table: rows.table,
    ...found,
    hint: 'PostgreSQL has no such value in this type: change it, or the type, in the transform',
    cause: error,
  })
}

/** `COPY t, line 3, column day`, with the value after it in CSV. In binary a line is a row. */
async function named(where: string, db: DuckDB, { columns, files, wire }: RowsToCopy) {
  const [, line, rest] = /(?:^|\n)COPY .*?, line (\d+), column (.*)$/s.exec(where) ?? []
  if (line === undefined || rest === undefined) return undefined
  const candidates = Object.keys(columns).filter((name) => rest === name || rest.startsWith(`${name}:`))
  const column = candidates.sort((a, b) => b.length - a.length)[0]
  if (column === undefined) return undefined
  const quoted = /^: "(.*)"$/s.exec(rest.slice(column.length))?.[1]
  if (quoted !== undefined) return { column, value: quoted.slice(0, SHOWN) }
  if (wire !== 'binary') return undefined
  // The rows come in the files' order, in the COPY as here.
  const [row] = await db.meta(
    `SELECT left(CAST(${quoteIdentifier(column)} AS VARCHAR), ${SHOWN}) AS value FROM (${relationOfFiles(columns, files)}) LIMIT 1 OFFSET ${Number(line) - 1}`,
  )
  return { column, value: row?.value ?? '', row: Number(line) }
}

async function firstNul(db: DuckDB, { columns, files }: RowsToCopy) {
  for (const column of Object.keys(columns)) {
    const text = `CAST(${quoteIdentifier(column)} AS VARCHAR)`
    const [row] = await db.meta(
      `SELECT left(${text}, ${SHOWN}) AS value FROM (${relationOfFiles(columns, files)}) WHERE contains(${text}, chr(0)) LIMIT 1`,
    )
    if (row) return { column, value: row.value ?? '' }
  }
  return undefined
}
