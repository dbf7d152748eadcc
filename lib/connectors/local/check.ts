import { exists } from '../../core/disk.ts'
import { spaceFinding, writableFinding } from '../../core/disk-findings.ts'
import { type Finding, looking } from '../../core/finding.ts'
import type { CheckContext } from '../check.ts'
import { probeStore } from '../probe-store.ts'
import { openLocalStore } from './store.ts'

/** `StoreConnection.check` of a folder. One that is not there is not made: it would belong to whoever asked the doctor. */
export async function checkStore(folder: string, ctx: CheckContext): Promise<readonly Finding[]> {
  const space = await looking('disk', () => spaceFinding('disk', folder))
  if (!(await exists(folder))) return [await writableFinding('folder', folder), ...space]
  const store = openLocalStore(folder)
  try {
    return [await probeStore(store, ctx.signal), ...space]
  } finally {
    await store.close()
  }
}
