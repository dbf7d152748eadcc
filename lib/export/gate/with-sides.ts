import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../../connectors/store.ts'
import type { RunContext } from '../../core/context.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { OpenEngine } from '../../engines/engine-pool.ts'
import { orderNames } from '../contract/order.ts'
import { engineError } from '../engine-error.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { type Side, sideOfDelivery } from './side.ts'

/** Two deliveries to be compared. */
export interface Sides<T> {
  readonly before: DeliveryManifest
  /** A delivery, or a side that is at hand. */
  readonly after: DeliveryManifest | Side
  /** The zone of the engine's session. */
  readonly zone: string
  /** What comes of a first delivery that cannot be read; may throw. */
  readonly unreadable: (error: unknown) => T
}

/** Opens an engine and both sides for some work, in a folder of their own. */
export async function withSides<T>(
  { before, after, zone, unreadable }: Sides<T>,
  {
    store,
    ctx,
    openEngine,
  }: { readonly store: Store; readonly ctx: Pick<RunContext, 'workspace' | 'limits' | 'signal'>; readonly openEngine: OpenEngine },
  work: (db: DuckDB, before: Side, after: Side) => Promise<T>,
): Promise<T> {
  await mkdir(ctx.workspace, { recursive: true })
  const folder = await mkdtemp(join(ctx.workspace, 'compare-'))
  const sideIn = async (name: string, manifest: DeliveryManifest): Promise<Side> => {
    await mkdir(join(folder, name))
    return sideOfDelivery(manifest, store, join(folder, name), ctx.signal)
  }
  try {
    let first: Side
    try {
      first = await sideIn('before', before)
    } catch (error) {
      ctx.signal.throwIfAborted()
      return unreadable(error)
    }
    const second = 'sql' in after ? after : await sideIn('after', after)
    const db = await openEngine({ ...ctx.limits, temp: join(folder, 'spill'), zone, preserveOrder: false })
    try {
      return await work(db, first, second)
    } catch (error) {
      ctx.signal.throwIfAborted()
      throw engineError(error, 'compare the deliveries')
    } finally {
      db.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The columns that name a row of a delivery where its contract's gate does not say: those of its order. */
export function keyOfDelivery({ contract }: DeliveryManifest): readonly string[] {
  return orderNames({ columns: Object.fromEntries(contract.columns.map(({ name, type }) => [name, type])), orderBy: contract.orderBy })
}

/** The zone in which a delivery's values are written. */
export function zoneOf({ contract }: DeliveryManifest): string {
  return 'zone' in contract ? contract.zone : 'UTC'
}
