import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyPart } from '../../lib/core/key-part.ts'

test('keyPart leaves plain names as they are', () => {
  for (const name of ['quakes', '2018-02-04', '2018-02-04T13', '_all', 'naïve "name" 日本語 😀', 'a.b']) expect(keyPart(name)).toBe(name)
})

test('keyPart makes one part of any name', () => {
  expect(['', '.', '..', '.hidden', 'a/b', '100%', 'a\0b', '*?[x]', '\ud800'].map(keyPart)).toEqual([
    ...['%', '%2E', '%2E.', '%2Ehidden', 'a%2Fb', '100%25', 'a%00b', '%2A%3F%5Bx%5D', '%uD800'],
  ])
})

test('keyPart is injective and fits a disk', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: 'grapheme', minLength: 100, maxLength: 400 }),
    fc.constantFrom('%', '%2F', '/', '%25', '.', '%2E', ''),
  )
  fc.assert(
    fc.property(name, name, (a, b) => {
      const part = keyPart(a)
      expect(part === keyPart(b)).toBe(a === b)
      expect(part).not.toMatch(/^\.|\/|\0|^$/)
      expect(Buffer.byteLength(part)).toBeLessThanOrEqual(180)
      expect(part.isWellFormed()).toBe(true)
    }),
  )
  expect(keyPart('x'.repeat(500))).not.toBe(keyPart('x'.repeat(501)))
})
