import { ConfigError } from '../core/errors.ts'
import { isWaiting, readHeld } from './gate/held.ts'
import { release } from './gate/hold.ts'
import { type GoingTo, goTo, requireWhole, type There } from './go-to.ts'
import type { Latest } from './manifest.ts'

/**
 * Goes back to an earlier delivery, records from which and why, and gives where it went. `history`: what the pointer has said, newest first. `to`: the number of a switch; absent: the newest delivery that was there before the current
 * one ever was. The input that was gone back from counts as settled: a run does not deliver it again.
 * @throws ConfigError where there is no such delivery, or it is not whole any more
 */
export async function rollBack(
  going: GoingTo,
  history: readonly Latest[],
  { to, reason }: { readonly to: number | undefined; readonly reason: string },
): Promise<There & { readonly switch: number }> {
  const { latest } = going.pointed
  const target = to === undefined ? before(history, latest) : history.find((each) => each.switch === to)
  if (!target)
    throw new ConfigError(to === undefined ? 'there is no earlier delivery' : `there is no switch ${to}`, {
      ...going.place,
      hint: `there are: ${history.map((each) => each.switch).join(', ')}; millrace deliver history lists them`,
    })
  if (target.manifest === latest.manifest)
    throw new ConfigError(`switch ${target.switch} led to what is current already`, { ...going.place, hint: 'name another one with --to' })
  await forgetOld(going)
  const there = await requireWhole(going.store, { ...target, manifestSha256: target.run.manifestSha256 }, latest.dataset === null)
  const from = latest.rolledBack ?? { manifest: latest.manifest, manifestSha256: latest.run.manifestSha256, inputKey: latest.inputKey }
  // Going back further is still going back from the first: its input is today's.
  await goTo(going, there, { rolledBack: { ...from, reason } })
  return { ...there, switch: target.switch }
}

/** What waits no more, and was left by a run or an accept that was killed after its switch, would wait again once what it was held against is current. */
async function forgetOld({ store, pointer, pointed }: GoingTo): Promise<void> {
  const record = await readHeld(store, pointer)
  if (!isWaiting(record?.held, pointed.latest)) await release(store, pointer, record)
}

/** The newest switch to something that was first delivered before the current delivery was. */
function before(history: readonly Latest[], latest: Latest): Latest | undefined {
  const first = new Map<string, number>()
  for (const each of history) first.set(each.manifest, each.switch)
  const since = first.get(latest.manifest) ?? 0
  return history.find((each) => first.get(each.manifest) === each.switch && each.switch < since)
}
