import { access, constants, stat } from 'node:fs/promises'
import { isErrno } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { PermanentError } from '../../core/errors.ts'
import { type Finding, fault, fine, looking, warning } from '../../core/finding.ts'
import type { SourceRequest } from '../requests.ts'
import { findFiles } from './find-files.ts'

/** `SourceConnection.check` of a folder: that it is there, can be read, and has what is asked for. Paths that name a partition are left to the run. */
export async function checkFolder(folder: string, requests: readonly SourceRequest[]): Promise<readonly Finding[]> {
  try {
    if (!(await stat(folder)).isDirectory())
      return [fault('folder', `${folder} is no folder`, { advice: 'name the folder that holds the files', kind: 'configuration' })]
    await access(folder, constants.R_OK | constants.X_OK)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      return [
        fault('folder', `there is no folder ${folder}`, { advice: 'put the files there, or correct the path', kind: 'configuration' }),
      ]
    return [fault('folder', refusedByDisk(error, folder))]
  }
  const paths = [...new Set(requests.flatMap((request) => (request.method === 'files' ? request.paths : [])))]
  const fixed = paths.filter((path) => !path.includes('{partition}'))
  const found = await Promise.all(fixed.map((path) => looking('files', () => checkPath(folder, path))))
  const [count, wrong] = [found.flat().filter(({ state }) => state === 'ok').length, found.flat().filter(({ state }) => state !== 'ok')]
  return [
    fine(
      'folder',
      `can be read${count > 0 ? `, with the files that pipelines name by ${count} ${count === 1 ? 'path' : 'paths'}` : ''}: ${folder}`,
    ),
    ...wrong,
  ]
}

async function checkPath(folder: string, path: string): Promise<Finding> {
  try {
    for (const file of await findFiles(folder, [path], undefined))
      await access(file.path, constants.R_OK).catch((error: unknown) => {
        throw refusedByDisk(error, file.path)
      })
    return fine('files', path)
  } catch (error) {
    // A file that has not come yet is the run's to say: it may be due later.
    const missing = error instanceof PermanentError && error.message.startsWith('no file matches')
    return missing ? warning('files', error.message, 'put the files there before the pipeline runs') : fault('files', error)
  }
}
