import { crc32c } from '@node-rs/crc32'
import type pg from 'pg'
import { messageOf } from '../../../lib/core/errors.ts'
import { type Content, exported, followLatest, tornParts } from '../content.ts'
import { readWarehouse } from './content.ts'
import { BUCKET } from './systems.ts'

/** Somebody who reads warehouse and bucket again and again while runs are at work. */
export interface Reader {
  /** Looks once more and ends; gives how often both were read, and what was seen that is in none of the known states. */
  stop(): Promise<{ readonly looks: number; readonly faults: readonly string[] }>
}

export interface ReaderOptions {
  /** A session of its own. */
  readonly warehouse: () => Promise<pg.Client>
  /** The bucket's server, and where the deliveries are in it. */
  readonly url: string
  readonly prefix: string
  readonly states: readonly Content[]
}

const PAUSE_MS = 20

/**
 * Begins to read: all tables and tokens in one transaction of one snapshot; then each `latest.json`, its manifest and its files, and the plain copies, by requests of its own, with the checksums that the
 * bucket tells.
 */
export function startReader({ warehouse, url, prefix, states }: ReaderOptions): Reader {
  const known = states.map(visible)
  const faults = new Set<string>()
  let [looks, stopped] = [0, false]
  const read = async () => {
    let client: pg.Client | undefined
    for (let last = false; !last; ) {
      last = stopped
      const seen = new Map<string, string>()
      try {
        client ??= await warehouse()
        await readWarehouse(client, seen)
        await readDeliveries(url, prefix, seen)
        looks++
        for (const torn of tornParts(visible(seen), ...known)) faults.add(`a reader sees: ${torn}`)
      } catch (error) {
        // The server was restarted.
        if (!/terminat|ECONN|Connection|shutting|starting|recovery|not queryable/i.test(messageOf(error)))
          faults.add(`a reader fails: ${messageOf(error)}`)
        await client?.end().catch(() => undefined)
        client = undefined
      }
      await new Promise((done) => setTimeout(done, PAUSE_MS))
    }
    await client?.end()
  }
  const reading = read()
  return {
    stop: async () => {
      stopped = true
      await reading
      return { looks, faults: [...faults] }
    },
  }
}

/** The part of a content that readers see: tables, what is current, plain copies, and faults. */
function visible(content: Content): Content {
  return new Map([...content].filter(([name]) => /^(fault (?!landing)|warehouse |export .*(\/latest\.json|\/\d{4}-\d\d\.csv)$)/.test(name)))
}

async function readDeliveries(url: string, prefix: string, seen: Map<string, string>): Promise<void> {
  const list = await fetch(`${url}/storage/v1/b/${BUCKET}/o?prefix=${encodeURIComponent(`${prefix}/`)}`)
  const { items = [] } = (await list.json()) as { readonly items?: readonly { readonly name: string }[] }
  const read = (key: string) => download(url, `${prefix}/${key}`)
  for (const { name } of items) {
    const key = name.slice(prefix.length + 1)
    if (!/\/(latest\.json|\d{4}-\d\d\.csv)$/.test(key)) continue
    const bytes = await read(key)
    seen.set(...exported(key, bytes))
    const wrong = key.endsWith('/latest.json') ? await followLatest(bytes, read) : undefined
    if (wrong !== undefined) seen.set(`fault ${key}`, wrong)
  }
}

/** An object's bytes. @throws when it is not there, or its bytes are not of the size and checksum that the bucket tells */
async function download(url: string, name: string): Promise<Uint8Array> {
  const answer = await fetch(`${url}/storage/v1/b/${BUCKET}/o/${encodeURIComponent(name)}?alt=media`)
  const bytes = Buffer.from(await answer.arrayBuffer())
  if (answer.status !== 200) throw new Error(`${name} is not there (${answer.status})`)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32c(bytes))
  const told = `${answer.headers.get('x-goog-stored-content-length')} bytes ${answer.headers.get('x-goog-hash')?.split(',')[0]}`
  const found = `${bytes.length} bytes crc32c=${sum.toString('base64')}`
  if (told !== found) throw new Error(`${name}: ${found}, where the bucket says ${told}`)
  return bytes
}
