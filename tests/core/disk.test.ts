import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { disk, makeFolderDurable, readText } from '../../lib/core/disk.ts'
import { refusedByDisk } from '../../lib/core/disk-refusal.ts'
import { CheckError, PermanentError } from '../../lib/core/errors.ts'
import { temporaryFolder } from '../kit/context.ts'
import { failDisk } from '../kit/failing-disk.ts'
import { recordDisk } from '../kit/power-cut.ts'

test('makeFolderDurable fsyncs the parent of each folder that it makes, and of the deepest that was there', async () => {
  const folder = temporaryFolder()
  using made = failDisk(Number.POSITIVE_INFINITY, 'once')
  await makeFolderDurable(join(folder, 'a/b'))
  expect(made.operations.slice(1)).toEqual([
    `makeFolder ${folder}/a`,
    `syncFolder ${folder}`,
    `makeFolder ${folder}/a/b`,
    `syncFolder ${folder}/a`,
  ])
  expect(made.operations[0]).toMatch(/^syncFolder /)
})

test('makeFolderDurable says of a link to what is not there that it is one, at the folder or above it', async () => {
  const folder = temporaryFolder()
  symlinkSync('/not/mounted', join(folder, 'disk'))
  for (const path of ['disk', 'disk/a', 'disk/a/b']) {
    const refused = makeFolderDurable(join(folder, path))
    await expect(refused).rejects.toThrow(`${join(folder, 'disk')} is a link to /not/mounted, which is not there`)
    await expect(refused).rejects.toMatchObject({ hint: 'mount the disk that it leads to, or remove the link' })
  }
})

test('mkdir makes parents, takes what is there, and ends where the system lets nobody make a folder', async () => {
  const folder = temporaryFolder()
  await disk.mkdir(join(folder, 'a/b'))
  await disk.mkdir(join(folder, 'a/b'))
  writeFileSync(join(folder, 'file'), '')
  await expect(disk.mkdir(join(folder, 'file'))).rejects.toThrow('EEXIST')
  await expect(disk.mkdir(join(folder, 'file/c'))).rejects.toThrow('ENOTDIR')
  await expect(disk.mkdir('/proc/nothing/a')).rejects.toThrow('/proc/nothing cannot be made: /proc takes no folders (ENOENT)')
})

test('makeFolderDurable makes durable what a killed one has left', async () => {
  const folder = join(temporaryFolder(), 'root')
  for (let nth = 1; nth <= 6; nth++) {
    const root = join(folder, String(nth))
    await disk.mkdir(root)
    await using cut = await recordDisk(root)
    {
      using _failing = failDisk(nth, 'dead')
      await makeFolderDurable(join(root, 'a/b')).catch(() => undefined)
    }
    await makeFolderDurable(join(root, 'a/b'))
    await disk.write(join(root, 'a/b/file'), 'x')
    await disk.syncFile(join(root, 'a/b/file'))
    await disk.syncFolder(join(root, 'a/b'))
    expect(cut.listing(cut.operations.length, () => 'synced')).toHaveLength(1)
  }
})

test('disk.link refuses what is there, disk.rename replaces it', async () => {
  const folder = temporaryFolder()
  await disk.write(join(folder, 'a'), 'a')
  await disk.write(join(folder, 'b'), 'b')
  await expect(disk.link(join(folder, 'a'), join(folder, 'b'))).rejects.toMatchObject({ code: 'EEXIST' })
  await disk.rename(join(folder, 'a'), join(folder, 'b'))
  expect(await readText(join(folder, 'b'))).toBe('a')
  expect(await readText(join(folder, 'a'))).toBeUndefined()
})

test('disk.writeStream writes all of a stream, or rejects', async () => {
  const folder = temporaryFolder()
  const seen: number[] = []
  await disk.writeStream(join(folder, 'whole'), Readable.from(['ab', Buffer.from('c')]), (chunk) => seen.push(chunk.byteLength))
  expect(readFileSync(join(folder, 'whole'), 'utf8')).toBe('abc')
  expect(seen).toEqual([2, 1])
  const destroyed = new Readable({ read: () => undefined })
  destroyed.push('abc')
  setTimeout(() => destroyed.destroy(), 20)
  await expect(disk.writeStream(join(folder, 'part'), destroyed, () => undefined)).rejects.toThrow(/[Pp]remature/)
})

test('disk.writeStream has a large file written down on its way, and fails when that does', async () => {
  const path = join(temporaryFolder(), 'large')
  const chunk = Buffer.alloc(2 ** 22, 'x')
  const large = () => Readable.from(Array.from({ length: 33 }, () => chunk))
  const handle = await open(path, 'w')
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  const datasync = vi.spyOn(prototype, 'datasync')
  try {
    await disk.writeStream(path, large(), () => undefined)
    expect(datasync.mock.calls.length).toBeGreaterThan(0)
    expect(statSync(path).size).toBe(33 * chunk.length)
    datasync.mockRejectedValueOnce(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
    await expect(disk.writeStream(path, large(), () => undefined)).rejects.toMatchObject({ code: 'EIO' })
  } finally {
    datasync.mockRestore()
  }
})

test('disk.removeFolder removes an empty folder only', async () => {
  const folder = temporaryFolder()
  await disk.mkdir(join(folder, 'a/b'))
  await expect(disk.removeFolder(join(folder, 'a'))).rejects.toMatchObject({ code: 'ENOTEMPTY' })
  await disk.removeFolder(join(folder, 'a/b'))
  expect(readdirSync(join(folder, 'a'))).toEqual([])
  await disk.removeTree(join(folder, 'a'))
  await disk.removeTree(join(folder, 'a'))
  expect(existsSync(join(folder, 'a'))).toBe(false)
})

test('refusedByDisk says what refused, where and what to do', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  const error = refusedByDisk(await disk.write(join(folder, 'file/x'), '').catch((e: unknown) => e), '/p')
  expect(error).toBeInstanceOf(PermanentError)
  expect(error).toMatchObject({
    message: 'a file and a folder have the same name: /p (ENOTDIR)',
    place: { file: '/p' },
    hint: expect.any(String),
  })
  const engine = refusedByDisk(new Error('IO Error: Could not write to file "/p/w.wal": No space left on device'), '/p', { stage: 'land' })
  expect(engine).toMatchObject({
    message: 'the disk is full: /p/w.wal (No space left on device)',
    place: { stage: 'land', file: '/p/w.wal' },
  })
})

test('refusedByDisk tells a disk without room for spill from memory that does not do', () => {
  const full = new Error(
    "Out of Memory Error: failed to offload data block of size 256.0 KiB (7.0 MiB/7.1 MiB used).\nThis limit was set by the 'max_temp_directory_size' setting.",
  )
  expect(refusedByDisk(full, '/p', { stage: 'check' })).toMatchObject({
    message: "the disk of the run's workspace is full: no room for what does not fit into memory, 7.0 MiB of it spilled so far",
    hint: 'free some space, then run again: what was committed stays',
    place: { stage: 'check' },
  })
  const small = new Error('Out of Memory Error: could not allocate block of size 256.0 KiB (3.8 MiB/3.8 MiB used)')
  expect(refusedByDisk(small, '/p')).toBe(small)
})

test('refusedByDisk leaves anything else alone', () => {
  for (const error of [
    new CheckError('x'),
    new Error('No space left on device'),
    Object.assign(new Error('x'), { code: 'ENOENT' }),
    'text',
    undefined,
  ])
    expect(refusedByDisk(error, '/p')).toBe(error)
})
