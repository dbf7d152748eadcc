import type { RunContext } from '../../core/context.ts'
import { MillraceError } from '../../core/errors.ts'
import { retrying } from '../../core/retry.ts'
import type { Warehouse, WarehouseTools } from '../warehouse.ts'
import { applicationName, placeText } from './client.ts'
import { copyOutOf } from './copy-out.ts'
import { explained } from './faults.ts'
import { TWO_CONNECTIONS } from './fill-by-two.ts'
import { type LoadTarget, loadTable } from './load.ts'
import { loadEngine } from './load-engine.ts'
import { type LoadSession, openLoadSession } from './load-session.ts'
import type { Settings } from './options.ts'
import { receiveFrames } from './receive.ts'
import type { ServerUse } from './server.ts'
import { describeTable } from './tables.ts'
import { readTokens } from './tokens.ts'

/** Opens the warehouse of a postgres connection: a session for each call, none between them. */
export function openWarehouse(
  settings: Settings,
  server: ServerUse,
  tools: WarehouseTools,
  two = TWO_CONNECTIONS,
): Warehouse & Required<Pick<Warehouse, 'receive'>> {
  const extension = settings.extension ? tools.extensions.file('postgres_scanner') : undefined
  const engine = loadEngine(extension)
  let warned = false
  const reach = async (ctx: RunContext) => {
    const address = await server.address()
    const place = placeText(settings, address)
    // Tokens alone say what is loaded: a run that has nothing to load believes them, too.
    if (settings.insecure && !warned)
      ctx.emit({ type: 'warning', stage: 'load', message: `insecure: whoever is between can read and change what goes to ${place}` })
    warned = true
    const open = () => openLoadSession(settings, address, applicationName(ctx))
    return { settings, place, extension: extension !== undefined, open }
  }
  const withEngine = async <T>(ctx: RunContext, work: (target: LoadTarget) => Promise<T>): Promise<T> => {
    const reached = await reach(ctx)
    const db = await engine.connect(ctx)
    try {
      return await work({ ...reached, db, two })
    } finally {
      db.close()
    }
  }
  /** A question that changes nothing, asked again while the server may answer later. */
  const ask = async <T>(doing: string, ctx: RunContext, work: (session: LoadSession) => Promise<T>): Promise<T> => {
    ctx.signal.throwIfAborted()
    const { open, place } = await reach(ctx)
    return retrying(ctx, { stage: 'load', retries: settings.retries }, async () => {
      try {
        const session = await open()
        try {
          return await work(session)
        } finally {
          await session.close()
        }
      } catch (error) {
        const why = explained(error, `${doing} of ${place}`)
        throw why instanceof MillraceError ? why.at({ stage: 'load' }) : why
      }
    })
  }
  return {
    kind: 'postgres',
    describe: (table, ctx) =>
      ask(`looking at the table "${table}"`, ctx, async (session) => (await describeTable(session, settings.schema, table))?.columns),
    load: (request, ctx) => withEngine(ctx, (target) => loadTable(target, request, ctx)),
    copyOut: (request, ctx) => withEngine(ctx, (target) => copyOutOf(target, request, ctx)),
    receive: async (request, frames, ctx) => receiveFrames(await reach(ctx), request, frames, ctx),
    tokens: (pipeline, ctx) => ask('reading the tokens', ctx, (session) => readTokens(session, settings.schema, pipeline)),
    close: async () => {
      await engine.close()
      await server.release()
    },
  }
}
