import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { local } from '../../../lib/connectors/local/index.ts'
import { folderSync } from '../../../lib/connectors/local/sync-folders.ts'
import { temporaryFolder } from '../../kit/context.ts'
import { DiskFailed, wrapDisk } from '../../kit/failing-disk.ts'

/** Makes each fsync of a folder wait until it is let go, or fail. */
function heldSyncs() {
  const begun: { readonly folder: string; go(error?: Error): void }[] = []
  const restore = wrapDisk((name, [folder = ''], work) => {
    if (name !== 'syncFolder') return work()
    return new Promise<void>((resolve, reject) => {
      begun.push({ folder, go: (error) => (error ? reject(error) : resolve(work())) })
    })
  })
  onTestFinished(restore)
  return begun
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('folderSync lets those share the next fsync who come while one is at work, and each folder has its own', async () => {
  const begun = heldSyncs()
  const [one, other] = [temporaryFolder(), temporaryFolder()]
  const sync = folderSync()
  const done: string[] = []
  const ask = (name: string, folder: string) => void sync(folder).then(() => done.push(name))
  ask('first', one)
  ask('second', one)
  ask('third', one)
  ask('elsewhere', other)
  expect(begun.map(({ folder }) => folder)).toEqual([one, other])
  begun[0]?.go()
  await expect.poll(() => begun.length).toBe(3)
  // Theirs has not ended: what they did came after the first one's beginning.
  expect(done).toEqual(['first'])
  begun[2]?.go()
  begun[1]?.go()
  await expect.poll(() => [...done].sort()).toEqual(['elsewhere', 'first', 'second', 'third'])
  ask('later', one)
  await turn()
  expect(begun).toHaveLength(4)
  begun[3]?.go()
  await expect.poll(() => done).toContain('later')
})

test('folderSync that fails has failed for those who wait for the next; who comes after them begins anew', async () => {
  const begun = heldSyncs()
  const folder = temporaryFolder()
  const sync = folderSync()
  const asked = [sync(folder), sync(folder), sync(folder)].map((each) => each.catch((error: unknown) => error))
  begun[0]?.go(new DiskFailed('EIO'))
  for (const outcome of await Promise.all(asked)) expect(outcome).toBeInstanceOf(DiskFailed)
  expect(begun).toHaveLength(1)
  const next = sync(folder)
  begun[1]?.go()
  await next
})

test('folderSync of a folder that was removed meanwhile and made anew is done for those who made it', async () => {
  const begun = heldSyncs()
  const folder = join(temporaryFolder(), 'x')
  mkdirSync(folder)
  const sync = folderSync()
  const first = sync(folder).catch((error: unknown) => error)
  rmSync(folder, { recursive: true })
  mkdirSync(folder)
  const second = sync(folder)
  begun[0]?.go(Object.assign(new Error('gone'), { code: 'ENOENT' }))
  expect(await first).toMatchObject({ code: 'ENOENT' })
  await expect.poll(() => begun.length).toBe(2)
  begun[1]?.go()
  await second
})

test('put of many objects at the same time makes fewer fsyncs of the folder above them than objects', async () => {
  const root = join(temporaryFolder(), 'store')
  const store = local(root).openStore()
  onTestFinished(() => store.close())
  let count = 0
  onTestFinished(
    wrapDisk((name, [folder], work) => {
      if (name === 'syncFolder' && folder === join(root, 'p')) count++
      return work()
    }),
  )
  await Promise.all(Array.from({ length: 40 }, (_, i) => store.put(`p/d${i}/x`, { bytes: 'x' }, { ifAbsent: true })))
  expect(count).toBeGreaterThan(0)
  expect(count).toBeLessThan(20)
})
