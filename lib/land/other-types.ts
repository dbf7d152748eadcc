import type { RunContext } from '../core/context.ts'
import type { Columns } from '../core/dataset.ts'
import { CheckError, MillraceError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { duckdbType, duckdbTypeFromText, parseType } from '../engines/types.ts'
import { readParquet } from '../formats/parquet.ts'
import { storedType, storedValue, strictCast, tried } from '../formats/strict.ts'

/** A local Parquet file, and the columns that it landed with. */
interface LandedFile {
  readonly path: string
  readonly columns: Columns
}

/** A landed column as another type, as it lies in millrace's files; the statement fails for a value that would change. */
export function asOtherType(column: string, landed: string, wanted: string): string {
  return storedValue(strict(column, landed, wanted), parseType(wanted))
}

function strict(column: string, landed: string, wanted: string): string {
  const [from, to] = [parseType(landed), parseType(wanted)]
  const name = quoteIdentifier(column)
  const value = storedType(from) === duckdbType(from) ? name : `CAST(${name} AS ${duckdbTypeFromText(landed)})`
  return strictCast(value, from, to)
}

/** Does what reads landed files as `columns`. @throws CheckError for a value that landed under another type and does not fit today's; else what `work` throws */
export async function overLanded<T>(
  work: () => Promise<T>,
  files: readonly LandedFile[],
  { dataset, columns }: { readonly dataset: string; readonly columns: Columns },
  db: DuckDB,
  ctx: RunContext,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    ctx.signal.throwIfAborted()
    if (error instanceof MillraceError) throw error
    throw (await unfit(files, { dataset, columns }, db, ctx, error)) ?? error
  }
}

/** The error for the first landed value that does not fit the type that its column has now; undefined where all do. */
export async function unfit(
  files: readonly LandedFile[],
  { dataset, columns }: { readonly dataset: string; readonly columns: Columns },
  db: DuckDB,
  ctx: RunContext,
  cause?: unknown,
): Promise<CheckError | undefined> {
  for (const [column, wanted] of Object.entries(columns)) {
    const others = files.filter(({ columns: there }) => Object.hasOwn(there, column) && there[column] !== wanted)
    for (const [landed = wanted, group] of Map.groupBy(others, ({ columns: there }) => there[column])) {
      const name = quoteIdentifier(column)
      const [found] = await db.meta(
        `SELECT CAST(${name} AS VARCHAR) AS value FROM ${readParquet(group.map(({ path }) => path))} WHERE ${name} IS NOT NULL AND ${tried(strict(column, landed, wanted))} IS NULL LIMIT 1`,
        undefined,
        ctx.signal,
      )
      if (!found) continue
      const value = found.value ?? ''
      return new CheckError(`column "${column}" of "${dataset}" has landed as ${landed}, and ${JSON.stringify(value)} is not ${wanted}`, {
        ...{ stage: 'land', pipeline: ctx.pipeline, dataset, column, value, cause },
        hint: `declare it ${landed} again; or read all of the source anew: millrace run ${ctx.pipeline} --refresh`,
      })
    }
  }
  return undefined
}
