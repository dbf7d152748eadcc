import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Cut, cutIntoFiles } from '../../lib/export/write/split.ts'
import { lent } from '../kit/lent.ts'

async function files(text: string, cut: Partial<Cut>, size: number) {
  const chunks = lent(Buffer.from(text), size)
  const all: { text: string; rows: number }[] = []
  let parts: Uint8Array[] = []
  for await (const piece of cutIntoFiles(chunks, { quote: '"', escape: '"', header: true, limit: { rows: 2 }, ...cut })) {
    if (piece instanceof Uint8Array) parts.push(Buffer.from(piece))
    else {
      all.push({ text: Buffer.concat(parts).toString(), rows: piece.rows })
      parts = []
    }
  }
  expect(parts).toEqual([])
  return all
}

test('a stream is cut after so many rows, and each file has the header', async () => {
  expect(await files('a,b\n1,"x\ny"\n2,z\n3,""\n', {}, 5)).toEqual([
    { text: 'a,b\n1,"x\ny"\n2,z\n', rows: 2 },
    { text: 'a,b\n3,""\n', rows: 1 },
  ])
})

test('a stream is cut before the row with which a file would have more bytes, and a large row has a file of its own', async () => {
  expect(await files('1234\n12\n1234567890\n1\n12\n', { header: false, limit: { bytes: 8 } }, 3)).toEqual([
    { text: '1234\n12\n', rows: 2 },
    { text: '1234567890\n', rows: 1 },
    { text: '1\n12\n', rows: 2 },
  ])
  expect(await files('head\n12\n12\n', { limit: { bytes: 8 } }, 100)).toEqual([
    { text: 'head\n12\n', rows: 1 },
    { text: 'head\n12\n', rows: 1 },
  ])
})

test('a stream without rows is one file, with its header', async () => {
  expect(await files('a,b\n', {}, 2)).toEqual([{ text: 'a,b\n', rows: 0 }])
  expect(await files('', { header: false }, 2)).toEqual([{ text: '', rows: 0 }])
})

test('files put together are the stream, whatever the rows, the limit and the chunks', async () => {
  const value = fc.array(fc.constantFrom('a', '"', '\n', 'é', ','), { maxLength: 5 }).map((all) => all.join(''))
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { maxLength: 12 }),
      fc.boolean(),
      fc.oneof(
        fc.integer({ min: 1, max: 4 }).map((rows) => ({ rows })),
        fc.integer({ min: 1, max: 30 }).map((bytes) => ({ bytes })),
      ),
      fc.integer({ min: 1, max: 9 }),
      async (values, header, limit, size) => {
        const lines = values.map((text) => `"${text.replaceAll('"', '""')}"\n`)
        const cut = await files(`${header ? 'h\n' : ''}${lines.join('')}`, { header, limit }, size)
        for (const file of cut) {
          if (header) expect(file.text.startsWith('h\n')).toBe(true)
          if ('rows' in limit) expect(file.rows).toBeLessThanOrEqual(limit.rows)
          else if (file.rows > 1) expect(Buffer.byteLength(file.text)).toBeLessThanOrEqual(limit.bytes)
        }
        expect(cut.map((file) => file.text.slice(header ? 2 : 0)).join('')).toBe(lines.join(''))
        expect(cut.reduce((sum, file) => sum + file.rows, 0)).toBe(lines.length)
      },
    ),
  )
})
