import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32c } from '@node-rs/crc32'
import { expect, onTestFinished } from 'vitest'
import { gcs } from '../../../lib/connectors/gcs/index.ts'
import type { GcsOptions } from '../../../lib/connectors/gcs/options.ts'
import { openGcsStore } from '../../../lib/connectors/gcs/store.ts'
import type { Store } from '../../../lib/connectors/store.ts'
import { type ManualClock, manualClock } from '../../kit/context.ts'
import { type GcsServer, type GcsServerOptions, type Recorded, startGcsServer } from '../../kit/gcs-server.ts'

export const CHUNK = 256 * 1024

export interface Opened {
  readonly server: GcsServer
  readonly store: Store
  /** Its sleeps pass at once, and are kept. */
  readonly clock: ManualClock
}

/** A fault server of its own for a test, and a store on its `bucket` with chunks of 256 KiB. */
export async function opened(options: Partial<GcsOptions> = {}, serverOptions: GcsServerOptions = {}): Promise<Opened> {
  const server = await startGcsServer(serverOptions)
  onTestFinished(() => server.close())
  const clock = manualClock(new Date())
  const settings: GcsOptions = { bucket: 'bucket', apiEndpoint: server.url, chunkSize: CHUNK, timeoutMs: 300, ...options }
  gcs(settings)
  return { server, clock, store: openGcsStore(settings, clock) }
}

export const crcOf = (content: Uint8Array | string): string => crc32c(content).toString(16).padStart(8, '0')

/** Content of two and a half chunks. */
export const LONG = randomBytes(2.5 * CHUNK)

export const streamOf = (content: Uint8Array): Readable =>
  Readable.from(content.length > 1000 ? [content.subarray(0, 1000), content.subarray(1000)] : [content])

export const read = async (store: Store, key: string): Promise<Buffer> => buffer(await store.get(key))

const MUTATING: readonly string[] = ['insert', 'start', 'rewrite', 'copy', 'compose', 'delete', 'patch']

/** Every request that changes something carried a precondition (a session's requests carry its own), every upload a checksum. */
export function expectGuarded(requests: readonly Recorded[]): void {
  for (const { operation, query, described, name, status } of requests) {
    if (MUTATING.includes(operation)) expect(query.ifGenerationMatch, `${operation} ${name}`).toMatch(/^\d+$/)
    if (operation === 'rewrite') expect(query.ifSourceGenerationMatch).toMatch(/^[1-9]\d*$/)
    if (operation === 'insert' && status !== undefined) expect(described).toMatchObject({ crc32c: expect.stringMatching(/^.{6}==$/) })
    if (operation === 'start' && status !== undefined && !name.startsWith('.millrace-tmp/'))
      expect(described).toMatchObject({ crc32c: expect.stringMatching(/^.{6}==$/) })
    if (operation === 'media') expect(query.generation).toBe(query.ifGenerationMatch)
  }
  const finals = requests.filter(({ operation, headers }) => operation === 'chunk' && !String(headers['content-range']).endsWith('/*'))
  for (const { headers } of finals) expect(headers['x-goog-hash']).toMatch(/^crc32c=.{6}==$/)
}

/** What was done, in order. */
export const operations = (requests: readonly Recorded[]): string[] => requests.map(({ operation }) => operation)
