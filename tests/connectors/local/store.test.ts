import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { local } from '../../../lib/connectors/local/index.ts'
import { ConfigError, PermanentError, PreconditionFailed } from '../../../lib/core/errors.ts'
import { projectUrl, startNode } from '../../kit/child.ts'
import { temporaryFolder } from '../../kit/context.ts'
import { failDisk } from '../../kit/failing-disk.ts'

function openStore(folder = join(temporaryFolder(), 'store')) {
  const store = local(folder).openStore()
  onTestFinished(() => store.close())
  return Object.assign(store, { folder })
}

/** All files under a folder but locks and owners. */
const filesIn = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [])
    .filter((entry) => entry.isFile() && !entry.name.includes('.lock'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()

async function keysOf(store: ReturnType<typeof openStore>, prefix = '') {
  const keys: string[] = []
  for await (const key of store.list(prefix)) keys.push(key)
  return keys
}

test('local describes itself and touches nothing before the first put', async () => {
  const folder = join(temporaryFolder(), 'store')
  const connection = local(folder)
  expect(connection).toMatchObject({ kind: 'local', location: folder, settings: { folder } })
  const store = openStore(folder)
  expect(await keysOf(store)).toEqual([])
  expect(await store.head('k')).toBeUndefined()
  await store.delete('k')
  await store.close()
  expect(existsSync(folder)).toBe(false)
})

test('an object is a plain file at localPath', async () => {
  const store = openStore()
  await store.put('a/b.csv', { bytes: 'x,y\n' })
  expect(store.localPath('a/b.csv')).toBe(join(store.folder, 'a/b.csv'))
  expect(readFileSync(join(store.folder, 'a/b.csv'), 'utf8')).toBe('x,y\n')
  expect(filesIn(store.folder)).toEqual(['a/b.csv'])
})

test('a file that someone put there is an object, and its CRC is computed', async () => {
  const store = openStore()
  mkdirSync(join(store.folder, 'd'), { recursive: true })
  writeFileSync(join(store.folder, 'd/k'), '123456789')
  expect(await store.head('d/k')).toMatchObject({ bytes: 9, crc32c: 'e3069283', metadata: {} })
  expect(await keysOf(store)).toEqual(['d/k'])
})

test('a file that was changed in place is another version, without the metadata of the old one', async () => {
  const store = openStore()
  const put = await store.put('k', { bytes: '12345678' }, { metadata: { a: '1' } })
  appendFileSync(join(store.folder, 'k'), '9')
  const info = await store.head('k')
  expect(info).toMatchObject({ crc32c: 'e3069283', metadata: {} })
  await expect(store.put('k', { bytes: 'x' }, { ifVersion: put.version })).rejects.toThrow(PreconditionFailed)
})

test('metadata outlive a copy of the folder and a change of times', async () => {
  const store = openStore()
  await store.put('k', { bytes: 'content' }, { metadata: { a: '1' } })
  const copied = join(temporaryFolder(), 'copied')
  cpSync(store.folder, copied, { recursive: true, filter: (path) => !path.includes('.lock') })
  expect(await openStore(copied).head('k')).toMatchObject({ metadata: { a: '1' } })
  utimesSync(join(store.folder, 'k'), 1, 1)
  expect(await store.head('k')).toMatchObject({ metadata: { a: '1' } })
})

test('a torn sidecar counts as none', async () => {
  const store = openStore()
  const info = await store.put('k', { bytes: 'content' }, { metadata: { a: '1' } })
  const [sidecar] = filesIn(store.folder).filter((file) => file.endsWith('.json'))
  for (const torn of ['', '{"key":"k"', '{}', 'null']) {
    writeFileSync(join(store.folder, sidecar ?? ''), torn)
    expect(await store.head('k')).toEqual({ ...info, metadata: {} })
  }
})

test('a big object is not read again for its CRC', async () => {
  const store = openStore()
  const info = await store.put('k', { bytes: Buffer.alloc(4 * 2 ** 20, 7) })
  const [sidecar] = filesIn(store.folder).filter((file) => file.endsWith('.json'))
  expect(JSON.parse(readFileSync(join(store.folder, sidecar ?? ''), 'utf8'))).toMatchObject({ key: 'k', crc32c: info.crc32c })
  rmSync(join(store.folder, sidecar ?? ''))
  expect(await store.head('k')).toEqual(info)
})

test('nothing but the objects is left when all is done', async () => {
  const store = openStore()
  for (let i = 0; i < 3; i++) await store.put('a/b/k', { bytes: String(i) }, { metadata: { i: String(i) } })
  await store.put('a/b/k', { bytes: 'x' }, { ifAbsent: true }).catch(() => undefined)
  await store.put('a/b/k', { bytes: 'x' }, { ifVersion: 'other' }).catch(() => undefined)
  await store.put('c/k', { bytes: 'x' }, { crc32c: '00000000' }).catch(() => undefined)
  expect(filesIn(store.folder).map((file) => file.replace(/^\.millrace-meta.*/, 'sidecar'))).toEqual(['sidecar', 'a/b/k'])
  await store.delete('a/b/k')
  await store.close()
  expect(filesIn(store.folder)).toEqual([])
  expect(readdirSync(store.folder).filter((name) => !name.startsWith('.millrace-') && name !== 'c')).toEqual([])
})

test('no key leads out of the folder, nor into what is ours', async () => {
  const store = openStore()
  await store.put('k', { bytes: 'x' })
  const keys = [
    '../outside',
    'a/../../outside',
    '/etc/passwd',
    '..',
    '.millrace-meta/x',
    'a/.millrace-tmp-1',
    '\ud800',
    `${'x'.repeat(256)}`,
    Array(30).fill('x'.repeat(200)).join('/'),
  ]
  for (const key of keys) {
    await expect(store.put(key, { bytes: 'x' })).rejects.toThrow(ConfigError)
    await expect(store.get(key)).rejects.toThrow(ConfigError)
    expect(() => store.localPath(key)).toThrow(ConfigError)
  }
  await expect(keysOf(store, '../')).rejects.toThrow(ConfigError)
  expect(await keysOf(store, '.millrace-')).toEqual([])
})

test('a symbolic link inside the folder is not followed', async () => {
  const store = openStore()
  const outside = temporaryFolder()
  writeFileSync(join(outside, 'secret'), 'secret')
  await store.put('k', { bytes: 'x' })
  symlinkSync(outside, join(store.folder, 'way'))
  symlinkSync(join(outside, 'secret'), join(store.folder, 'file'))
  await expect(store.put('way/new', { bytes: 'x' })).rejects.toThrow(/symbolic link/)
  await expect(store.put('way/deep/er/new', { bytes: 'x' })).rejects.toThrow(/symbolic link/)
  await expect(store.get('way/secret')).rejects.toThrow(/symbolic link/)
  await expect(store.head('way/secret')).rejects.toThrow(/symbolic link/)
  await expect(store.delete('way/secret')).rejects.toThrow(/symbolic link/)
  await expect(store.get('file')).rejects.toThrow(/no object/)
  expect(await keysOf(store)).toEqual(['k'])
  expect(readdirSync(outside)).toEqual(['secret'])
})

test('a store whose own folder is behind a link works', async () => {
  const real = temporaryFolder()
  const link = join(temporaryFolder(), 'link')
  symlinkSync(real, link)
  const store = openStore(link)
  await store.put('a/k', { bytes: 'x' })
  expect(await text(await store.get('a/k'))).toBe('x')
  expect(readFileSync(join(real, 'a/k'), 'utf8')).toBe('x')
})

test('a file in the way of a folder, and a folder in the way of a file, are refused by name', async () => {
  const store = openStore()
  await store.put('a', { bytes: 'x' })
  await store.put('b/c', { bytes: 'x' })
  await expect(store.put('a/b', { bytes: 'x' })).rejects.toThrow(PermanentError)
  await expect(store.put('b', { bytes: 'x' })).rejects.toThrow(PermanentError)
  await expect(store.put('b', { bytes: 'x' }, { ifAbsent: true })).rejects.toThrow()
  expect(await keysOf(store)).toEqual(['a', 'b/c'])
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

test('what a killed put leaves is not listed, and swept when its owner is gone, not before', async () => {
  const folder = join(temporaryFolder(), 'store')
  const child = startNode(`import { Readable } from 'node:stream'
import { local } from '${projectUrl('lib/connectors/local/index.ts')}'
const store = local(${JSON.stringify(folder)}).openStore()
const stream = new Readable({ read() {} })
stream.push(Buffer.alloc(200_000))
store.put('d/k', { stream })
setInterval(() => {}, 1000)
console.log('begun')`)
  await child.said('begun')
  const store = openStore(folder)
  const temporaries = () => filesIn(folder).filter((file) => file.includes('.millrace-tmp-'))
  await vi.waitFor(() => expect(temporaries()).toHaveLength(1), 10_000)
  expect(await keysOf(store)).toEqual([])
  expect(await store.sweep?.('')).toBe(0)
  expect(temporaries()).toHaveLength(1)
  await child.kill('SIGKILL')
  expect(await store.sweep?.('other/')).toBe(0)
  expect(await store.sweep?.('d/')).toBe(1)
  expect(temporaries()).toEqual([])
  await store.put('d/k', { bytes: 'x' }, { ifAbsent: true })
})

test('compare-and-set holds between processes', async () => {
  const store = openStore()
  await store.put('counter', { bytes: '0' })
  const code = `import { text } from 'node:stream/consumers'
import { local } from '${projectUrl('lib/connectors/local/index.ts')}'
const store = local(${JSON.stringify(store.folder)}).openStore()
for (let i = 0; i < 20; ) {
  const { version } = await store.head('counter')
  const value = Number(await text(await store.get('counter')))
  try {
    await store.put('counter', { bytes: String(value + 1) }, { ifVersion: version })
    i++
  } catch (error) {
    if (error.name !== 'PreconditionFailed') throw error
  }
}
await store.close()`
  const children = [startNode(code), startNode(code), startNode(code)]
  for (const child of children) expect(await child.ended()).toEqual({ code: 0, output: '' })
  expect(await text(await store.get('counter'))).toBe('60')
})

test('a put of many objects at once into folders that others empty at the same time succeeds', async () => {
  const one = openStore()
  const other = openStore(one.folder)
  const work = async (store: typeof one, name: string) => {
    for (let i = 0; i < 25; i++) {
      await store.put(`run/deep/${name}`, { bytes: 'x' }, { ifAbsent: true })
      await store.delete(`run/deep/${name}`)
    }
  }
  await Promise.all([work(one, 'a'), work(one, 'b'), work(other, 'c'), work(other, 'd')])
  expect(await keysOf(one)).toEqual([])
})
