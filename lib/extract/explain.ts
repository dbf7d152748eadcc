import { type Relation, runOver } from '../connectors/source.ts'
import type { RunContext } from '../core/context.ts'
import { CheckError, type ErrorPlace } from '../core/errors.ts'
import type { Reader } from '../engines/reader.ts'
import { type ColumnType, typeText } from '../engines/types.ts'
import { withStructure } from '../formats/file-faults.ts'
import { tried } from '../formats/strict.ts'
import { cutOf, type DeclaredValue, declaredValues, rowsOf, type SelectRequest, sourceValues } from './select.ts'

const MOST_CHARACTERS = 200

/**
 * The error to throw after a failed landing: for data that does not fit, a CheckError with dataset, column, file, row and value; for a file that is not built as its format
 * wants, one with file and line; any other error comes back as it is. Reads the relation once more, up to the first offending row.
 */
export async function explainMisfit(
  relation: Relation,
  request: SelectRequest,
  error: unknown,
  reader: Pick<Reader, 'execute'>,
  ctx: RunContext,
): Promise<unknown> {
  if (!(error instanceof CheckError) || !(error.cause instanceof Error)) return error
  const structural = withStructure(error, request.dataset, relation.called)
  if (structural !== error) return structural
  const found = await search(relation, request, reader, ctx)
  return found ? misfit(found, request, error) : error
}

interface Found {
  readonly file: string
  readonly row: number
  readonly value: string | null
  readonly column: string
  readonly type: ColumnType
}

/** The first row with a value that does not fit, in the source's own columns, else in what the expressions give. */
async function search(
  given: Relation,
  request: SelectRequest,
  reader: Pick<Reader, 'execute'>,
  ctx: RunContext,
): Promise<Found | undefined> {
  const relation = { ...given, raw: given.locatedRaw ?? given.raw }
  const { expressions, source } = request
  if (!expressions) return firstOf(declaredValues(relation, request), `(${relation.located})`, relation, request, reader, ctx)
  const values = sourceValues(relation, source)
  const inSource = await firstOf(values, `(${relation.located})`, relation, { ...request, kind: { by: 'whole' } }, reader, ctx)
  if (inSource) return inSource
  const rows = rowsOf(relation, request, relation.located, ['r._file', 'r._row'])
  return firstOf(declaredValues(relation, request), rows, relation, request, reader, ctx)
}

async function firstOf(
  values: readonly DeclaredValue[],
  rows: string,
  relation: Relation,
  request: SelectRequest,
  reader: Pick<Reader, 'execute'>,
  ctx: RunContext,
): Promise<Found | undefined> {
  const cut = cutOf(relation, request, values)
  const windowed = request.kind.by === 'window' && request.window ? request.kind.column : undefined
  const bad = values.map(({ column, strict, before }) =>
    column === windowed ? `${tried(strict)} IS NULL` : `(coalesce(NOT ${tried(`${before} IS NULL`)}, true) AND ${tried(strict)} IS NULL)`,
  )
  const which = values.map((_, i) => `WHEN ${bad[i]} THEN ${i}`).join(' ')
  const what = values.map(({ before }, i) => `WHEN ${i} THEN ${tried(`CAST(${before} AS VARCHAR)`)}`).join(' ')
  // A row whose window value does not fit belongs to no window that is known: it is named as well.
  const where = cut ? ` WHERE coalesce(${tried(cut.where)}, true)` : ''
  const inner = `SELECT *, CASE ${which} END AS __millrace_which FROM ${rows} AS r${where}`
  const sql = `SELECT _file, _row, __millrace_which AS which, substr(CASE __millrace_which ${what} END, 1, ${MOST_CHARACTERS}) AS value FROM (${inner}) AS r WHERE __millrace_which IS NOT NULL ORDER BY _file, _row LIMIT 1`
  const job = { dataset: request.dataset, meta: { sql, ...(cut && { values: cut.values }) } }
  const { meta } = await runOver(relation, 'located', job, reader, ctx.signal)
  const row = meta[0]
  const value = row && values[Number(row.which)]
  if (!row || !value) return undefined
  return { file: row._file ?? '', row: Number(row._row), value: row.value ?? null, column: value.column, type: value.type }
}

function misfit({ file, row, value, column, type }: Found, { dataset, kind }: SelectRequest, error: CheckError): CheckError {
  const text = typeText(type)
  const missing = value === null && kind.by === 'window' && kind.column === column
  const what = missing
    ? 'has no value, and is the window: the row would be in no partition'
    : value === null
      ? 'gives no value'
      : `${JSON.stringify(value)} is not ${/^[aeiou]/.test(text) && !/^u/.test(text) ? 'an' : 'a'} ${text}`
  const hint = missing ? 'give it a value with columns: { … }' : hintOf(value, type)
  const place: ErrorPlace = { ...error.place, dataset, column, row, file, ...(value !== null && { value }) }
  return new CheckError(`column "${column}" row ${row} of ${file}: ${what}`, {
    ...place,
    ...(hint !== undefined && { hint }),
    cause: error.cause,
  })
}

function hintOf(value: string | null, type: ColumnType): string | undefined {
  if (value === null) return undefined
  if (type.name === 'timestamp' && /(Z|[+-]\d{2}(:?\d{2})?)$/.test(value)) return 'it has a zone: declare the column timestamptz'
  if (/^u?int/.test(type.name) && /^[+-]?\d*\.\d+$/.test(value)) return 'it has a fraction: declare the column float64 or decimal(p,s)'
  if (/^(NA|N\/A|NULL|null|None|-|NaN)$/.test(value)) return `if it means NULL, say so: nulls: ['${value}']`
  return undefined
}
