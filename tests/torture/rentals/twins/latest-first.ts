import type { Store, StoreConnection } from '../../../../lib/connectors/store.ts'

/** A broken twin of a store: a delivery's file gets its name only after `latest.json` leads there. */
export function latestFirst(connection: StoreConnection): StoreConnection {
  return { ...connection, openStore: () => openLatestFirst(connection.openStore()) }
}

/** A delivery's file under its immutable name. */
const DATA = /\/[0-9a-f]{12}-[0-9a-f]{8}\.csv$/

function openLatestFirst(store: Store): Store {
  let late: (() => Promise<unknown>)[] = []
  return {
    ...store,
    copy: async (from, to, options) => {
      const there = await store.head(from)
      if (!there || !DATA.test(to)) return store.copy(from, to, options)
      late.push(() => store.copy(from, to, options))
      return { ...there, key: to }
    },
    delete: async (key, options) => {
      if (late.length === 0) return store.delete(key, options)
      late.push(() => store.delete(key, options))
    },
    put: async (key, body, options = {}) => {
      if (DATA.test(key) && 'bytes' in body) {
        late.push(() => store.put(key, body, options))
        const { crc32c = '', metadata = {} } = options
        return { key, bytes: Buffer.byteLength(body.bytes), version: '0', crc32c, metadata }
      }
      const made = await store.put(key, body, options)
      if (!key.endsWith('/latest.json')) return made
      const due = late
      late = []
      for (const work of due) await work()
      return made
    },
  }
}
