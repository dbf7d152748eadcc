import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { namePrefix, namesUnder } from '../../../lib/connectors/gcs/names.ts'

const part = fc
  .array(fc.constantFrom('a', '%', '0', '2', '5', 'A', 'D', '\n', '\r', 'é', ' ', '.'), { minLength: 1, maxLength: 8 })
  .map((signs) => signs.join(''))
  .filter((text) => text !== '.' && text !== '..')
const key = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))

describe('namesUnder', () => {
  it('gives each key a name of its own, without line ends, and the key back', () => {
    const { nameOf, keyOf } = namesUnder(namePrefix('p/q'))
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(nameOf(a)).not.toMatch(/[\r\n]/)
        expect(keyOf(nameOf(a))).toBe(a)
        if (a !== b) expect(nameOf(a)).not.toBe(nameOf(b))
      }),
    )
  })

  it('listPrefix begins the name of every key that begins with the prefix', () => {
    const { nameOf, listPrefix } = namesUnder('')
    fc.assert(
      fc.property(key, fc.nat(30), (text, length) => {
        const prefix = text.slice(0, length)
        expect(nameOf(text).startsWith(listPrefix(prefix))).toBe(true)
      }),
    )
  })

  it('leaves ordinary keys as they are, 100% too', () => {
    const { nameOf } = namesUnder(namePrefix('deliveries'))
    expect(nameOf('a/100%/b c.csv')).toBe('deliveries/a/100%/b c.csv')
  })

  it('hides temporaries, and refuses their names and those that Cloud Storage refuses', () => {
    const { nameOf, keyOf, temporary } = namesUnder('')
    expect(keyOf(temporary('x'))).toBeUndefined()
    expect(keyOf('folder/')).toBeUndefined()
    for (const wrong of ['.millrace-tmp/x', 'a/.millrace-x', '.well-known/acme-challenge/x', 'x'.repeat(1025), '\ud800'])
      expect(() => nameOf(wrong)).toThrow(/^not a key/)
  })
})
