import { readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { codePlace } from '../../core/code-place.ts'
import { exists, readText } from '../../core/disk.ts'
import { ConfigError, MillraceError, messageOf } from '../../core/errors.ts'
import { missingPackageHint } from '../../core/missing-package.ts'
import { nearest } from '../../core/nearest.ts'
import type { AnyPipeline } from './definition.ts'
import { writeSchemaFile } from './write-schema.ts'

/** A pipeline file, imported. */
export interface LoadedPipeline {
  readonly definition: AnyPipeline
  /** Absolute path of pipeline.ts (or .js). */
  readonly file: string
  readonly folder: string
  /** Absolute path of schema.ts beside it. */
  readonly schemaFile: string
}

const FILES = ['pipeline.ts', 'pipeline.js']

/** Names of the folders under `pipelines/` that hold a pipeline file, ascending. */
export async function pipelineNames(project: string): Promise<readonly string[]> {
  const folder = join(project, 'pipelines')
  const names = (await readdir(folder, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
  const found = await Promise.all(names.map((name) => pipelineFile(project, name)))
  return names.filter((_, i) => found[i] !== undefined).sort()
}

async function pipelineFile(project: string, name: string): Promise<string | undefined> {
  for (const file of FILES) {
    const path = join(project, 'pipelines', name, file)
    if (await exists(path)) return path
  }
  return undefined
}

/** The first sentence of the comment at the head of a pipeline file, for lists. */
export async function pipelineSummary(project: string, name: string): Promise<string> {
  const file = await pipelineFile(project, name)
  const comment = /^\/\*\*\s*([\s\S]*?)\*\//.exec((file && (await readText(file))) ?? '')?.[1] ?? ''
  return (
    comment
      .replace(/(^|\n)\s*\*?\s*/g, ' ')
      .trim()
      .split(/(?<=\.)\s/)[0] ?? ''
  ).replace(/\.$/, '')
}

/**
 * Imports a pipeline file by name. A `schema.ts` that it imports and that is not there is first created empty, so that a new pipeline can be planned.
 * @throws ConfigError for an unknown name, a file that throws, and a default export that is no pipeline.
 */
export async function loadPipeline(project: string, name: string): Promise<LoadedPipeline> {
  const file = await pipelineFile(project, name)
  if (!file) {
    const names = await pipelineNames(project)
    const guess = nearest(name, names)
    throw new ConfigError(`no pipeline "${name}" in ${join(project, 'pipelines')}`, {
      hint:
        names.length === 0
          ? 'make one: millrace init <name>'
          : guess
            ? `did you mean "${guess}"? there are: ${names.join(', ')}`
            : `there are: ${names.join(', ')}`,
    })
  }
  const folder = dirname(file)
  const schemaFile = join(folder, file.endsWith('.ts') ? 'schema.ts' : 'schema.js')
  if (!(await exists(schemaFile)) && /from\s+['"]\.\/schema\.[jt]s['"]/.test((await readText(file)) ?? ''))
    await writeSchemaFile(schemaFile, 'export const schema = {} as const\n'.replace(file.endsWith('.ts') ? '' : ' as const', ''))
  const definition = await importDefault(project, file, name)
  if (definition.name !== name)
    throw new ConfigError(`pipeline "${definition.name}" lies in the folder "${name}": the two must be the same`, {
      pipeline: name,
      file: relative(project, file),
    })
  return { definition, file, folder, schemaFile }
}

/** The definition alone, of a pipeline beside the one at work; writes nothing. @throws ConfigError for a file that throws or is not there, and a default export that is no pipeline */
export async function importBeside(project: string, name: string): Promise<AnyPipeline> {
  const file = await pipelineFile(project, name)
  if (!file) throw new ConfigError(`no pipeline "${name}" in ${join(project, 'pipelines')}`)
  return importDefault(project, file, name)
}

async function importDefault(project: string, file: string, pipeline: string): Promise<AnyPipeline> {
  const where = relative(project, file)
  let module: unknown
  try {
    module = await import(pathToFileURL(file).href)
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause.at({ pipeline, file: where })
    const place = codePlace(cause, file)
    const hint = missingPackageHint(cause)
    const generated = /^ \(schema\.[jt]s line/.test(place) || /'\.\/schema\.[jt]s'/.test(messageOf(cause))
    throw new ConfigError(`${where} cannot be loaded: ${messageOf(cause)}${place}`, {
      ...{ cause, pipeline, file: where },
      ...(generated
        ? { hint: `schema.ts is generated: delete it, and run millrace plan ${pipeline} --discover` }
        : hint !== undefined && { hint }),
    })
  }
  const value = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  const fault = faultOf(value)
  if (fault !== undefined)
    throw new ConfigError(`${where} does not export a pipeline: ${fault}`, {
      pipeline,
      file: where,
      hint: 'end it with `export default pipeline({ … })`',
    })
  return value as AnyPipeline
}

/** Why a default export is no pipeline; all else is for bind to say. */
function faultOf(value: unknown): string | undefined {
  if (value === undefined) return 'it has no default export'
  if (!isObject(value) || typeof value.name !== 'string') return 'its default export is none'
  if (!isObject(value.extract)) return 'extract is missing'
  const wrong = Object.entries(value.extract).find(([, each]) => !isObject(each) || !isObject(each.request) || !isObject(each.kind))
  return wrong && `extract.${wrong[0]} must be source(…).files(…), .get(…) or .post(…)`
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
