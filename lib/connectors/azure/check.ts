import { clockFinding, type Finding, fault } from '../../core/finding.ts'
import type { CheckContext } from '../check.ts'
import { probeStore } from '../probe-store.ts'
import { clientOf } from './client.ts'
import { namePrefix, urlsIn } from './names.ts'
import type { AzureOptions } from './options.ts'
import { openAzureStore } from './store.ts'

const PATIENCE_MS = 10_000

/** `StoreConnection.check` of a container: its clock by one listing, then what a store must do. */
export async function checkContainer(options: AzureOptions, ctx: CheckContext): Promise<readonly Finding[]> {
  const patient = { ...options, retries: 0, timeoutMs: Math.min(options.timeoutMs ?? PATIENCE_MS, PATIENCE_MS) }
  const prefix = namePrefix(options.prefix)
  const file = urlsIn(options)(prefix)
  let date: Date | undefined
  try {
    date = await clientOf(patient).call(
      { what: `list ${file}`, file },
      async ({ container, abortSignal }) =>
        (await container.listBlobsFlat({ prefix, abortSignal }).byPage({ maxPageSize: 1 }).next()).value.date,
      ctx.signal,
    )
  } catch (error) {
    return [fault('answers', error)]
  }
  const clock = date === undefined || Number.isNaN(date.getTime()) ? [] : [clockFinding('Azure', date, ctx.clock.now(), 1000)]
  const store = openAzureStore(patient)
  try {
    return [await probeStore(store, ctx.signal), ...clock]
  } finally {
    await store.close()
  }
}
