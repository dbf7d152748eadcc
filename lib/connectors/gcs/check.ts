import { clockFinding, type Finding, fault } from '../../core/finding.ts'
import type { CheckContext } from '../check.ts'
import { probeStore } from '../probe-store.ts'
import { clientOf } from './client.ts'
import { namePrefix } from './names.ts'
import type { GcsOptions } from './options.ts'
import { bucketOf } from './resource.ts'
import { openGcsStore } from './store.ts'

const PATIENCE_MS = 10_000

/** `StoreConnection.check` of a bucket: its clock by one listing, then what a store must do. Two more tries: Cloud Storage takes one write of a name in a second. */
export async function checkBucket(options: GcsOptions, ctx: CheckContext): Promise<readonly Finding[]> {
  const patient = {
    ...options,
    retries: Math.min(options.retries ?? 2, 2),
    timeoutMs: Math.min(options.timeoutMs ?? PATIENCE_MS, PATIENCE_MS),
  }
  const bucket = bucketOf(options.bucket)
  const prefix = namePrefix(options.prefix)
  let date: Date
  try {
    const doing = { what: `list ${bucket.urlOf(prefix)}`, file: bucket.urlOf(prefix) }
    const query = { prefix, maxResults: '1', fields: 'items(name)' }
    const { headers } = await clientOf(patient).send({
      method: 'GET',
      url: bucket.pathOf('').slice(0, -1),
      query,
      doing,
      signal: ctx.signal,
    })
    date = new Date(headers.date ?? Number.NaN)
  } catch (error) {
    return [fault('answers', error)]
  }
  const clock = Number.isNaN(date.getTime()) ? [] : [clockFinding('Cloud Storage', date, ctx.clock.now(), 1000)]
  const store = openGcsStore(patient)
  try {
    return [await probeStore(store, ctx.signal), ...clock]
  } finally {
    await store.close()
  }
}
