import { randomUUID } from 'node:crypto'
import { access, constants, open, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { exists, isErrno, refuseDeadLink } from './disk.ts'
import { refusedByDisk } from './disk-refusal.ts'
import { type Finding, fault, fine, warning } from './finding.ts'

/** What is known of the disk that a path lies on. */
export interface DiskSpace {
  readonly freeBytes: number
  /** The file system's magic number, as statfs(2) has it. */
  readonly type: number
}

/** The space of a path's disk; of a folder that is not there yet, its nearest parent's. */
export async function diskSpace(path: string): Promise<DiskSpace> {
  try {
    const { bavail, bsize, type } = await statfs(path)
    return { freeBytes: bavail * bsize, type }
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR') || dirname(path) === path) throw error
    return diskSpace(dirname(path))
  }
}

const [LOW_BYTES, FULL_BYTES] = [2e9, 100e6]
/** NFS, CIFS, SMB2. */
const NETWORK: readonly number[] = [0x6969, 0xff534d42, 0xfe534d42]

/** Whether there is room where millrace writes. */
export async function spaceFinding(what: string, path: string, space: typeof diskSpace = diskSpace): Promise<Finding> {
  const { freeBytes } = await space(path)
  const found = `${freeBytes < 1e9 ? `${Math.floor(freeBytes / 1e6)} MB` : `${(freeBytes / 1e9).toFixed(1)} GB`} free at ${path}`
  const advice = 'free some space, or choose a folder on another disk: sorts and joins spill there'
  if (freeBytes < FULL_BYTES) return fault(what, found, { advice })
  return freeBytes < LOW_BYTES ? warning(what, found, advice) : fine(what, found)
}

/** Whether locks hold on the disk of a path. */
export async function lockFinding(what: string, path: string, space: typeof diskSpace = diskSpace): Promise<Finding | undefined> {
  if (!NETWORK.includes((await space(path)).type)) return undefined
  return warning(what, `${path} is on a network file system`, 'put the state on a local disk: locks of a network file system may not hold')
}

/** Whether a folder can be written: a small file is made in it, made durable and removed. Of one that is not there yet, whether it could be made. */
export async function writableFinding(what: string, folder: string): Promise<Finding> {
  try {
    if (!(await exists(folder))) {
      await refuseDeadLink(folder)
      let parent = folder
      while (!(await exists(parent)) && dirname(parent) !== parent) parent = dirname(parent)
      await access(parent, constants.W_OK | constants.X_OK)
      return fine(what, `not there yet, made at its first use: ${folder}`)
    }
    const path = join(folder, `.doctor-${randomUUID()}`)
    try {
      const file = await open(path, 'wx')
      try {
        await file.writeFile('millrace doctor was here')
        await file.sync()
      } finally {
        await file.close()
      }
    } finally {
      await rm(path, { force: true })
    }
    return fine(what, `can be written: ${folder}`)
  } catch (error) {
    return fault(what, refusedByDisk(error, folder))
  }
}
