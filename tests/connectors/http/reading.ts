import { readdirSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { http } from '../../../lib/connectors/http/index.ts'
import type { HttpOptions } from '../../../lib/connectors/http/options.ts'
import type { HttpRequest } from '../../../lib/connectors/requests.ts'
import type { Read, Relation } from '../../../lib/connectors/source.ts'
import { type MetaRow, openDuckDB } from '../../../lib/engines/duckdb.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { type TestContext, temporaryFolder, testContext } from '../../kit/context.ts'
import { noReader } from '../../kit/no-reader.ts'

/** Reads one dataset from a connection that is opened for it alone. */
export async function read(
  options: HttpOptions,
  request: Partial<HttpRequest>,
  more: Partial<Read> = {},
  ctx: TestContext = testContext(),
): Promise<Relation> {
  const source = http({ retries: 2, ...options }).openSource({ reader: noReader, extensions: NO_EXTENSIONS })
  onTestFinished(() => source.close())
  return source.read({ dataset: 'thing', columns: { id: 'int64' }, request: { method: 'GET', path: '/things', ...request }, ...more }, ctx)
}

/** The rows of a SELECT over a relation, each value as text. */
export async function rowsOf(sql: string): Promise<readonly MetaRow[]> {
  const engine = await openDuckDB({ memoryBytes: 512 * 2 ** 20, threads: 1, temp: temporaryFolder() })
  try {
    return await engine.meta(sql)
  } finally {
    engine.close()
  }
}

/** The column `id` of all rows, in order of rows. */
export async function idsOf(relation: Relation): Promise<string[]> {
  return (await rowsOf(`SELECT id FROM (${relation.sql})`)).map((row) => String(row.id))
}

/** What a failed read threw, and what it left in the workspace. */
export async function failure(ctx: TestContext, reading: Promise<unknown>): Promise<unknown> {
  const error = await reading.then(
    () => {
      throw new Error('the read did not fail')
    },
    (reason: unknown) => reason,
  )
  const left = readdirSync(ctx.workspace)
  if (left.length > 0) throw new Error(`the failed read left ${left.join(', ')}`)
  return error
}
