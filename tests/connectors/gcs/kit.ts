import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32c } from '@node-rs/crc32'
import { expect, onTestFinished } from 'vitest'
import { gcs } from '../../../lib/connectors/gcs/index.ts'
import type { GcsOptions } from '../../../lib/connectors/gcs/options.ts'
import { openGcsStore } from '../../../lib/connectors/gcs/store.ts'
import type { Store } from '../../../lib/connectors/store.ts'
import { MillraceError } from '../../../lib/core/errors.ts'
import { type ManualClock, manualClock, temporaryFolder } from '../../kit/context.ts'
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

/** The configuration of a workload identity: its own token stands in a file, the server of tokens is given. */
export function workloadIdentity(tokenUrl: string, folder = temporaryFolder()): string {
  writeFileSync(join(folder, 'subject-token'), 'planted-subject-token')
  return JSON.stringify({
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: tokenUrl,
    credential_source: { file: join(folder, 'subject-token') },
  })
}

/** What a request of a store fails with, checked for form: one lower-case sentence that says what and where, and what to do. */
export async function failure(put: Promise<unknown>): Promise<MillraceError> {
  const error = await put.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!(error instanceof MillraceError)) throw new Error(`no failure of ours: ${String(error)}`)
  expect(error.message).toMatch(/^[a-z][^\n]*[^.]$/)
  expect(error.place.file).toBeDefined()
  expect(error.hint).toBeTruthy()
  const shown = JSON.stringify([error.message, error.hint, error.place, error.stack])
  expect(shown).not.toMatch(/planted|secret-token|PRIVATE KEY/)
  return error
}
