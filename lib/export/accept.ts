import { ConfigError } from '../core/errors.ts'
import { isWaiting, readHeld } from './gate/held.ts'
import { release } from './gate/hold.ts'
import { type GoingTo, goTo, requireWhole, type There } from './go-to.ts'

/** What was let through: what was held, or what a person had gone back from. */
export interface Accepted extends There {
  readonly was: 'held' | 'rolledBack'
}

/**
 * Lets through what is held, else goes forward again to what was rolled back, and records why.
 * @throws ConfigError where nothing waits, or it is not whole any more
 */
export async function accept(going: GoingTo, reason: string): Promise<Accepted> {
  const { store, pointer, place, pointed } = going
  const { latest } = pointed
  const record = await readHeld(store, pointer)
  const held = isWaiting(record?.held, latest) ? record?.held : undefined
  if (!held) await release(store, pointer, record)
  const target = held ? { ...held, manifestSha256: held.run.manifestSha256 } : latest.rolledBack
  if (!target)
    throw new ConfigError('nothing is held, and nothing was rolled back', {
      ...place,
      hint: 'millrace deliver history says what is current',
    })
  const there = await requireWhole(store, target, latest.dataset === null)
  await goTo(going, there, { accepted: { reason } })
  if (held) await release(store, pointer, record)
  return { ...there, was: held ? 'held' : 'rolledBack' }
}
