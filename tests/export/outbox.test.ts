import { expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { announce, markedPointers, settleMarker, tell, toldUpTo } from '../../lib/export/notice/outbox.ts'
import { pointerLayout } from '../../lib/export/pointer-layout.ts'
import { opened } from '../connectors/gcs/kit.ts'
import { testContext } from '../kit/context.ts'
import { freshStore } from './kit.ts'

const STORES: readonly (readonly [string, () => Store | Promise<Store>])[] = [
  ['a folder', freshStore],
  ['a bucket', async () => (await opened()).store],
]
const pointer = pointerLayout('sales/2024-01-01')
const about = { pipeline: 'p', path: 'sales/{partition}.csv', dataset: 'sale', partition: '2024-01-01' } as const

/** What the marker of the pointer says. */
async function marked(store: Store) {
  const [found, ...more] = await markedPointers(store, 'p')
  expect(more).toEqual([])
  return found
}

test.each(STORES)(
  'announce in %s: who waits keeps his place, who is new begins here, and an old marker takes no new one away',
  async (_name, open) => {
    const store = await open()
    const by = { store, ctx: testContext(), place: {} }
    await announce(by, pointer, about, 0, [])
    expect(await marked(store)).toBeUndefined()
    await announce(by, pointer, about, 4, ['a'])
    const first = await marked(store)
    expect(first?.announced).toMatchObject({ folder: 'sales/2024-01-01', named: false, switch: 5, receivers: ['a'] })
    expect([await toldUpTo(store, pointer, 'a'), await toldUpTo(store, pointer, 'b')]).toEqual([4, undefined])

    // The switch after it, before anybody was told.
    await announce(by, pointer, about, 5, ['a', 'b'])
    expect([await toldUpTo(store, pointer, 'a'), await toldUpTo(store, pointer, 'b')]).toEqual([4, 5])
    if (first) await settleMarker(store, first)
    const second = await marked(store)
    expect(second?.announced).toMatchObject({ switch: 6, receivers: ['a', 'b'] })

    await tell(by, pointer, 'a', 6)
    await tell(by, pointer, 'b', 6)
    if (second) await settleMarker(store, second)
    expect(await marked(store)).toBeUndefined()
    // Of a receiver that was left out for some switches, and of a pointer that a hand has begun anew: what nobody announced to him is not told.
    await announce(by, pointer, about, 9, ['a'])
    expect(await toldUpTo(store, pointer, 'a')).toBe(9)
    await announce(by, pointer, about, 0, ['a'])
    expect([await toldUpTo(store, pointer, 'a'), (await marked(store))?.announced.switch]).toEqual([0, 1])
  },
)

test.each(STORES)('announce in %s: of two at the same time one is told that it was outrun', async (_name, open) => {
  const store = await open()
  const by = { store, ctx: testContext(), place: {} }
  const results = await Promise.allSettled([1, 2, 3].map(() => announce(by, pointer, about, 0, ['a'])))
  const failed = results.filter((each) => each.status === 'rejected')
  expect(failed.length).toBeLessThan(3)
  for (const { reason } of failed) expect(reason).toMatchObject({ name: 'OutrunError' })
  expect(await marked(store)).toMatchObject({ announced: { switch: 1 } })
})
