import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { unzstd } from '../../lib/core/zstd-frames.ts'

/** What comes out of bytes that come in chunks of so many. */
async function unpacked(packed: Buffer, chunkBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  const chunks = Array.from({ length: Math.ceil(packed.length / chunkBytes) }, (_, i) =>
    packed.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  )
  await pipeline(Readable.from(chunks), unzstd(), async (texts: AsyncIterable<Buffer>) => {
    for await (const text of texts) parts.push(text)
  })
  return Buffer.concat(parts)
}

const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } }
const skippable = Buffer.from('502a4d180400000061626364', 'hex')
const empty = Buffer.from('5f2a4d1800000000', 'hex')
const noise = randomBytes(300_000)
const zeros = Buffer.alloc(700_000)

const streams: Readonly<Record<string, readonly [packed: Buffer, plain: Buffer]>> = {
  'one frame': [zstdCompressSync('abc'), Buffer.from('abc')],
  'two frames': [Buffer.concat([zstdCompressSync('abc'), zstdCompressSync('def')]), Buffer.from('abcdef')],
  'a frame without bytes between others': [
    Buffer.concat([zstdCompressSync('abc'), zstdCompressSync(''), zstdCompressSync('def')]),
    Buffer.from('abcdef'),
  ],
  'skippable frames before, between and behind, as pzstd writes them': [
    Buffer.concat([skippable, zstdCompressSync('abc'), empty, skippable, zstdCompressSync('def'), skippable]),
    Buffer.from('abcdef'),
  ],
  'frames of several blocks, stored and repeated, with checksums': [
    Buffer.concat([zstdCompressSync(noise, checksum), zstdCompressSync(zeros, checksum), zstdCompressSync('end')]),
    Buffer.concat([noise, zeros, Buffer.from('end')]),
  ],
}

describe('unzstd', () => {
  it.each(Object.entries(streams))('unpacks %s, however the bytes come', async (_, [packed, plain]) => {
    for (const chunkBytes of [packed.length, 65_536, 4_097, ...(packed.length < 1_000 ? [1, 2, 3, 5, 7] : [])])
      expect((await unpacked(packed, chunkBytes)).equals(plain), `chunks of ${chunkBytes}`).toBe(true)
  })

  it.each([
    ['a second frame that breaks off', Buffer.concat([zstdCompressSync('abc'), zstdCompressSync(noise).subarray(0, -9)])],
    ['something else behind a frame', Buffer.concat([zstdCompressSync('abc'), Buffer.from('id,t\n1,x\n')])],
    ['no zstd at all', Buffer.from('id,t\n1,x\n')],
  ])('refuses %s', async (_, packed) => {
    await expect(unpacked(packed, packed.length)).rejects.toMatchObject({ code: expect.stringMatching(/^Z(STD)?_/) })
  })
})
