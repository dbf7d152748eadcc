import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { members } from '../../lib/export/write/members.ts'

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const zip = (bytes: Buffer, size: number, threads: number) => buffer(members(cut(bytes, size), 'gzip', threads))

test('members gives the same members however the bytes are cut and compressed', async () => {
  const bytes = Buffer.concat([randomBytes(5_000_000), Buffer.alloc(9_000_000, 'abc')])
  const first = await zip(bytes, 65_536, 1)
  expect(gunzipSync(first).equals(bytes)).toBe(true)
  expect((await zip(bytes, 1_000_003, 4)).equals(first)).toBe(true)
  expect((await zip(bytes, 14_000_000, 2)).equals(first)).toBe(true)
})

test.each([0, 1, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1])('members of %d bytes is gzip', async (size) => {
  const bytes = Buffer.alloc(size, 'x')
  expect(gunzipSync(await zip(bytes, 65_536, 2)).equals(bytes)).toBe(true)
})

test('members passes on the error of its input', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(5_000_000)
    throw new Error('cut off')
  }
  await expect(buffer(members(failing(), 'gzip', 2))).rejects.toThrow('cut off')
})
