import { randomUUID } from 'node:crypto'
import { PreconditionFailed } from '../../core/errors.ts'
import { clockFinding, type Finding, fault } from '../../core/finding.ts'
import type { CheckContext } from '../check.ts'
import { probeStore } from '../probe-store.ts'
import type { Store } from '../store.ts'
import { clientOf } from './client.ts'
import { askBucket } from './listing.ts'
import { bucketOf, namePrefix } from './names.ts'
import type { S3Options } from './options.ts'
import { openS3Store } from './store.ts'

const PATIENCE_MS = 10_000

/** `StoreConnection.check` of a bucket: its clock by one listing, what a store must do, and whether copies are guarded, which not every server that speaks S3 does. */
export async function checkBucket(options: S3Options, ctx: CheckContext): Promise<readonly Finding[]> {
  const patient = { ...options, retries: 0, timeoutMs: Math.min(options.timeoutMs ?? PATIENCE_MS, PATIENCE_MS) }
  const bucket = bucketOf(options.bucket, namePrefix(options.prefix))
  const client = clientOf(patient)
  let date: Date | undefined
  try {
    const file = bucket.urlOf(bucket.prefix)
    await askBucket(client, bucket, { what: `list ${file}`, file }, ctx.signal)
    date = await client.answered()
  } catch (error) {
    return [fault('answers', error)]
  } finally {
    await client.close()
  }
  const clock = date ? [clockFinding('S3', date, ctx.clock.now(), 1000)] : []
  const store = openS3Store(patient)
  try {
    const objects = await probeStore(store, ctx.signal)
    return [objects, ...(objects.state === 'ok' ? await probeCopies(store) : []), ...clock]
  } finally {
    await store.close()
  }
}

/** Nothing where all is well. */
async function probeCopies(store: Store): Promise<readonly Finding[]> {
  const key = `_tmp/doctor-${randomUUID()}/copy`
  try {
    await store.put(key, { bytes: 'millrace doctor was here' }, { ifAbsent: true })
    await store.copy(key, key, { ifAbsent: true })
    const advice = 'use another store: on this one two runs can destroy each other’s work'
    return [fault('preconditions', 'a copy, or an upload in parts, overwrote an object', { advice })]
  } catch (error) {
    return error instanceof PreconditionFailed ? [] : [fault('copies', error)]
  } finally {
    await store.delete(key).catch(() => undefined)
  }
}
