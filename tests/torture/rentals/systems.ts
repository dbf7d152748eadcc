import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSakila } from '../../../fixtures/rentals/server.ts'
import { gcs } from '../../../lib/connectors/gcs/index.ts'
import type { StoreConnection } from '../../../lib/connectors/store.ts'
import { type GcsProcess, startGcsProcess } from '../../kit/gcs-process.ts'
import type { FaultRule } from '../../kit/gcs-server.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { SCRIPT } from './script.ts'

export const WAREHOUSE = 'warehouse'
export const BUCKET = 'bucket'

/** What stands outside of the runs: a PostgreSQL with the sources and the warehouse, a bucket. They are never killed with them. */
export interface Systems extends AsyncDisposable {
  readonly postgres: TestPostgres
  readonly bucket: Bucket
  /** Where the bucket's server keeps its objects. */
  readonly folder: string
}

export interface Bucket {
  readonly url: string
  /** The objects below a prefix, as a store. */
  under(prefix: string): StoreConnection
  /** Copies all objects of a prefix to another one, where there are none yet. */
  copy(from: string, to: string): Promise<void>
  /** The next writes fail so. */
  fail(...rules: readonly FaultRule[]): Promise<void>
  /** No more faults; forgets what was asked. */
  calm(): Promise<void>
}

/** Starts both, and makes the source as it is before each step of the script. */
export async function startSystems(): Promise<Systems> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-torture-bucket-'))
  // A commit that the server has answered must outlive its crash, though this server's own setting says that it need not.
  const settings = ['synchronous_commit=off', 'wal_writer_delay=10s', 'autovacuum=off']
  const [postgres, bucket] = await Promise.all([testPostgres({ settings }), startGcsProcess(['--folder', folder, '--bucket', BUCKET])])
  const stop = async () => {
    await Promise.all([postgres.stop('immediate'), bucket.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await createSakila(postgres)
    let before = 'sakila'
    for (const { source, changes } of SCRIPT) {
      await postgres.query('postgres', `CREATE DATABASE ${source} TEMPLATE ${before} STRATEGY FILE_COPY`)
      await postgres.query(source, changes)
      before = source
    }
    return { postgres, bucket: bucketOf(bucket), folder, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A broken twin of the bucket: the same objects in a server that ignores preconditions. */
export async function startTwinBucket({ folder }: Pick<Systems, 'folder'>): Promise<Bucket & AsyncDisposable> {
  const copy = mkdtempSync(join(tmpdir(), 'millrace-torture-twin-'))
  cpSync(folder, copy, { recursive: true })
  const server = await startGcsProcess(['--folder', copy, '--bucket', BUCKET, '--ignore-preconditions'])
  const stop = async () => {
    await server.stop()
    rmSync(copy, { recursive: true, force: true })
  }
  return { ...bucketOf(server), [Symbol.asyncDispose]: stop }
}

/** The bucket of a server. */
function bucketOf({ url }: Pick<GcsProcess, 'url'>): Bucket {
  const control = async (path: string, body?: unknown) => {
    const answer = await fetch(`${url}/_control/${path}`, { method: 'POST', ...(body !== undefined && { body: JSON.stringify(body) }) })
    await answer.arrayBuffer()
  }
  const under = (prefix: string) => gcs({ bucket: BUCKET, prefix, apiEndpoint: url })
  return {
    url,
    under,
    copy: async (from, to) => {
      const names: string[] = []
      for await (const key of under(from).openStore().list('')) names.push(key)
      const object = (prefix: string, key: string) => `b/${BUCKET}/o/${encodeURIComponent(`${prefix}/${key}`)}`
      for (const key of names) {
        const answer = await fetch(`${url}/storage/v1/${object(from, key)}/rewriteTo/${object(to, key)}`, { method: 'POST' })
        if (!answer.ok) throw new Error(`copying ${key}: ${answer.status} ${await answer.text()}`)
        await answer.arrayBuffer()
      }
    },
    fail: (...rules) => control('faults', rules),
    calm: () => control('calm'),
  }
}
