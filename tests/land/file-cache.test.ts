import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CheckError } from '../../lib/core/errors.ts'
import { type FileCache, fileCache, keptBytes } from '../../lib/land/file-cache.ts'
import { fingerprintOf } from '../../lib/land/fingerprint.ts'
import { temporaryFolder } from '../kit/context.ts'
import { wrapDisk } from '../kit/failing-disk.ts'

const nameOf = (content: string) => ({ sha256: createHash('sha256').update(content).digest('hex'), bytes: Buffer.byteLength(content) })
const wrong = () => new CheckError('not what was landed')

/** A cache of 100 bytes, and a reader that counts what it fetches. */
function opened({ limitBytes = 100, folder = join(temporaryFolder(), 'cache') } = {}) {
  const workspace = temporaryFolder()
  const fetches: string[] = []
  let names = 0
  const reader =
    (cache: FileCache) =>
    async (content: string, given: string = content) => {
      const to = join(workspace, `file-${++names}`)
      const fetch = async (part: string) => {
        fetches.push(content)
        writeFileSync(part, given)
        return fingerprintOf(part)
      }
      const taken = await cache.take(nameOf(content), to, fetch, wrong)
      return { taken, to, text: readFileSync(to, 'utf8') }
    }
  const read = reader(fileCache({ folder, limitBytes }))
  const kept = () => readdirSync(folder).filter((name) => name !== 'locks')
  return {
    folder,
    workspace,
    fetches,
    read,
    kept,
    pathOf: (content: string) => join(folder, `${nameOf(content).sha256}-${nameOf(content).bytes}`),
    another: () => reader(fileCache({ folder, limitBytes })),
  }
}

test('take fetches a file once, and gives it a name of its own each time', async () => {
  const { read, fetches, workspace } = opened()
  expect(await read('one')).toMatchObject({ taken: 'fetched', text: 'one' })
  expect(await read('one')).toMatchObject({ taken: 'kept', text: 'one' })
  expect(fetches).toEqual(['one'])
  expect(readdirSync(workspace)).toEqual(['file-1', 'file-2'])
})

test.each([
  ['cut short', (path: string) => truncateSync(path, 1)],
  ['changed', (path: string) => writeFileSync(path, 'onE')],
  ['empty', (path: string) => truncateSync(path, 0)],
])('a kept file that is %s is fetched again, and the reader never sees it', async (_, damage) => {
  const { read, another, fetches, pathOf, workspace } = opened()
  await read('one')
  // Names in the workspace share the file: of a run that is gone nothing is left.
  for (const name of readdirSync(workspace)) rmSync(join(workspace, name))
  damage(pathOf('one'))
  // A process compares a file once; the damage is found by the next one.
  const later = another()
  expect(await later('one')).toMatchObject({ taken: 'damaged', text: 'one' })
  expect(await later('one')).toMatchObject({ taken: 'kept', text: 'one' })
  expect(fetches).toEqual(['one', 'one'])
})

test('what was used longest ago goes first, and never more is kept than the limit', async () => {
  const { read, kept, pathOf } = opened()
  const [a, b, c] = ['a'.repeat(40), 'b'.repeat(40), 'c'.repeat(40)]
  await read(a)
  await read(b)
  for (const [content, seconds] of [
    [a, 100],
    [b, 200],
  ] as const)
    utimesSync(pathOf(content), seconds, seconds)
  expect(await read(a)).toMatchObject({ taken: 'kept' })
  await read(c)
  expect(existsSync(pathOf(b))).toBe(false)
  expect(kept().sort()).toEqual([a, c].map((each) => `${nameOf(each).sha256}-40`).sort())
})

test('never more is kept than the limit by several that keep at once', async () => {
  const { another, folder } = opened({ limitBytes: 30 })
  let most = 0
  const look = async (path: unknown) => {
    if (!String(path).startsWith(folder) || !existsSync(folder)) return
    most = Math.max(most, await keptBytes(folder))
  }
  onTestFinished(
    wrapDisk(async (name, [, to], work) => {
      const done = await work()
      if (name === 'link') await look(to)
      return done
    }),
  )
  const contents = Array.from({ length: 60 }, (_, i) => `${i}`.padEnd(10))
  const readers = Array.from({ length: 6 }, another)
  const all = readers.map(async (each, i) => {
    for (const content of contents.slice(i * 10, i * 10 + 10)) expect((await each(content)).text).toBe(content)
  })
  await Promise.all(all)
  expect(most).toBe(30)
})

test('a file that goes stays with whoever reads it', async () => {
  const { read, pathOf } = opened()
  const { to } = await read('a'.repeat(60))
  await read('b'.repeat(60))
  expect(existsSync(pathOf('a'.repeat(60)))).toBe(false)
  expect(readFileSync(to, 'utf8')).toBe('a'.repeat(60))
})

test('a file beyond the limit is read and not kept, and drives nothing out', async () => {
  const { read, kept } = opened()
  await read('small')
  expect(await read('x'.repeat(101))).toMatchObject({ taken: 'fetched' })
  expect(kept()).toEqual([`${nameOf('small').sha256}-5`])
})

test('several that want the same file at once fetch it once', async () => {
  const { read, another, fetches } = opened()
  const readers = [read, another(), another(), another()]
  const all = await Promise.all(readers.map((each) => each('one')))
  expect(all.map(({ text }) => text)).toEqual(['one', 'one', 'one', 'one'])
  expect(fetches).toEqual(['one'])
})

test('what is fetched and is not the file is refused, and nothing of it stays', async () => {
  const { read, kept, workspace } = opened()
  await expect(read('one', 'two')).rejects.toThrow('not what was landed')
  expect([kept(), readdirSync(workspace)]).toEqual([[], []])
  expect(await read('one')).toMatchObject({ taken: 'fetched', text: 'one' })
})

test('the folder may be removed at any time', async () => {
  const { read, folder, fetches } = opened()
  await read('one')
  rmSync(folder, { recursive: true })
  expect(await read('one')).toMatchObject({ taken: 'fetched', text: 'one' })
  expect(await read('one')).toMatchObject({ taken: 'kept' })
  expect(fetches).toHaveLength(2)
})

test('a disk that is full gets back what is kept, and a run goes on', async () => {
  const { folder, workspace, kept } = opened()
  const cache = fileCache({ folder, limitBytes: 100 })
  writeFileSync(join(workspace, 'old'), 'old')
  await cache.keep(nameOf('old'), join(workspace, 'old'))
  let attempts = 0
  const fetch = async (part: string) => {
    if (attempts++ === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    writeFileSync(part, 'new')
    return fingerprintOf(part)
  }
  expect(await cache.take(nameOf('new'), join(workspace, 'new'), fetch, wrong)).toBe('fetched')
  expect(kept()).toEqual([`${nameOf('new').sha256}-3`])
  const full = () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
  await expect(cache.take(nameOf('third'), join(workspace, 'third'), full, wrong)).rejects.toThrow('no space left')
})

test('where the disk has no hard links files are copied', async () => {
  onTestFinished(
    wrapDisk((name, _, work) => (name === 'link' ? Promise.reject(Object.assign(new Error('links'), { code: 'EPERM' })) : work())),
  )
  const { read, kept, pathOf } = opened()
  const { to } = await read('one')
  expect(statSync(to).ino).not.toBe(statSync(pathOf('one')).ino)
  expect(await read('one')).toMatchObject({ taken: 'kept', text: 'one' })
  expect(kept()).toHaveLength(1)
})

test('copies that killed processes were making go after a day', async () => {
  const { read, folder, kept } = opened()
  await read('a'.repeat(90))
  for (const [name, seconds] of [
    ['old', 1000],
    ['new', Date.now() / 1000],
  ] as const) {
    const path = join(folder, `${nameOf(name).sha256}-3.part-${name}`)
    writeFileSync(path, name)
    utimesSync(path, seconds, seconds)
  }
  await read('b'.repeat(90))
  expect(kept().filter((name) => name.includes('.part-'))).toEqual([`${nameOf('new').sha256}-3.part-new`])
})

test('fingerprint gives the checksums of a kept file that is right, and removes one that is not', async () => {
  const { read, folder, pathOf } = opened()
  await read('one')
  const cache = fileCache({ folder, limitBytes: 100 })
  expect(await cache.fingerprint(nameOf('one'))).toMatchObject(nameOf('one'))
  expect(await cache.fingerprint(nameOf('two'))).toBeUndefined()
  writeFileSync(pathOf('one'), 'onE')
  expect(await cache.fingerprint(nameOf('one'))).toBeUndefined()
  expect(existsSync(pathOf('one'))).toBe(false)
})
