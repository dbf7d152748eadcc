import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDouble, numberKeeper } from '../../lib/engines/json-numbers.ts'

const bytes = (text: string) => Buffer.from(text)

/** Runs a text through in chunks of `size` bytes. */
function kept(text: string, size: number, quote: readonly string[], keep: readonly string[] = [], depth: 1 | 2 = 2) {
  const keeper = numberKeeper({
    depth,
    quote: new Set(quote),
    keep: new Set(keep),
    refuse: (column, number) => {
      throw new Error(`${column}: ${number}`)
    },
  })
  const input = bytes(text)
  const out: Uint8Array[] = []
  for (let i = 0; i < input.length; i += size) out.push(...keeper.next(input.subarray(i, i + size), false))
  out.push(...keeper.next(new Uint8Array(), true))
  return { text: Buffer.concat(out).toString(), changed: keeper.changed }
}

describe('numberKeeper', () => {
  const long = '0.12345678901234567890'

  it('puts long numbers of its columns into quotes, at any depth below them, and nothing else', () => {
    const json = `[{"a": ${long}, "b": ${long}, "c": {"a": ${long}, "x": [1, -${long}, "${long}"]}, "k\\"": 1.5e-3}, {"a":1}]`
    const expected = `[{"a": "${long}", "b": ${long}, "c": {"a": "${long}", "x": [1, "-${long}", "${long}"]}, "k\\"": 1.5e-3}, {"a":1}]`
    for (const size of [1, 2, 3, 7, 16, 1000]) expect(kept(json, size, ['a', 'c'])).toEqual({ text: expected, changed: true })
  })

  it('leaves bytes as they are where it has nothing to do', () => {
    const json = `[{"a\\u0062": 1, "t": "\\\\\\"{[,: 12345678901234567890", "é": "😀"}]`
    for (const size of [1, 2, 5, 1000]) expect(kept(json, size, ['t', 'ab'])).toEqual({ text: json, changed: false })
  })

  it('takes an object a line', () => {
    expect(kept(`{"a":${long}}\n{"b":${long}}\n`, 4, ['b'], [], 1)).toEqual({ text: `{"a":${long}}\n{"b":"${long}"}\n`, changed: true })
  })

  it('refuses a number that a double does not hold in a column whose numbers stay', () => {
    expect(() => kept(`[{"j":{"n":${long}}}]`, 5, [], ['j'])).toThrow(`j: ${long}`)
    expect(kept('[{"j":[10.357019999999999, 12345678901234567890123]}]', 5, [], ['j']).changed).toBe(false)
  })

  it('gives JSON of the same values for any rows, the long ones as texts', () => {
    const number = fc.tuple(fc.integer(), fc.stringMatching(/^[0-9]{1,25}$/)).map(([whole, fraction]) => `${whole}.${fraction}`)
    const row = fc.record({ q: number, n: number, t: fc.string() })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (rows, size) => {
        const text = `[${rows.map(({ q, n, t }) => `{"q":${q},"n":${n},"t":${JSON.stringify(t)}}`).join(',')}]`
        const read = JSON.parse(kept(text, size, ['q']).text)
        expect(read).toEqual(rows.map(({ q, n, t }) => ({ q: q.length >= 17 ? q : Number(q), n: Number(n), t })))
      }),
    )
  })
})

describe('isDouble', () => {
  it('says whether the shortest text of the double has the same value', () => {
    for (const number of [
      '10.357019999999999',
      '0.10000000000000000000',
      '1e22',
      '-1.5',
      '100000000000000000000.0',
      '0.0',
      '00012345678901234567890',
    ])
      expect([number, isDouble(number)]).toEqual([number, true])
    for (const number of ['0.1234567890123456789', '1.0000000000000000001', '12345678901234567890.5', '9007199254740993.0'])
      expect([number, isDouble(number)]).toEqual([number, false])
  })
})
