import { glob, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, sep } from 'node:path'
import { isErrno } from '../../core/disk.ts'
import { ConfigError, PermanentError } from '../../core/errors.ts'

/** A file of the folder as it was found. */
export interface FoundFile {
  /** Absolute, with no symbolic link in it. */
  readonly path: string
  /** Relative to the folder, `/`-separated: what messages call it. */
  readonly name: string
  readonly bytes: number
  /** Equal while nobody writes the file: time of change in nanoseconds, and inode. */
  readonly stamp: string
}

/**
 * The files that paths and globs name, in the order of their names, each once. `{partition}` stands for the partition's name; where there is none (a describe),
 * for any text without `/`.
 * @throws ConfigError for a path that leads out of the folder, PermanentError where a path or glob names nothing
 */
export async function findFiles(folder: string, paths: readonly string[], partition: string | undefined): Promise<readonly FoundFile[]> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw isErrno(cause, 'ENOENT', 'ENOTDIR')
      ? new PermanentError(`there is no folder ${folder}`, {
          file: folder,
          hint: 'put the files there, or correct the path of the connection',
        })
      : cause
  })
  if (paths.length === 0) throw new ConfigError('files() names no path')
  const found = new Map<string, FoundFile>()
  for (const path of paths) {
    if (isAbsolute(path) || path.split(/[\\/]/).includes('..'))
      throw new ConfigError(`"${path}" leads out of the connection's folder; name files below it`, { file: path })
    const names = await namesOf(root, path, partition)
    if (names.length === 0) {
      const what = path.replaceAll('{partition}', partition ?? '{partition}')
      throw new PermanentError(`no file matches "${what}" in ${folder}`, { file: what, hint: 'put it there, or correct the path' })
    }
    for (const name of names) found.set(name, await look(root, name))
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

async function namesOf(root: string, path: string, partition: string | undefined): Promise<string[]> {
  // A file of just that name comes before what the name would mean as a pattern.
  const literal = partition === undefined ? path : path.replaceAll('{partition}', partition)
  if (await isFile(join(root, literal))) return [literal]
  const pattern = path.replaceAll('{partition}', partition === undefined ? '*' : partition.replace(/[*?[\]{}()!@+]/g, '[$&]'))
  if (!/[*?[{]/.test(pattern)) return []
  const names: string[] = []
  for await (const name of glob(pattern, { cwd: root })) {
    if (await isFile(join(root, name))) names.push(sep === '/' ? name : name.replaceAll(sep, '/'))
  }
  return names
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}

async function look(root: string, name: string): Promise<FoundFile> {
  const path = await realpath(join(root, name))
  if (!path.startsWith(root.endsWith(sep) ? root : root + sep))
    throw new ConfigError(`"${name}" is a link that leads out of the connection's folder`, { file: name })
  const info = await stat(path, { bigint: true })
  return { path, name, bytes: Number(info.size), stamp: `${info.mtimeNs}-${info.ino}` }
}
