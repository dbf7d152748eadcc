import { glob, readFile, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { isErrno } from '../../core/disk.ts'
import { ConfigError } from '../../core/errors.ts'
import { resourceName } from './descriptor.ts'
import type { StatedResource } from './descriptor-schema.ts'
import { resourcesIn } from './descriptor-text.ts'
import type { Export } from './export.ts'

/** What one consumer expects of one export. */
export interface Expectation {
  readonly consumer: string
  /** As it was named, or found in a folder that was. */
  readonly file: string
  readonly stated: StatedResource
}

/**
 * The expectations in files, and in the `.json` files of folders at any depth, in the order of their names.
 * @throws ConfigError for a place that holds none, and for a file that is none
 */
export async function expectationsAt(places: readonly string[]): Promise<readonly Expectation[]> {
  const files = (await Promise.all(places.map(filesAt))).flat()
  const found = await Promise.all(
    files.map(async (file) => {
      const consumer = basename(file, '.json')
      return (await resourcesAt(file)).map((stated) => ({
        consumer: stated.millrace?.consumer ?? consumer,
        file,
        stated,
      }))
    }),
  )
  return found.flat()
}

/** What a file describes. @throws ConfigError where it cannot be read, or is no descriptor */
export async function resourcesAt(file: string): Promise<readonly StatedResource[]> {
  let json: string
  try {
    json = await readFile(resolve(file), 'utf8')
  } catch (cause) {
    const why = isErrno(cause, 'ENOENT') ? 'it is not there' : isErrno(cause, 'EISDIR') ? 'it is a folder' : undefined
    throw new ConfigError(`${file} cannot be read${why === undefined ? '' : `: ${why}`}`, { ...(why === undefined && { cause }), file })
  }
  return resourcesIn(json, file)
}

async function filesAt(place: string): Promise<readonly string[]> {
  const found = await stat(resolve(place)).catch(() => undefined)
  if (!found) throw new ConfigError(`there is no ${place}`, { hint: "name a consumer's file, or a folder of such files" })
  if (!found.isDirectory()) return [place]
  const names: string[] = []
  for await (const name of glob('**/*.json', { cwd: resolve(place), exclude: (each) => /^\../.test(each) })) names.push(name)
  if (names.length === 0)
    throw new ConfigError(`${place} holds no file that ends in .json`, { hint: "name a consumer's file, or a folder of such files" })
  return names.sort().map((name) => join(place, name))
}

/** How an expectation calls its export, for errors. */
export function wantedExport({ stated, file }: Expectation): string {
  return stated.millrace?.export ?? stated.path ?? stated.name ?? basename(file, '.json')
}

/** The exports that an expectation is about: by its `millrace.export` or `path`, else by `name`, else by the name of its file, both as resources are called. More than one: none can be told. */
export function expectedExports<T extends { readonly export: Pick<Export, 'path'> }>(
  expectation: Expectation,
  exports: readonly T[],
): readonly T[] {
  const { stated, file } = expectation
  const path = stated.millrace?.export ?? stated.path
  const name = stated.name ?? basename(file, '.json')
  const byPath = exports.filter((each) => each.export.path === path)
  if (stated.millrace?.export !== undefined || byPath.length > 0) return byPath
  return exports.filter((each) => resourceName(each.export.path) === name)
}
