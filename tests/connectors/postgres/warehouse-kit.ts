import { randomUUID } from 'node:crypto'
import { expect, onTestFinished } from 'vitest'
import { extensionsFolder } from '../../../lib/config/load.ts'
import type { TwoConnections } from '../../../lib/connectors/postgres/fill-by-two.ts'
import { type PostgresOptions, postgres } from '../../../lib/connectors/postgres/index.ts'
import { settingsOf } from '../../../lib/connectors/postgres/options.ts'
import { sharedServer } from '../../../lib/connectors/postgres/server.ts'
import { openWarehouse } from '../../../lib/connectors/postgres/warehouse.ts'
import type { Disposition, LoadReceipt, Warehouse } from '../../../lib/connectors/warehouse.ts'
import type { Columns, Dataset } from '../../../lib/core/dataset.ts'
import type { MillraceError } from '../../../lib/core/errors.ts'
import { type Extensions, extensionsIn, NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { type TestContext, temporaryFolder, testContext } from '../../kit/context.ts'
import { datasetOf } from '../../kit/dataset.ts'
import type { TestPostgres } from '../../kit/postgres.ts'
import { CHECKOUT } from '../../kit/project.ts'

const HERE = extensionsIn(extensionsFolder(CHECKOUT))

/** By the COPY stream, and by the extension where set-up has put it in place. */
export const ROADS: readonly (readonly [name: string, extensions: Extensions])[] =
  HERE.file('postgres_scanner') === undefined
    ? [['by the COPY stream', NO_EXTENSIONS]]
    : [
        ['by the COPY stream', NO_EXTENSIONS],
        ['by the extension', HERE],
      ]

export const append: Disposition = { mode: 'append' }
export const replace: Disposition = { mode: 'replace' }
export const replacePartition: Disposition = { mode: 'replacePartition' }
export const merge: Disposition = { mode: 'merge', key: ['id'] }

export interface LoadOptions {
  readonly columns?: Columns
  readonly partition?: string
  readonly ctx?: TestContext
  readonly dataset?: Dataset
  readonly tombstones?: readonly string[]
}

export interface WarehouseSetup {
  readonly folder: string
  readonly database: string
  readonly warehouse: Warehouse
  /** Loads a SELECT of DuckDB's, each time under another input key; `id int64, value text` unless `columns` says otherwise. */
  load(table: string, disposition: Disposition, select: string, options?: LoadOptions): Promise<LoadReceipt>
  /** Rows of a query as the superuser, values joined by `|`. */
  rows(sql: string): Promise<readonly string[]>
  tokens(): Promise<readonly string[]>
}

/** A warehouse in a database of its own; `options` go before the server's address, `two` says which first loads have two connections. */
export async function warehouseOn(
  server: TestPostgres,
  options: Partial<PostgresOptions> = {},
  extensions = NO_EXTENSIONS,
  two?: TwoConnections,
): Promise<WarehouseSetup> {
  const folder = temporaryFolder()
  const database = options.database ?? (await server.createDatabase())
  const { host, port, user, password } = server
  const given = { host, port, user, password, database, retries: 0, ...options }
  const warehouse = two
    ? openWarehouse(settingsOf(given), sharedServer(given)(), { extensions }, two)
    : postgres(given).openWarehouse({ extensions })
  onTestFinished(() => warehouse.close())
  const reading = postgres({ host, port, user, password, database, ...(options.schema && { schema: options.schema }) }).openWarehouse({
    extensions,
  })
  return {
    folder,
    database,
    warehouse,
    load: async (
      table,
      disposition,
      select,
      { columns = { id: 'int64', value: 'text' }, partition = '', ctx = testContext(), tombstones, ...given } = {},
    ) => {
      const dataset = given.dataset ?? (await datasetOf(folder, 'numbers', columns, select))
      const tokens = await reading.tokens('test', testContext())
      const expected = tokens.find((token) => token.table === table && token.partition === partition)
      const token = { pipeline: 'test', table, partition, inputKey: randomUUID(), loads: {} }
      return warehouse.load({ dataset, table, disposition, expected, token, load: '000001', ...(tombstones && { tombstones }) }, ctx)
    },
    rows: async (sql) => (await server.query(database, sql)).map((row) => row.join('|')),
    tokens: async () => (await reading.tokens('test', testContext())).map(({ table, partition }) => `${table}|${partition}`),
  }
}

/** The error of a kind that work ends with. */
export async function failure<E extends MillraceError>(work: Promise<unknown>, kind: abstract new (...args: never[]) => E): Promise<E> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(kind)
  return error as E
}
