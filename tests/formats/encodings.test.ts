import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteLiteral } from '../../lib/core/quote.ts'
import { ENCODINGS, type Encoding, encoded, isUnicode, replaceUnfit, unfitIn } from '../../lib/formats/encodings.ts'
import { connectToTestEngine } from '../kit/engine.ts'

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const bytesOf = (text: string, encoding: Encoding, mark = false, size = 3) => buffer(encoded(cut(text, size), encoding, mark))

/** Node's own latin1 has every byte; the platform's decoder of "latin-1" is one of windows-1252. */
const decode = (bytes: Buffer, encoding: Encoding) =>
  encoding === 'latin-1' ? bytes.toString('latin1') : new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes)

test.each(ENCODINGS)('%s is read back by the platform as what was written, however the bytes were cut', async (encoding) => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 9 }), async (any, size) => {
      const text = [...any.toWellFormed()].filter((char) => unfitIn(char, encoding) === undefined).join('')
      expect(decode(await bytesOf(text, encoding, false, size), encoding)).toBe(text)
    }),
  )
})

test('windows-1252 has exactly the characters that the platform decodes from its bytes', () => {
  const decoder = new TextDecoder('windows-1252')
  for (let byte = 0; byte < 256; byte++) {
    const char = decoder.decode(Uint8Array.of(byte))
    const means = !(byte >= 0x80 && byte < 0xa0 && char.charCodeAt(0) === byte)
    expect([byte, unfitIn(char, 'windows-1252') === undefined]).toEqual([byte, means])
  }
})

test('a byte-order mark comes first', async () => {
  expect(await bytesOf('a', 'utf-8', true)).toEqual(Buffer.from([0xef, 0xbb, 0xbf, 0x61]))
  expect(await bytesOf('a', 'utf-16le', true)).toEqual(Buffer.from([0xff, 0xfe, 0x61, 0]))
  expect(await bytesOf('', 'utf-8', true)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]))
})

test('a character of the text that is a byte-order mark stays', async () => {
  expect(await bytesOf('\uFEFFa', 'utf-16le')).toEqual(Buffer.from('\uFEFFa', 'utf16le'))
})

test.each(ENCODINGS.filter((each) => !isUnicode(each)))('replaceUnfit puts ? for what %s has not, and only for that', async (encoding) => {
  const db = await connectToTestEngine()
  const text = 'añ€Ω–\u0085😀 z'
  const [row] = await db.meta(`SELECT ${replaceUnfit(quoteLiteral(text), encoding)} AS fit`)
  db.close()
  expect(row?.fit).toBe([...text].map((char) => (unfitIn(char, encoding) === undefined ? char : '?')).join(''))
})
