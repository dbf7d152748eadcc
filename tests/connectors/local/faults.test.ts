import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectUrl, startNode } from '../../kit/child.ts'
import { temporaryFolder } from '../../kit/context.ts'
import { failDisk } from '../../kit/failing-disk.ts'
import { keysOf, openStore } from './kit.ts'

test.each<[what: string, make: (path: string) => void]>([
  ['a folder', (path) => mkdirSync(path, { recursive: true })],
  ['a link', (path) => symlinkSync('nowhere', path)],
])('%s at an object’s name is said to be in the way: it is no object, nor was another writer faster', async (_what, make) => {
  const store = openStore()
  await store.put('a', { bytes: 'x' })
  make(join(store.folder, 'b'))
  expect(await store.head('b')).toBeUndefined()
  for (const write of [() => store.put('b', { bytes: 'y' }, { ifAbsent: true }), () => store.copy('a', 'b', { ifAbsent: true })])
    await expect(write()).rejects.toMatchObject({ exitCode: 1, message: `what is at ${join(store.folder, 'b')} is no file` })
})

test('a put whose folder cannot be fsynced is an error, and create-if-absent takes its object back', async () => {
  const store = openStore()
  await store.put('d/first', { bytes: 'x' })
  let operations: readonly string[]
  {
    using counting = failDisk(Number.POSITIVE_INFINITY, 'once')
    await store.put('d/second', { bytes: 'x' }, { ifAbsent: true })
    operations = counting.operations
  }
  const nth = operations.findLastIndex((operation) => operation.startsWith('syncFolder')) + 1
  {
    using _failing = failDisk(nth, 'once')
    await expect(store.put('d/third', { bytes: 'x' }, { ifAbsent: true })).rejects.toMatchObject({ exitCode: 1, hint: expect.any(String) })
  }
  expect(await keysOf(store)).toEqual(['d/first', 'd/second'])
})

test('a listing and a sweep that the disk refuses are errors that say where and what to do', async () => {
  const store = openStore()
  await store.put('d/k', { bytes: 'x' })
  const refused = {
    exitCode: 1,
    message: expect.stringContaining(join(store.folder, 'd')),
    hint: expect.stringContaining('look at the disk'),
  }
  {
    using _failing = failDisk(2, 'once')
    await expect(keysOf(store)).rejects.toMatchObject(refused)
  }
  writeFileSync(join(store.folder, 'd', '.millrace-tmp-00000000-0000-0000-0000-000000000000-1'), '')
  using _failing = failDisk(1, 'once')
  await expect(store.sweep?.('')).rejects.toMatchObject(refused)
})

const put = (folder: string, bytes: number) => `import { local } from '${projectUrl('lib/connectors/local/index.ts')}'
const store = local(${JSON.stringify(folder)}).openStore()
try {
  await store.put('d/k', { bytes: Buffer.alloc(${bytes}) }, { metadata: { a: '1' } })
  console.log('put')
} catch (error) {
  console.log(JSON.stringify({ name: error.name, message: error.message, hint: error.hint, exitCode: error.exitCode, file: error.place?.file }))
}
const keys = []
for await (const key of store.list('')) keys.push(key)
console.log('keys', JSON.stringify(keys))`

test('a folder without permission is an error that says where and what to do', async () => {
  const folder = temporaryFolder()
  chmodSync(folder, 0o555)
  // root may write anywhere, so somebody else tries.
  const nobody = process.getuid?.() === 0 ? { uid: 65534 } : {}
  const { output } = await startNode(put(folder, 10), nobody).ended()
  const [error, keys] = output.trim().split('\n')
  expect(JSON.parse(error ?? '')).toMatchObject({
    name: 'PermanentError',
    message: expect.stringMatching(/^permission denied: .* \(EACCES\)$/),
    hint: expect.stringContaining('the right to read and write'),
    exitCode: 1,
  })
  expect(keys).toBe('keys []')
})

test('a full disk is an error that says where, and leaves nothing half-written', async () => {
  const mount = temporaryFolder()
  const code = `import { execFileSync } from 'node:child_process'
import { readdirSync, statfsSync } from 'node:fs'
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', ${JSON.stringify(mount)}])
${put(mount, 3 * 2 ** 20)}
await store.put('d/small', { bytes: 'fits' })
console.log('left', JSON.stringify(readdirSync(${JSON.stringify(join(mount, 'd'))})))`
  const { output } = await startNode(code, {
    through: ['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])],
  }).ended()
  const [error, keys, left] = output.trim().split('\n')
  expect(JSON.parse(error ?? '')).toMatchObject({
    name: 'PermanentError',
    message: `the disk is full: ${mount}/d/k (ENOSPC)`,
    hint: expect.stringContaining('free some space'),
    exitCode: 1,
    file: `${mount}/d/k`,
  })
  expect([keys, left]).toEqual(['keys []', 'left ["small"]'])
})
