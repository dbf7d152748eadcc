import type { SharedLimits } from '../../connectors/shared-limits.ts'
import type { Served, SourceConnection } from '../../connectors/source.ts'
import type { Token, Warehouse } from '../../connectors/warehouse.ts'
import type { RunContext } from '../../core/context.ts'
import { type Asked, type CallName, calls } from './calls.ts'
import type { LimitBook } from './limit-book.ts'

/** Answers one worker. */
export interface Desk {
  /** @throws what the answer would have been; TypeError for a question that is none */
  answer(call: CallName, asked: unknown): Promise<unknown>
  /** The worker is gone: gives back what it held, and resolves when nothing of it is read any more. */
  close(): Promise<void>
}

/** What is answered from: one for all workers of a backfill. */
export interface Counter {
  warehouse(): Warehouse
  /** The context in which a partition is loaded here. */
  context(partition: string): RunContext
  readonly pipeline: string
  /** A load has committed this token. */
  committed(token: Token): void
  readonly limits: LimitBook
  readonly served: ServedBook
  readonly signal: AbortSignal
}

/** One after the other, whoever asks. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

export function inTurn(): InTurn {
  let turn: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = turn.then(work)
    turn = mine.catch(() => undefined)
    return mine
  }
}

export function openDesk(counter: Counter, loading: InTurn): Desk {
  const { limits, signal, context, committed, pipeline } = counter
  const gone = new AbortController()
  const permits = new Map<number, () => void>()
  const loads = new Set<Promise<unknown>>()
  let last = 0

  /** A load that the worker does not live to see is begun no more; one that has begun is ended, and its partition finds it done. */
  function atWarehouse<T>(work: (warehouse: Warehouse) => Promise<T>): Promise<T> {
    const mine = loading(() => {
      gone.signal.throwIfAborted()
      return work(counter.warehouse())
    })
    loads.add(mine)
    const over = () => void loads.delete(mine)
    mine.then(over, over)
    return mine
  }

  const answers: { readonly [N in CallName]: (asked: Asked<N>) => Promise<unknown> } = {
    load: ({ request, partition }) =>
      atWarehouse(async (warehouse) => {
        const receipt = await warehouse.load(request, context(partition))
        committed(request.token)
        return receipt
      }),
    copyOut: (request) => atWarehouse(async (warehouse) => (await warehouse.copyOut(request, context(''))) ?? null),
    tokens: () => atWarehouse((warehouse) => warehouse.tokens(pipeline, context(''))),
    describe: ({ table }) => atWarehouse(async (warehouse) => (await warehouse.describe(table, context(''))) ?? null),
    take: async ({ limit, total }) => {
      const permit = ++last
      permits.set(permit, await limits.take(limit, total, AbortSignal.any([signal, gone.signal])))
      return { permit }
    },
    give: async ({ permit }) => {
      permits.get(permit)?.()
      permits.delete(permit)
      return {}
    },
    book: async ({ limit, ...pass }) => ({ waitMs: limits.book(limit, pass) }),
    hold: async ({ limit, ms }) => {
      limits.hold(limit, ms)
      return {}
    },
    enter: async ({ host }) => {
      const refused = limits.enter(host)
      return { ...(refused !== undefined && { refused }) }
    },
    leave: async ({ host, failed }) => {
      limits.leave(host, failed)
      return {}
    },
    served: async ({ connection }) => ({ address: await counter.served.address(connection) }),
  }

  return {
    answer: async (call, asked) => (answers[call] as (asked: unknown) => Promise<unknown>)(calls[call].asked.parse(asked)),
    close: async () => {
      gone.abort(new Error('the worker is gone'))
      for (const give of permits.values()) give()
      permits.clear()
      await Promise.allSettled([...loads])
    },
  }
}

/** Servers that connections bring along, each started once for all processes of a backfill. */
export interface ServedBook {
  address(connection: string): Promise<string>
  close(): Promise<void>
}

export function servedBook(connections: Readonly<Record<string, SourceConnection>>): ServedBook {
  const started = new Map<string, Promise<Served>>()
  return {
    address: async (name) => {
      const serve = connections[name]?.serve
      if (!serve) throw new RangeError(`connection ${name} brings no server along`)
      const serving = started.get(name) ?? serve()
      started.set(name, serving)
      serving.catch(() => started.delete(name))
      return (await serving).address
    },
    close: async () => {
      for (const serving of started.values()) await (await serving.catch(() => undefined))?.close()
    },
  }
}

/** A connection's limits as the parent itself has them. */
export function ownLimits(connection: string, sessions: number, { limits, served }: Pick<Counter, 'limits' | 'served'>): SharedLimits {
  const named = (limit: string) => `${connection}/${limit}`
  return {
    sessions,
    take: (limit, total, signal) => limits.take(named(limit), total, signal),
    book: async (limit, pass) => limits.book(named(limit), pass),
    hold: (limit, ms) => limits.hold(named(limit), ms),
    enter: async (host) => limits.enter(named(host)),
    leave: (host, failed) => limits.leave(named(host), failed),
    served: () => served.address(connection),
  }
}
