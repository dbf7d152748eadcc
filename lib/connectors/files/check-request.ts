import { isAbsolute } from 'node:path'
import { ConfigError } from '../../core/errors.ts'
import { checkFormat } from '../../formats/dialect.ts'
import type { FilesRequest } from '../requests.ts'

/** `SourceConnection.checkRequest` of a folder: paths that stay below it, and a dialect that can be read. */
export function checkRequest(request: FilesRequest): void {
  if (request.paths.length === 0) throw new ConfigError('files() names no path')
  for (const path of request.paths)
    if (isAbsolute(path) || path.split(/[\\/]/).includes('..'))
      throw new ConfigError(`"${path}" leads out of the connection's folder; name files below it`, { file: path })
  checkFormat(request)
}
