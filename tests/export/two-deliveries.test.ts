import { describe, expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { NotFound, TransientError } from '../../lib/core/errors.ts'
import { outcomeOf, run, runWithoutRows } from './delivering.ts'
import { followLatest, freshStore, keyOf, keysOf, namesDataset, readText, requestOf } from './kit.ts'

describe('two deliveries at once', () => {
  /** A store in which `step` of the first two callers happens only when both have come so far. */
  function meeting(store: Store, step: (key: string, how: 'put' | 'copy') => boolean): Store {
    const { promise: both, resolve: met } = Promise.withResolvers<void>()
    let come = 0
    const meet = async () => {
      if (++come === 2) met()
      if (come <= 2) await both
    }
    return {
      ...store,
      put: async (key, body, options) => {
        if (step(key, 'put')) await meet()
        return store.put(key, body, options)
      },
      copy: async (from, to, options) => {
        if (step(to, 'copy')) await meet()
        return store.copy(from, to, options)
      },
    }
  }

  test.each<[string, string, boolean]>([
    ['the first delivery', 'names/2018-02-04/latest.json', false],
    ['a replacement', 'names/2018-02-04/latest.json', true],
  ])('%s: one wins, the other is told, and a rerun settles it', async (_what, at, again) => {
    const store = freshStore()
    if (again) await run(requestOf(await namesDataset(5), { inputKey: keyOf('0') }), store)
    const [a, b] = [requestOf(await namesDataset(10)), requestOf(await namesDataset(11), { inputKey: keyOf('b') })]
    const met = meeting(store, (key) => key === at)
    const results = await Promise.allSettled([run(a, met, 'run-a'), run(b, met, 'run-b')])
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
    expect(lost).toHaveLength(1)
    expect(lost[0]).toBeInstanceOf(TransientError)
    expect(lost[0]).toMatchObject({
      message: 'another delivery of this export and partition was faster',
      place: { stage: 'export', partition: '2018-02-04' },
    })
    const winner = results[0]?.status === 'fulfilled' ? a : b
    expect(await followLatest(store, at)).toMatchObject({ inputKey: winner.inputKey })
    expect(await outcomeOf(runWithoutRows(winner, store))).toBe('unchanged')
    const loser = winner === a ? b : a
    expect(await outcomeOf(run(loser, store, 'run-c'))).toBe('delivered')
    expect(await followLatest(store, at)).toMatchObject({ inputKey: loser.inputKey })
  })

  test('a plain copy that comes late does not replace a newer one', async () => {
    const store = freshStore()
    const plain = 'names/2018-02-04.csv'
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
    const { promise: switched, resolve: atPlain } = Promise.withResolvers<void>()
    const slow: Store = {
      ...store,
      copy: async (from, to, options) => {
        if (to !== plain) return store.copy(from, to, options)
        atPlain()
        await held
        return store.copy(from, to, options)
      },
    }
    const late = run(requestOf(await namesDataset(10)), slow, 'run-a')
    await switched
    expect(await outcomeOf(run(requestOf(await namesDataset(11), { inputKey: keyOf('b') }), store, 'run-b'))).toBe('delivered')
    letGo()
    await expect(late).rejects.toBeInstanceOf(TransientError)
    await expect(late).rejects.toThrow('another delivery')
    expect(await followLatest(store, 'names/2018-02-04/latest.json')).toMatchObject({ inputKey: keyOf('b') })
    expect(await readText(store, plain)).toMatch(/\n10,name 10\n$/)
  })

  test.each<[string, Partial<Store>]>([
    ['before it is looked at', { head: async () => undefined }],
    ['before it is copied', { copy: async (from) => Promise.reject(new NotFound(`no object ${from}`)) }],
  ])('what one has written is swept away by the other %s: it is told, and publishes nothing', async (_when, without) => {
    const store = freshStore()
    const head: Store['head'] = async (key) => (key.startsWith('_tmp/') ? undefined : store.head(key))
    const swept: Store = { ...store, ...without, ...(without.head && { head }) }
    await expect(run(requestOf(await namesDataset(20_000)), swept, 'run-a')).rejects.toMatchObject({
      name: 'OutrunError',
      message: 'another delivery of this export and partition was faster',
      place: { stage: 'export', partition: '2018-02-04' },
    })
    expect(await keysOf(store)).toEqual([])
  })

  test.each([
    [10, 'put'],
    [20_000, 'copy'],
  ] as const)('of the same content share the objects: %i rows, by %s', async (rows, by) => {
    const store = freshStore()
    const request = requestOf(await namesDataset(rows))
    const met = meeting(store, (key, how) => how === by && /^names\/2018-02-04\/[^/]*\.csv$/.test(key))
    const results = await Promise.allSettled([run(request, met, 'run-a'), run(request, met, 'run-b')])
    expect(results.filter((result) => result.status === 'fulfilled').length).toBeGreaterThanOrEqual(1)
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(TransientError)
    expect(await outcomeOf(runWithoutRows(request, store))).toBe('unchanged')
    expect((await keysOf(store)).length).toBe(4)
  })
})
