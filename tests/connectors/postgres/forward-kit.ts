import { afterAll, beforeAll, onTestFinished } from 'vitest'
import type { Frames } from '../../../lib/connectors/frames.ts'
import { type PostgresOptions, postgres } from '../../../lib/connectors/postgres/index.ts'
import type { TableRequest } from '../../../lib/connectors/requests.ts'
import type { Read } from '../../../lib/connectors/source.ts'
import type { ReceiveReceipt, Token } from '../../../lib/connectors/warehouse.ts'
import type { Clock } from '../../../lib/core/clock.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { receive } from '../../../lib/load/receive.ts'
import { testContext } from '../../kit/context.ts'
import { noReader } from '../../kit/no-reader.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { hastyClock } from './kit.ts'

export interface ForwardSetup {
  readonly from: string
  readonly to: string
  /** Forwards a table into one of the same name; as a run of its own, on a snapshot of its own. */
  forward(request: Partial<TableRequest>, more?: ForwardOptions): Promise<ReceiveReceipt>
  source(sql: string): Promise<readonly string[]>
  warehouse(sql: string): Promise<readonly string[]>
  token(table: string, partition?: string): Promise<Token | undefined>
}

export interface ForwardOptions {
  readonly columns?: Read['columns']
  readonly window?: Read['window']
  readonly partition?: string
  readonly zone?: string
  readonly into?: string
  readonly expected?: Token
  readonly force?: boolean
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly run?: string
  /** Where the source is reached; default: itself. */
  readonly from?: Partial<PostgresOptions>
  readonly to?: Partial<PostgresOptions>
  /** Stands before the frames. */
  readonly tap?: (frames: Frames) => Frames
}

/** An older server and a newer one, for all tests of a file. */
export function forwardServers() {
  const servers = {} as { old: TestPostgres; young: TestPostgres }
  beforeAll(async () => {
    ;[servers.old, servers.young] = await Promise.all([
      testPostgres({ version: 15 }),
      testPostgres({ version: 18, settings: ['max_connections=40'] }),
    ])
  })
  afterAll(() => Promise.all([servers.old?.stop(), servers.young?.stop()]))
  return servers
}

/** New databases of these two servers. */
export async function forwardBetween(from: TestPostgres, to: TestPostgres): Promise<ForwardSetup> {
  const [a, b] = [await from.createDatabase(), await to.createDatabase()]
  const options = ({ host, port, user, password }: TestPostgres, database: string): PostgresOptions => ({
    host,
    port,
    user,
    password,
    database,
  })
  const joined = (server: TestPostgres, database: string) => async (sql: string) =>
    (await server.query(database, sql)).map((row) => row.map((value) => value ?? '∅').join('|'))
  const token = async (table: string, partition = '') => {
    const reading = postgres(options(to, b)).openWarehouse({ extensions: NO_EXTENSIONS })
    try {
      return (await reading.tokens('test', testContext())).find((each) => each.table === table && each.partition === partition)
    } finally {
      await reading.close()
    }
  }
  return {
    ...{ from: a, to: b, token },
    source: joined(from, a),
    warehouse: joined(to, b),
    forward: async ({ table = 't', ...request }, more = {}) => {
      const source = postgres({ ...options(from, a), ...more.from }).openSource({ reader: noReader, extensions: NO_EXTENSIONS })
      const warehouse = postgres({ ...options(to, b), ...more.to }).openWarehouse({ extensions: NO_EXTENSIONS })
      onTestFinished(async () => {
        await source.close()
        await warehouse.close()
      })
      const ctx = testContext({ clock: more.clock ?? hastyClock, run: more.run ?? 'run-1', ...(more.signal && { signal: more.signal }) })
      try {
        const asked = { dataset: 'd', request: { method: 'table' as const, table, ...request } }
        const columns = more.columns ?? (await source.describe(asked, ctx))
        const read: Read = {
          ...asked,
          columns,
          ...(more.window && { window: more.window }),
          ...(more.partition !== undefined && { partition: more.partition }),
          ...(more.zone !== undefined && { zone: more.zone }),
        }
        const frames = await source.frames?.(read, ctx)
        if (!frames) throw new Error('no frames')
        const { receipt } = await receive(
          {
            pipeline: 'test',
            dataset: 'd',
            target: { table: more.into ?? table, disposition: { mode: more.partition === undefined ? 'replace' : 'replacePartition' } },
            partition: more.partition,
            expected: 'expected' in more ? more.expected : await token(more.into ?? table, more.partition),
            load: 'abcdef012345',
            lasting: true,
            inputKey: (content) => `asked-${content}`,
            force: more.force ?? false,
          },
          more.tap ? more.tap(frames) : frames,
          warehouse,
          ctx,
        )
        return receipt
      } finally {
        await source.close()
        await warehouse.close()
      }
    },
  }
}
