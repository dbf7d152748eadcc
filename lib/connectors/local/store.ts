import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { disk, isErrno } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { ConfigError, PermanentError, PreconditionFailed } from '../../core/errors.ts'
import { type Lock, lock } from '../../state/lock.ts'
import type { ObjectInfo, PutBody, PutOptions, Store } from '../store.ts'
import { foldersOf } from './folders.ts'
import { type Identity, identify, identityOf } from './identity.ts'
import { folderOfPrefix, META, pathOfKey } from './key.ts'
import { keysUnder, settle } from './listing.ts'
import { inTheWay, isThere, notFound } from './refusals.ts'
import { findMetadata, readSidecar, removeSidecars, writeSidecar } from './sidecar.ts'
import { crcOfFile, crcOfStream, discard, type Staged, stage } from './staging.ts'
import { temporariesOf } from './temporaries.ts'

/** Records, mostly. */
const SMALL_BYTES = 2 ** 16
const LOCK_SLOTS = 64
const LOCK_WAIT_MS = 60_000

/**
 * A folder as a store. An object is a plain file that anyone may read (and nobody may change in place); the commit is one `link` (create-if-absent) or one `rename` (replace, after the version was compared
 * under a lock that holds between processes), after the fsync of the file and before that of its folder. An fsync of the folder that fails after a `rename` leaves the new object: visible, not
 * surely durable, and reported as failed.
 */
export function openLocalStore(root: string): Store & Required<Pick<Store, 'sweep'>> {
  const folders = foldersOf(root)
  const temporaries = temporariesOf(folders)

  /** Keys share a few locks: one is held for milliseconds, and never two at once. */
  async function lockOf(key: string): Promise<Lock> {
    const slot = createHash('sha256').update(key).digest().readUInt16BE() % LOCK_SLOTS
    const folder = join(root, META, 'locks')
    await folders.ensure(folder)
    return lock(join(folder, `${slot}.lock`), { what: `the object ${key} in ${root}`, waitMs: LOCK_WAIT_MS })
  }

  async function put(key: string, body: PutBody, options: PutOptions = {}): Promise<ObjectInfo> {
    const path = pathOfKey(root, key)
    try {
      if (options.ifAbsent && options.ifVersion !== undefined) throw new ConfigError('ifAbsent and ifVersion exclude each other')
      options.signal?.throwIfAborted()
      await folders.ensure(dirname(path))
      // Known in vain already: no need to read the body. What decides is the link.
      if (options.ifAbsent && (await identify(path))) throw isThere(key)
      const staged = await stage(body, dirname(path), temporaries, options)
      try {
        return await commit(key, path, staged, options)
      } catch (error) {
        await discard(staged)
        throw error
      }
    } catch (error) {
      if ('stream' in body) body.stream.destroy()
      throw refusedByDisk(error, path)
    }
  }

  async function commit(key: string, path: string, staged: Staged, options: PutOptions): Promise<ObjectInfo> {
    const metadata = options.metadata ?? {}
    const plain = options.ifAbsent && Object.keys(metadata).length === 0
    await disk.syncFile(staged.path)
    const held = plain ? undefined : await lockOf(key)
    try {
      const current = await identify(path)
      if (options.ifVersion !== undefined && current?.version !== options.ifVersion)
        throw new PreconditionFailed(
          `${key} is ${current ? `version ${current.version}` : 'not there'}, not version ${options.ifVersion}`,
          { file: path },
        )
      // A copy that stays is a second link of its source, which must not get another time, and so another version, for an object that is there.
      if (options.ifAbsent && current) throw isThere(key)
      const identity = await newIdentity(staged.path, current)
      options.signal?.throwIfAborted()
      const info: ObjectInfo = { key, bytes: identity.bytes, version: identity.version, crc32c: staged.crc32c, metadata }
      await writeSidecar(folders, { key, bytes: info.bytes, crc32c: info.crc32c, metadata: { ...metadata } }, identity)
      if (options.ifAbsent) await linkNew(key, staged, path, identity)
      else await replace(staged, path)
      if (held) await removeSidecars(root, key, identity)
      if (staged.source !== undefined) await disk.unlink(staged.source).catch(() => undefined)
      return info
    } finally {
      held?.release()
    }
  }

  async function linkNew(key: string, staged: Staged, path: string, identity: Identity): Promise<void> {
    try {
      await inFolder(path, () => disk.link(staged.path, path))
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
      // On a network disk the reply to a link that was made can get lost: then the file there is ours.
      if ((await identify(path))?.version !== identity.version) throw (await isNoFile(path)) ? inTheWay(path) : isThere(key)
    }
    try {
      await folders.sync(dirname(path))
    } catch (error) {
      await disk.unlink(path).catch(() => undefined)
      throw error
    }
    if (!staged.stays) await disk.unlink(staged.path).catch(() => undefined)
  }

  async function replace(staged: Staged, path: string): Promise<void> {
    await inFolder(path, () => disk.rename(staged.path, path))
    await folders.sync(dirname(path))
  }

  /** Does something in an object's folder, which a `delete` at the same time may have removed as empty. */
  async function inFolder(path: string, work: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!isErrno(error, 'ENOENT') || attempt === 20) throw error
        folders.forget(dirname(path))
        await folders.ensure(dirname(path))
      }
    }
  }

  /** Opens an object's file; undefined when there is none. */
  async function openObject(key: string): Promise<{ file: FileHandle; stats: BigIntStats } | undefined> {
    const path = pathOfKey(root, key)
    try {
      if (!(await folders.has(dirname(path)))) return undefined
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      const stats = await file.stat({ bigint: true })
      if (stats.isFile()) return { file, stats }
      await file.close()
      return undefined
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return undefined
      throw refusedByDisk(error, path)
    }
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    const path = pathOfKey(root, key)
    for (;;) {
      const opened = await openObject(key)
      if (!opened) return undefined
      const { file, stats } = opened
      try {
        const identity = identityOf(stats)
        await settle(dirname(path))
        const known = { key, bytes: identity.bytes, version: identity.version }
        const sidecar = await readSidecar(root, key, identity)
        if (sidecar) return { ...known, crc32c: sidecar.crc32c, metadata: sidecar.metadata }
        const crc32c = await crcOfStream(file.createReadStream({ highWaterMark: 2 ** 18, autoClose: false }))
        const metadata = await findMetadata(root, key, identity.bytes, crc32c)
        // Replaced meanwhile: its sidecar may have gone before we looked.
        if ((await identify(path))?.version === identity.version) return { ...known, crc32c, metadata }
      } catch (error) {
        throw refusedByDisk(error, path)
      } finally {
        await file.close()
      }
    }
  }

  async function get(key: string, range?: { readonly start: number; readonly end: number }): Promise<Readable> {
    const opened = await openObject(key)
    if (!opened) throw notFound(key, root)
    if (range === undefined && opened.stats.size <= SMALL_BYTES) return wholeOf(opened.file)
    if (range === undefined) return opened.file.createReadStream()
    if (range.end > range.start) return opened.file.createReadStream({ start: range.start, end: range.end - 1 })
    await opened.file.close()
    return Readable.from([])
  }

  async function copy(
    from: string,
    to: string,
    options: Pick<PutOptions, 'ifAbsent' | 'ifVersion' | 'metadata'> = {},
  ): Promise<ObjectInfo> {
    const [source, path] = [pathOfKey(root, from), pathOfKey(root, to)]
    const info = await head(from)
    if (!info) throw notFound(from, root)
    try {
      await folders.ensure(dirname(path))
      if (options.ifAbsent && (await identify(path))) throw isThere(to)
      const staged = await stageCopy(source, path, info, options.ifAbsent ?? false)
      try {
        return await commit(to, path, staged, { metadata: info.metadata, ...options })
      } catch (error) {
        await discard(staged)
        throw error
      }
    } catch (error) {
      if (isErrno(error, 'ENOENT')) throw notFound(from, root)
      throw refusedByDisk(error, path)
    }
  }

  /** A new object becomes a second link of the same file, which nobody changes in place; one that replaces another is copied, since its version has to be new. */
  async function stageCopy(source: string, path: string, info: ObjectInfo, ifAbsent: boolean): Promise<Staged> {
    const [from, to] = [await identify(source), await lstat(dirname(path), { bigint: true })]
    if (ifAbsent && from?.device === to.dev) return { path: source, crc32c: info.crc32c, temporary: false, stays: true }
    const temporary = await temporaries.create(dirname(path))
    const staged = { path: temporary, crc32c: info.crc32c, temporary: true }
    try {
      await disk.copy(source, temporary)
      const copied = await crcOfFile(temporary)
      if (copied !== info.crc32c)
        throw new PermanentError(`the copy of ${info.key} has crc32c ${copied}, not ${info.crc32c}`, {
          file: source,
          hint: 'it was changed in place, or the disk is failing',
        })
      return staged
    } catch (error) {
      await discard(staged)
      throw error
    }
  }

  async function remove(key: string, options: Pick<PutOptions, 'ifVersion'> = {}): Promise<void> {
    const path = pathOfKey(root, key)
    try {
      if (!(await identify(path)) || !(await folders.has(dirname(path)))) return
      using _held = await lockOf(key)
      const current = await identify(path)
      if (current && options.ifVersion !== undefined && current.version !== options.ifVersion)
        throw new PreconditionFailed(`${key} is version ${current.version}, not version ${options.ifVersion}`, { file: path })
      await disk.unlink(path)
      await folders.sync(dirname(path))
      await removeSidecars(root, key, undefined)
      await removeEmpty(dirname(path))
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw refusedByDisk(error, path)
    }
  }

  async function removeEmpty(folder: string): Promise<void> {
    for (let at = folder; at !== root; at = dirname(at)) {
      try {
        await disk.removeFolder(at)
      } catch {
        return
      }
      folders.forget(at)
    }
  }

  return {
    kind: 'local',
    put,
    get,
    head,
    list: (prefix) => keysUnder(root, prefix),
    copy,
    delete: remove,
    sweep: (prefix) => temporaries.sweep(folderOfPrefix(root, prefix).folder),
    localPath: (key) => pathOfKey(root, key),
    close: () => temporaries.close(),
  }
}

/** The identity that a staged file will have; its time of last write is moved on where it would give the key a version that it had before. */
async function newIdentity(path: string, current: Identity | undefined): Promise<Identity> {
  const identity = await mustIdentify(path)
  if (!current || identity.mtimeNs > current.mtimeNs) return identity
  const seconds = (Number(current.mtimeNs / 1_000_000n) + 2) / 1000
  await utimes(path, seconds, seconds)
  await disk.syncFile(path)
  return mustIdentify(path)
}

/** A small object at once: a stream that reads a file has 64 KiB of memory for each of its reads. */
async function wholeOf(file: FileHandle): Promise<Readable> {
  try {
    const bytes = await file.readFile()
    return Readable.from(bytes.byteLength === 0 ? [] : [bytes], { objectMode: false })
  } finally {
    await file.close()
  }
}

async function mustIdentify(path: string): Promise<Identity> {
  const identity = await identify(path)
  if (!identity) throw new ConfigError(`the file to put is gone: ${path}`)
  return identity
}

/** Whether a folder, a link or a device is there. */
async function isNoFile(path: string): Promise<boolean> {
  const there = await lstat(path).catch(() => undefined)
  return there !== undefined && !there.isFile()
}
