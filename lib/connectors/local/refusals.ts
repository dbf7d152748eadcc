import { join } from 'node:path'
import { NotFound, PermanentError, PreconditionFailed } from '../../core/errors.ts'

export function isThere(key: string): PreconditionFailed {
  return new PreconditionFailed(`${key} is there already`)
}

export function inTheWay(path: string): PermanentError {
  return new PermanentError(`what is at ${path} is no file`, { file: path, hint: 'move it away, then run again' })
}

export function notFound(key: string, root: string): NotFound {
  return new NotFound(`no object ${key} in ${root}`, { file: join(root, key) })
}
