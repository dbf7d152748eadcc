import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { disk, exists, isErrno, makeFolderDurable, readText, writeWhole } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { PermanentError } from '../../core/errors.ts'
import { keyPart } from '../../core/key-part.ts'
import { fingerprintOf } from '../../land/fingerprint.ts'
import { type Candidate, type CandidateFile, candidateSchema } from './candidate.ts'

const RECORD = 'candidate.json'

/** Where the candidates of a pipeline lie: `<candidates>/<pipeline>/<partition>/`, that of what partitions share under the name '', in each a record and the Parquet files that it names. Who writes or removes one holds its partition's lock. */
export interface CandidateFiles {
  folder(partition: string): string
  /** Makes a partition's folder. */
  prepare(partition: string): Promise<void>
  /** Puts a Parquet file into a partition's folder under a name, durable: as a second name of the same bytes where the disk allows it. Gives what it is known by. */
  put(partition: string, name: string, file: string): Promise<CandidateFile>
  /** Whether a file is still what it was when it was put. */
  isWhole(partition: string, file: CandidateFile): Promise<boolean>
  /** Writes the record, last of all: from here on there is a candidate. */
  write(candidate: Candidate): Promise<void>
  /** undefined: there is none, or it is not whole. @throws PermanentError for a record that is none */
  read(partition: string): Promise<Candidate | undefined>
  /** Whether there is one. */
  has(partition: string): Promise<boolean>
  /** Removes all of a partition, the record first. */
  remove(partition: string): Promise<void>
  /** The same by the folder's name. */
  removeFolder(name: string): Promise<void>
  /** All folders that there are, whole or not, with their bytes: by the part of the path that stands for the partition. */
  list(): Promise<readonly { readonly name: string; readonly bytes: number }[]>
}

/** `candidates`: the folder for those of all pipelines. */
export function candidateFiles(candidates: string, pipeline: string): CandidateFiles {
  const root = join(candidates, keyPart(pipeline))
  const folder = (partition: string) => join(root, keyPart(partition))
  const refused = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw refusedByDisk(error, path)
    }
  }
  const removeFolder = (name: string) =>
    refused(join(root, name), async () => {
      await disk.unlink(join(root, name, RECORD)).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error
      })
      await disk.removeTree(join(root, name))
    })
  return {
    folder,
    prepare: (partition) => refused(folder(partition), () => makeFolderDurable(folder(partition))),
    put: (partition, name, file) =>
      refused(folder(partition), async () => {
        await makeFolderDurable(folder(partition))
        const to = join(folder(partition), name)
        await disk.link(file, to).catch(async (error: unknown) => {
          if (!isErrno(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP')) throw error
          await disk.copy(file, to)
        })
        await disk.syncFile(to)
        const { bytes, sha256 } = await fingerprintOf(to)
        return { name, bytes, sha256 }
      }),
    isWhole: async (partition, { name, bytes, sha256 }) => {
      const found = await fingerprintOf(join(folder(partition), name)).catch(() => undefined)
      return found?.bytes === bytes && found.sha256 === sha256
    },
    write: (candidate) =>
      refused(folder(candidate.partition), async () => {
        const into = folder(candidate.partition)
        await makeFolderDurable(into)
        await writeWhole(join(into, RECORD), `${JSON.stringify(candidate, null, 2)}\n`)
      }),
    read: async (partition) => readRecord(join(folder(partition), RECORD)),
    has: (partition) => exists(join(folder(partition), RECORD)),
    remove: (partition) => removeFolder(keyPart(partition)),
    removeFolder,
    list: async () => {
      const names = (await readdir(root).catch(() => [])).sort()
      return Promise.all(names.map(async (name) => ({ name, bytes: await bytesIn(join(root, name)) })))
    },
  }
}

async function readRecord(path: string): Promise<Candidate | undefined> {
  const text = await readText(path)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const { success, data } = candidateSchema.safeParse(value)
  if (success) return data as Candidate
  throw new PermanentError(`${path} is no candidate that this version of millrace knows`, {
    file: path,
    hint: 'a hand changed it, or another version wrote it: give it up with --reject, and compare again',
  })
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
