import {
  appendFileSync,
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
import { expect, test, vi } from 'vitest'
import { local } from '../../../lib/connectors/local/index.ts'
import { ConfigError, PermanentError, PreconditionFailed } from '../../../lib/core/errors.ts'
import { projectUrl, startNode } from '../../kit/child.ts'
import { temporaryFolder } from '../../kit/context.ts'
import { filesIn, keysOf, openStore } from './kit.ts'

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

test('the source of copies at once to a new key keeps its version', async () => {
  const store = openStore(join(temporaryFolder(), 'store'))
  const { version } = await store.put('a/latest.json', { bytes: '{}' })
  for (let i = 0; i < 20; i++) {
    await Promise.allSettled(
      Array.from({ length: 4 }, () => store.copy('a/latest.json', `a/switch-${i}.json`, { ifAbsent: true, metadata: {} })),
    )
    expect((await store.head('a/latest.json'))?.version).toBe(version)
  }
  await store.close()
})
