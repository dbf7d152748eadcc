import type { Source } from './source.ts'
import type { Store } from './store.ts'
import type { Warehouse } from './warehouse.ts'

/** A system that a configuration has named: its modules are loaded, and it is opened, by the first call of something that it does. */
export interface Late<T> {
  get(): Promise<T>
  /** Closes what was opened; opens nothing. */
  close(): Promise<void>
}

/** `open` imports what it needs: whoever only names a system does not pay for it. It is called once. */
export function late<T extends { close(): Promise<void> }>(open: () => Promise<T>): Late<T> {
  let opened: Promise<T> | undefined
  return {
    get: () => {
      opened ??= open()
      return opened
    },
    close: async () => (await opened?.catch(() => undefined))?.close(),
  }
}

/** What every source does, of one that is opened late. */
export function lateSource(known: Pick<Source, 'kind' | 'concurrency'>, { get, close }: Late<Source>): Source {
  return {
    ...known,
    describe: async (read, ctx) => (await get()).describe(read, ctx),
    version: async (read, ctx) => (await get()).version(read, ctx),
    read: async (read, ctx) => (await get()).read(read, ctx),
    close,
  }
}

/** What every store does, of one that is opened late. */
export function lateStore(known: Pick<Store, 'kind' | 'localPath'>, { get, close }: Late<Store>): Store {
  return {
    ...known,
    put: async (key, body, options) => (await get()).put(key, body, options),
    get: async (key, range) => (await get()).get(key, range),
    head: async (key) => (await get()).head(key),
    list: async function* (prefix) {
      yield* (await get()).list(prefix)
    },
    copy: async (from, to, options) => (await get()).copy(from, to, options),
    delete: async (key, options) => (await get()).delete(key, options),
    close,
  }
}

/** What every warehouse does, of one that is opened late. */
export function lateWarehouse(kind: string, { get, close }: Late<Warehouse>): Warehouse {
  return {
    kind,
    describe: async (table, ctx) => (await get()).describe(table, ctx),
    load: async (request, ctx) => (await get()).load(request, ctx),
    copyOut: async (request, ctx) => (await get()).copyOut(request, ctx),
    tokens: async (pipeline, ctx) => (await get()).tokens(pipeline, ctx),
    close,
  }
}
