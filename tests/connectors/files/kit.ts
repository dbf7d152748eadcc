import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { files } from '../../../lib/connectors/files/index.ts'
import type { FileFormat } from '../../../lib/connectors/requests.ts'
import type { Source } from '../../../lib/connectors/source.ts'
import type { RunContext } from '../../../lib/core/context.ts'
import type { Columns } from '../../../lib/core/dataset.ts'
import { MillraceError } from '../../../lib/core/errors.ts'
import { quoteLiteral } from '../../../lib/core/quote.ts'
import type { MetaRow } from '../../../lib/engines/duckdb.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { openReader, type Reader } from '../../../lib/engines/reader.ts'
import { explainMisfit } from '../../../lib/extract/explain.ts'
import { type SelectRequest, selectDeclared } from '../../../lib/extract/select.ts'
import { copyStatement } from '../../../lib/formats/parquet.ts'
import { temporaryFolder, testContext } from '../../kit/context.ts'

export interface LandOptions extends FileFormat {
  readonly paths?: readonly string[]
  readonly zone?: string
  readonly request?: Partial<SelectRequest>
  readonly source?: Columns
  readonly ctx?: RunContext
}

/** One reader for a test file. */
export function useReader(): () => Reader {
  let reader: Reader
  beforeAll(() => {
    const limits = { memoryBytes: 512 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
    reader = openReader({ limits, zone: 'UTC', temp: join('/tmp', `millrace-files-${process.pid}`) })
  })
  afterAll(() => reader.close())
  return () => reader
}

/** Writes files into a fresh folder; gives the folder. */
export async function folderOf(contents: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = temporaryFolder()
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

/** Opens a folder as the source does. */
export function sourceOf(folder: string, reader: Reader, zone?: string): Source {
  return files(folder, zone === undefined ? {} : { zone }).openSource({ reader, extensions: NO_EXTENSIONS })
}

/** Lands files as a run does, one Parquet file, and gives its rows, every value as DuckDB's text in the declared type's storage. */
export async function landFiles(folder: string, columns: Columns, reader: Reader, options: LandOptions = {}): Promise<readonly MetaRow[]> {
  const { paths = ['*'], zone, request = {}, source = columns, ctx = testContext(), ...format } = options
  const relation = await sourceOf(folder, reader, zone).read(
    { dataset: 'd', request: { method: 'files', paths, ...format }, columns: source },
    ctx,
  )
  const select: SelectRequest = { dataset: 'd', columns, kind: { by: 'whole' }, ...request }
  try {
    const { sql, values, fast } = selectDeclared(relation, select)
    const to = join(ctx.workspace, 'landed.parquet')
    await reader
      .execute(
        {
          dataset: 'd',
          before: relation.before,
          statements: [
            {
              sql: copyStatement(sql, to),
              ...(values && { values }),
              ...(fast && { fast: fast.map((way) => ({ ...way, sql: copyStatement(way.sql, to) })) }),
            },
          ],
        },
        ctx.signal,
      )
      .catch(async (error: unknown) => {
        throw await explainMisfit(relation, select, error, reader, ctx)
      })
    await relation.verify?.()
    return (await reader.execute({ meta: { sql: `SELECT COLUMNS(*)::VARCHAR FROM read_parquet(${quoteLiteral(to)}) LIMIT 1000` } })).meta
  } finally {
    await relation.close()
  }
}

/** Message, kind and place of the error of a promise. */
export async function errorOf(work: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return { kind: error.name, message: error.message, ...error.place, ...(error.hint !== undefined && { hint: error.hint }) }
  }
  throw new Error('nothing was thrown')
}
