import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rangeHashes } from '../../lib/core/range-hashes.ts'
import { temporaryFolder } from '../kit/context.ts'

const bytes = randomBytes(3 * 2 ** 20 + 17)
const opened = () => {
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, bytes)
  return open(path)
}
const sha256 = (...parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex')

test('rangeHashes hashes the parts of each list in their order, however long they are', async () => {
  await using file = await opened()
  const hashes = await rangeHashes(file, [
    [[5, 2 ** 21]],
    [],
    [
      [10, 1],
      [0, 3],
      [2 ** 20 - 1, 2 ** 20 + 1],
    ],
    [[0, bytes.length]],
  ])
  expect(hashes).toEqual([
    sha256(bytes.subarray(5, 5 + 2 ** 21)),
    sha256(),
    sha256(bytes.subarray(10, 11), bytes.subarray(0, 3), bytes.subarray(2 ** 20 - 1, 2 ** 21)),
    sha256(bytes),
  ])
})

test('rangeHashes stops with the reason of an aborted signal', async () => {
  await using file = await opened()
  await expect(rangeHashes(file, [[[0, 10]]], AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
})
