import fc from 'fast-check'
import { expect, test } from 'vitest'
import { currentState } from '../../lib/land/current-state.ts'
import { testContext } from '../kit/context.ts'
import { noRelation, rowsOf, testLanding, typed } from '../kit/landing.ts'

const columns = { id: 'int64', at: 'int64', v: 'int64' }

/** What the source does between two reads. */
const act = fc.oneof(fc.record({ id: fc.nat(5), v: fc.nat(3) }), fc.record({ id: fc.nat(5), gone: fc.constant(true) }))

test('the state follows a source that inserts, updates, deletes and brings back, whatever is read in one go', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(act, { maxLength: 4 }), { minLength: 1, maxLength: 5 }), async (reads) => {
      const landing = testLanding({ columns, kind: { by: 'cursor', column: 'at', key: ['id'], deletes: 'keys' } })
      const source = new Map<number, { at: number; v: number }>()
      let [time, from]: [number, string | undefined] = [0, undefined]
      for (const acts of reads) {
        for (const each of acts) {
          if ('gone' in each) source.delete(each.id)
          else source.set(each.id, { at: ++time, v: each.v })
        }
        const all = [...source].map(([id, { at, v }]) => ({ id, at, v }))
        const rows = all.filter(({ at }) => from === undefined || at >= Number(from)).map(({ id, at, v }) => `(${id}, ${at}, ${v})`)
        const keys = typed(all.map(({ id }) => `(${id})`).join(', '), { id: 'int64' })
        const { manifest } = await landing.land(rows.join(', '), {
          keys: { select: { sql: keys }, relation: noRelation },
          ...(from !== undefined && { cursorFrom: from }),
        })
        from = manifest.cursor?.to
        const state = await currentState(
          landing.store,
          { pipeline: 'test', dataset: 'd', columns, key: ['id'], cursor: 'at' },
          testContext(),
        )
        expect(await rowsOf(state.files)).toEqual(all.map(({ id, at, v }) => `${id}|${at}|${v}`).sort())
      }
    }),
    { numRuns: 20 },
  )
})
