import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Store, StoreConnection } from '../../../lib/connectors/store.ts'
import { disk } from '../../../lib/core/disk.ts'
import type { LoadManifest } from '../../../lib/state/manifest.ts'
import { parseManifest, textOfRecord } from '../../../lib/state/manifest-text.ts'

const MANIFEST = /\/customer\/_all\/_manifests\/\d+\.json$/

/**
 * A broken twin of a landing: the cursor of the dataset `customer` is kept in a file of its own, as other tools keep a bookmark, and saved before the rows that it stands for. The next read begins where that file
 * says.
 */
export function cursorFirst(connection: StoreConnection, file: string): StoreConnection {
  return { ...connection, openStore: () => openCursorFirst(connection.openStore(), resolve(file)) }
}

function openCursorFirst(store: Store, file: string): Store {
  let late: (() => Promise<unknown>)[] = []
  return {
    ...store,
    put: async (key, body, options) => {
      if (/\/customer\/_all\/\d+-.*\.parquet$/.test(key)) {
        late.push(() => store.put(key, body, options))
        return { key, bytes: 0, version: '', crc32c: '', metadata: {} }
      }
      if (MANIFEST.test(key) && 'bytes' in body) {
        const { cursor } = JSON.parse(body.bytes.toString()) as LoadManifest
        await disk.write(file, cursor?.to ?? '')
        await disk.syncFile(file)
        const rows = late
        late = []
        for (const each of rows) await each()
      }
      return store.put(key, body, options)
    },
    get: async (key, range) => {
      const stream = await store.get(key, range)
      if (!MANIFEST.test(key) || !existsSync(file)) return stream
      const manifest = await parseManifest(await text(stream), key)
      const to = readFileSync(file, 'utf8')
      return Readable.from([textOfRecord({ ...manifest, ...(manifest.cursor && { cursor: { ...manifest.cursor, to } }) })])
    },
  }
}
