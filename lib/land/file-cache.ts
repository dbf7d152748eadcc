import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, readdir, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fingerprint } from '../core/checksums.ts'
import { disk, isErrno } from '../core/disk.ts'
import { TransientError } from '../core/errors.ts'
import { lock } from '../state/lock.ts'
import { fingerprintOf } from './fingerprint.ts'

/** What a file is known by: its bytes. */
export type FileName = Pick<Fingerprint, 'sha256' | 'bytes'>

/**
 * Files of a landing zone that is not on this machine's disk, kept here under the SHA-256 of their bytes: whatever is kept is right, or it is found out and fetched again. Any number of processes share a folder, and any of them
 * may be killed at any instant, or the folder removed: nothing is lost but time. A reader has a name of its own for the file (a hard link, or a copy where the disk has none), so nothing is taken away from under it.
 */
export interface FileCache {
  /**
   * Gives the file the name `to`, where there is none yet. One that is not kept is fetched by `fetch`, by one process at a time, and kept. What `fetch` gives must be the file: `wrong` makes the error for what is not.
   * @throws what `fetch` and the disk throw
   */
  take(file: FileName, to: string, fetch: (to: string) => Promise<Fingerprint>, wrong: (found: Fingerprint) => Error): Promise<Taken>
  /** Keeps a file that lies here already. Never fails: what cannot be kept is fetched later. */
  keep(file: FileName, path: string): Promise<void>
  /** Checksums of a kept file whose bytes are right; undefined when there is none. */
  fingerprint(file: FileName): Promise<Fingerprint | undefined>
}

/** `kept`: it was there. `damaged`: it was, with other bytes, and has been fetched again. */
export type Taken = 'kept' | 'fetched' | 'damaged'

export interface FileCacheOptions {
  readonly folder: string
  /** No more than so many bytes are kept; what was used longest ago goes first. */
  readonly limitBytes: number
  readonly signal?: AbortSignal
}

/** Processes that want the same file wait for the one that fetches it; files share a few locks. */
const LOCK_SLOTS = 64
const LOCK_WAIT_MS = 600_000
/** What is kept is looked at and changed by one process at a time, so that it never is more than the limit. Who waits too long keeps nothing. */
const ROOM_WAIT_MS = 10_000
/** A copy that was being made so long ago is of a process that is gone. */
const ABANDONED_MS = 86_400_000

export function fileCache({ folder, limitBytes, signal }: FileCacheOptions): FileCache {
  const pathOf = ({ sha256, bytes }: FileName) => join(folder, `${sha256}-${bytes}`)
  /** Kept files whose bytes this process has compared: SHA-256 → inode. */
  const compared = new Map<string, number>()

  /** Gives a kept file the name `to`, if it is right. */
  async function fromKept(file: FileName, to: string): Promise<Exclude<Taken, 'fetched'> | undefined> {
    if (!(await placed(pathOf(file), to))) return undefined
    const { ino } = await stat(to)
    if (compared.get(file.sha256) !== ino) {
      const found = await fingerprintOf(to, signal)
      if (found.sha256 !== file.sha256) {
        await disk.unlink(to)
        await removed(pathOf(file))
        return 'damaged'
      }
      compared.set(file.sha256, ino)
    }
    const now = new Date()
    await utimes(pathOf(file), now, now).catch(() => undefined)
    return 'kept'
  }

  async function take(...[file, to, fetch, wrong]: Parameters<FileCache['take']>): Promise<Taken> {
    const before = await fromKept(file, to)
    if (before === 'kept') return before
    const slot = Number.parseInt(file.sha256.slice(0, 4), 16) % LOCK_SLOTS
    const what = `the fetching of a landed file into ${folder}`
    // Who waits too long fetches it too: nothing is the worse for it.
    using _held = await lock(join(folder, 'locks', `${slot}.lock`), { what, waitMs: LOCK_WAIT_MS, ...(signal && { signal }) }).catch(
      (error: unknown) => {
        if (!(error instanceof TransientError)) throw error
        return undefined
      },
    )
    const meanwhile = await fromKept(file, to)
    if (meanwhile === 'kept') return before ?? meanwhile
    const part = `${to}.part-${randomUUID()}`
    try {
      const found = await fetch(part).catch(async (error: unknown) => {
        // What is kept must not keep a run from its disk.
        if (!isErrno(error, 'ENOSPC', 'EDQUOT') || (await emptied()) === 0) throw error
        return fetch(part)
      })
      if (found.sha256 !== file.sha256) throw wrong(found)
      await disk.rename(part, to)
    } catch (error) {
      await disk.unlink(part).catch(() => undefined)
      throw error
    }
    compared.set(file.sha256, (await stat(to)).ino)
    await keep(file, to)
    return before ?? meanwhile ?? 'fetched'
  }

  async function keep(file: FileName, path: string): Promise<void> {
    try {
      if (file.bytes > limitBytes) return
      await holdingRoom(async () => {
        await makeRoom(file.bytes, file)
        const now = new Date()
        if (await placed(path, pathOf(file))) await utimes(pathOf(file), now, now)
      })
    } catch {
      // It is fetched when it is wanted.
    }
  }

  const emptied = () => holdingRoom(() => makeRoom(Number.POSITIVE_INFINITY)).catch(() => 0)

  async function holdingRoom<T>(work: () => Promise<T>): Promise<T> {
    const what = `what is kept in ${folder}`
    using _held = await lock(join(folder, 'locks', 'room.lock'), { what, waitMs: ROOM_WAIT_MS, ...(signal && { signal }) })
    return await work()
  }

  /** Removes what was used longest ago until `bytes` more fit; gives how many files. */
  async function makeRoom(bytes: number, but?: FileName): Promise<number> {
    const names = await readdir(folder)
    const files = filesNamed(names).flatMap(({ name, sha256, bytes: size }) =>
      sha256 === but?.sha256 ? [] : [{ path: join(folder, name), bytes: size }],
    )
    let over = files.reduce((sum, each) => sum + each.bytes, bytes) - limitBytes
    if (over <= 0) return 0
    await removeAbandoned(names)
    const used = await Promise.all(
      files.map(async (each) => ({ ...each, at: (await stat(each.path).catch(() => undefined))?.mtimeMs ?? 0 })),
    )
    let count = 0
    for (const each of used.sort((a, b) => a.at - b.at)) {
      if (over <= 0) break
      await removed(each.path)
      over -= each.bytes
      count++
    }
    return count
  }

  async function removeAbandoned(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!name.includes('.part-')) continue
      const found = await stat(join(folder, name)).catch(() => undefined)
      if (found && Date.now() - found.mtimeMs > ABANDONED_MS) await removed(join(folder, name))
    }
  }

  async function fingerprint(file: FileName): Promise<Fingerprint | undefined> {
    try {
      const found = await fingerprintOf(pathOf(file), signal)
      if (found.sha256 === file.sha256) return found
      await removed(pathOf(file))
    } catch (error) {
      signal?.throwIfAborted()
      if (!isErrno(error, 'ENOENT')) throw error
    }
    return undefined
  }

  return { take, keep, fingerprint }
}

/** How many bytes a cache's folder holds. */
export async function keptBytes(folder: string): Promise<number> {
  return filesNamed(await readdir(folder).catch(() => [])).reduce((sum, { bytes }) => sum + bytes, 0)
}

function filesNamed(names: readonly string[]): (FileName & { readonly name: string })[] {
  return names.flatMap((name) => {
    const [, sha256, bytes] = /^([0-9a-f]{64})-(\d+)$/.exec(name) ?? []
    return sha256 === undefined ? [] : [{ name, sha256, bytes: Number(bytes) }]
  })
}

/** Gives a file a second name, which nobody has yet: a hard link, or a copy where the disk has none. False when the file is not there. */
async function placed(from: string, to: string): Promise<boolean> {
  try {
    await disk.link(from, to)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return true
    if (isErrno(error, 'ENOENT'))
      return access(from, constants.F_OK).then(
        () => Promise.reject(error),
        () => false,
      )
    if (!isErrno(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'ENOSYS')) throw error
  }
  const part = `${to}.part-${randomUUID()}`
  try {
    await disk.copy(from, part)
    await disk.rename(part, to)
    return true
  } catch (error) {
    await disk.unlink(part).catch(() => undefined)
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}

async function removed(path: string): Promise<void> {
  await disk.unlink(path).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error
  })
}
