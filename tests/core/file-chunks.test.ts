import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileChunks } from '../../lib/core/file-chunks.ts'
import { temporaryFolder } from '../kit/context.ts'

const MIB = 2 ** 20

async function copyOf(path: string): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const chunk of fileChunks(path)) copies.push(Buffer.from(chunk))
  return Buffer.concat(copies)
}

test.each([0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])('fileChunks gives all %i bytes of a file in order', async (size) => {
  const path = join(temporaryFolder(), 'file')
  const bytes = randomBytes(size)
  writeFileSync(path, bytes)
  expect((await copyOf(path)).equals(bytes)).toBe(true)
})

test('fileChunks gives chunks of one buffer, each until the next', async () => {
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, randomBytes(2 * MIB))
  const buffers = new Set<ArrayBufferLike>()
  for await (const chunk of fileChunks(path)) buffers.add(chunk.buffer)
  expect(buffers.size).toBe(1)
})

test('fileChunks stops with the reason of an aborted signal', async () => {
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, randomBytes(2 * MIB))
  const controller = new AbortController()
  let chunks = 0
  const reading = (async () => {
    for await (const _ of fileChunks(path, controller.signal)) if (++chunks === 1) controller.abort(new Error('enough'))
  })()
  await expect(reading).rejects.toThrow('enough')
  expect(chunks).toBe(1)
})

test('fileChunks of a file that is not there rejects with ENOENT', async () => {
  await expect(copyOf(join(temporaryFolder(), 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
})
