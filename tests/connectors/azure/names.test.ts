import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { namesUnder } from '../../../lib/connectors/azure/names.ts'

const names = namesUnder('a/prefix/')

describe('namesUnder', () => {
  it.each([
    ['plain/key.csv', 'plain/key.csv'],
    ['100%/%2F/%zz', '100%/%252F/%zz'],
    ['back\\slash', 'back%5Cslash'],
    ['new\nline/tab\t', 'new%0Aline/tab%09'],
    ['..hidden/...', '..hidden/%2E%2E%2E'],
    ['CON/nul.', 'CON/nul%2E'],
    ['a./b', 'a%2E/b'],
    ['\u0081', '%C2%81'],
    ['\uffff', '%EF%BF%BF'],
    ['%EF%BF%BF', '%25EF%25BF%25BF'],
    ['😀.csv', '😀.csv'],
  ])('makes of the key %j the name %j, and the key of it again', (key, name) => {
    expect(names.nameOf(key)).toBe(`a/prefix/${name}`)
    expect(names.keyOf(`a/prefix/${name}`)).toBe(key)
  })

  const part = fc
    .string({ unit: fc.constantFrom('a', 'B', '%', '2', '5', 'E', 'F', '.', '\\', '\n', 'é', '\u0085', '😀'), minLength: 1, maxLength: 6 })
    .filter((text) => text !== '.' && text !== '..')
  const key = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))

  it('gives every key a name of its own, without what Azure cannot have, and lists it under each of its beginnings', () => {
    fc.assert(
      fc.property(key, fc.nat(20), (each, cut) => {
        const name = names.nameOf(each)
        expect(names.keyOf(name)).toBe(each)
        expect(name).not.toMatch(/[\p{Cc}\\]|\.(\/|$)/u)
        const start = [...each].slice(0, cut).join('')
        expect(name.startsWith(names.listPrefix(start))).toBe(true)
      }),
    )
  })

  it.each(['%41', 'a.', '%FF', 'a//b', '%EF%BF'])('has no key for the foreign name %j', (name) => {
    expect(names.keyOf(`a/prefix/${name}`)).toBeUndefined()
  })

  it.each(['x'.repeat(1100), 'x/'.repeat(300).slice(0, -1)])('refuses what makes a name that Azure cannot have', (each) => {
    expect(() => names.nameOf(each)).toThrow(/longer than 1024 characters or 254 parts/)
  })
})
