import { CheckError } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import { relationOfFiles } from '../../engines/relation.ts'
import type { RowsToCopy } from './wire.ts'

/** As ErrorPlace says: a value is cut to 200 characters. */
const SHOWN = 200

/** NUL in a text, which PostgreSQL has in no text. */
const NUL = '22021'

/** A character that the database's encoding has not; its message has the bytes of it in ours, and no column. */
const NO_CHARACTER = '22P05'
const CHARACTER = /^character with byte sequence ((?:0x[0-9a-f]{2} ?)+) in encoding "UTF8" has no equivalent in encoding "(.*)"$/

/** What the extension refuses by itself, before PostgreSQL sees it, and our guard for it: they name the value, and no column. */
const OUT_OF_RANGE = /^Invalid Input Error: \w[\w ]* "(.*)" is (out of range for Postgre.*)$/s

/**
 * The error of a COPY, of the server's side or the engine's, as a CheckError that names column and value, where a value was refused; else as it is. PostgreSQL says line and, mostly, column: the value is
 * looked up where it came from.
 */
export async function refusedValue(error: unknown, db: DuckDB, rows: RowsToCopy): Promise<unknown> {
  if (!(error instanceof Error)) return error
  const { code, where } = error as { readonly code?: unknown; readonly where?: unknown }
  const refuse = (found: Found, said: string) =>
    new CheckError(`"${rows.table}" cannot take ${JSON.stringify(found.value)} in column "${found.column}": ${said}`, {
      table: rows.table,
      ...found,
      hint: 'change the value, or the type, in the transform: PostgreSQL has no such value in this type',
      cause: error,
    })
  if (code === NUL || error.message.includes('NULL-byte')) {
    const found = await firstWhere(db, rows, (text) => `contains(${text}, chr(0))`)
    return found ? refuse(found, 'PostgreSQL has no NUL in a text') : error
  }
  const [, bytes, encoding] = (code === NO_CHARACTER && CHARACTER.exec(error.message.split('\n')[0] ?? '')) || []
  if (bytes !== undefined) {
    const character = Buffer.from(bytes.replaceAll(/0x| /g, ''), 'hex').toString()
    const found = await firstWhere(db, rows, (text) => `contains(${text}, ${quoteLiteral(character)})`)
    return found ? refuse(found, `the database's encoding, ${encoding}, has no "${character}"`) : error
  }
  const [, value, said] = OUT_OF_RANGE.exec(error.message) ?? []
  if (value !== undefined) {
    const literal = quoteLiteral(value)
    // A list holds it among others.
    const found =
      (await firstWhere(db, rows, (text) => `${text} = ${literal}`)) ??
      (await firstWhere(db, rows, (text) => `contains(${text}, ${literal})`))
    return found ? refuse(found, said ?? '') : error
  }
  if (typeof code !== 'string' || !code.startsWith('22') || typeof where !== 'string') return error
  const found = await named(where, db, rows)
  return found ? refuse(found, `${error.message.split('\n')[0]} (${code})`) : error
}

interface Found {
  readonly column: string
  readonly value: string
  readonly row?: number
}

/** `COPY t, line 3, column day`, with the value after it in CSV. In binary a line is a row. */
async function named(where: string, db: DuckDB, { columns, files, wire }: RowsToCopy): Promise<Found | undefined> {
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

async function firstWhere(db: DuckDB, { columns, files }: RowsToCopy, where: (text: string) => string): Promise<Found | undefined> {
  for (const column of Object.keys(columns)) {
    const text = `CAST(${quoteIdentifier(column)} AS VARCHAR)`
    const [row] = await db.meta(
      `SELECT left(${text}, ${SHOWN}) AS value FROM (${relationOfFiles(columns, files)}) WHERE ${where(text)} LIMIT 1`,
    )
    if (row) return { column, value: row.value ?? '' }
  }
  return undefined
}
