import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { longNumberFinder } from '../../lib/engines/long-number.ts'

/** Whether a run is found in a text that comes in pieces of `size` bytes: copied, or read into the finder's own buffer. */
function found(text: string, length: number, size = text.length || 1, own = false): boolean {
  using finder = longNumberFinder(length)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size)
    if (own) finder.buffer.set(piece)
    if (finder.foundIn(own ? finder.buffer.subarray(0, piece.length) : piece)) return true
  }
  return false
}

describe('longNumberFinder', () => {
  it('finds so many digits, points and underscores in a row, wherever they stand, and no fewer', () => {
    for (const length of [16, 17, 40]) {
      const run = '12345678901.3456_'.repeat(3)
      for (let at = 0; at < 40; at++) {
        for (const size of [1, 3, 16, 17, 200]) {
          expect(found(`${' '.repeat(at)}${run.slice(0, length)} 1`, length, size)).toBe(true)
          expect(found(`${'/'.repeat(at)}${run.slice(0, length - 1)}:1`, length, size)).toBe(false)
        }
      }
    }
    expect(found('', 16)).toBe(false)
  })

  it('agrees with a pattern on any bytes in any pieces, in its own buffer or not', () => {
    const unit = fc.constantFrom('0', '9', '.', '5', '1', '3', '7', '2', '_', '4', '6', '8', ',', '/', ':', 'e', 'é', '-', '^', '`')
    const text = fc.string({ unit, maxLength: 300 })
    fc.assert(
      fc.property(text, fc.constantFrom(16, 17), fc.integer({ min: 1, max: 310 }), fc.boolean(), (text, length, size, own) => {
        expect(found(text, length, size, own)).toBe(new RegExp(`[0-9._]{${length}}`).test(text))
      }),
      { numRuns: 2000 },
    )
  })

  it('knows each byte', () => {
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.alloc(33, byte)
      using finder = longNumberFinder(16)
      expect([byte, finder.foundIn(bytes)]).toEqual([byte, /[0-9._]/.test(String.fromCharCode(byte))])
    }
  })

  it('takes pieces that are larger than its buffer', () => {
    using finder = longNumberFinder(16)
    const { length } = finder.buffer
    const bytes = Buffer.alloc(2 * length + 5, ' ')
    expect(finder.foundIn(bytes)).toBe(false)
    bytes.fill('1', length - 8, length + 8)
    expect(finder.foundIn(bytes)).toBe(true)
  })

  it('keeps nothing of the bytes that another one has looked at', () => {
    expect(found('1'.repeat(15), 16)).toBe(false)
    expect(found('1'.repeat(15), 16)).toBe(false)
  })
})
