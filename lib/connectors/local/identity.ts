import { type BigIntStats, lstatSync } from 'node:fs'
import { isErrno } from '../../core/disk.ts'

/** One state of one file. Files in a store are never changed in place, so another state is another inode, size or time of last write. */
export interface Identity {
  readonly version: string
  readonly bytes: number
  readonly device: bigint
  readonly mtimeNs: bigint
}

export function identityOf(stats: BigIntStats): Identity {
  return {
    version: `${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}-${stats.size.toString(36)}`,
    bytes: Number(stats.size),
    device: stats.dev,
    mtimeNs: stats.mtimeNs,
  }
}

/** The state of the regular file at `path`; undefined when there is none (a folder, a link or a device is none). Asked of the kernel at once, not through a thread: it is asked three times for each object. */
export async function identify(path: string): Promise<Identity | undefined> {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() ? identityOf(stats) : undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}
