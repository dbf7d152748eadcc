import type { z } from 'zod'
import { ConfigError, messageOf } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import { NOT_PROMISED, PROPERTIES, resourceSchema, type StatedResource } from './descriptor-schema.ts'

/**
 * The resources that a JSON text describes: a Frictionless Data Resource, a list of them, a Data Package, or a Table Schema alone. `file` is for errors.
 * @throws ConfigError for what is none, and for every property that cannot be held against a contract
 */
export function resourcesIn(json: string, file: string): readonly StatedResource[] {
  let value: unknown
  try {
    value = JSON.parse(json.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new ConfigError(`${file} is no JSON: ${messageOf(cause)}`, { file })
  }
  const found = listOf(value)
  if (found.length === 0) throw new ConfigError(`${file} describes no resource`, { file })
  return found.map((each, i) => resourceOf(each, file, found.length === 1 ? '' : `[${i}]`))
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (!isObject(value)) return [value]
  if (Array.isArray(value.resources)) return value.resources
  if (!Array.isArray(value.fields)) return [value]
  const { millrace, ...schema } = value
  return [{ schema, ...(millrace !== undefined && { millrace }) }]
}

function resourceOf(value: unknown, file: string, place: string): StatedResource {
  const { success, data, error } = resourceSchema.safeParse(value)
  if (success) {
    const names = data.schema.fields.map(({ name }) => name)
    const again = names.findIndex((name, i) => names.indexOf(name) < i)
    if (again >= 0)
      throw new ConfigError(
        `${file} at ${place === '' ? '' : `${place}.`}schema.fields[${again}]: column "${names[again]}" is named twice`,
        {
          file,
          hint: 'a file has a column once: say all that you expect of it in one place',
        },
      )
    return data
  }
  const [issue] = error.issues
  throw faultOf(issue, file, place)
}

function faultOf(issue: z.core.$ZodIssue | undefined, file: string, place: string): ConfigError {
  const path = issue?.path ?? []
  const at = `${place}${path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')}`.replace(/^\./, '')
  const where = at === '' ? '' : ` at ${at}`
  if (issue?.code !== 'unrecognized_keys') return new ConfigError(`${file}${where}: ${sentence(issue?.message)}`, { file })
  const [key = ''] = issue.keys
  if (NOT_PROMISED.includes(key))
    return new ConfigError(`${file}${where}: a contract does not promise ${key}, so nobody can say whether it holds`, {
      file,
      hint: `take ${key} out of the file; what values must be is for a check of the pipeline, or for whoever reads them`,
    })
  const known = PROPERTIES[path.filter((part) => typeof part === 'string').join('.')] ?? []
  return new ConfigError(`${file}${where}: unknown property "${key}"${didYouMean(key, known)}`, {
    file,
    hint: `there are: ${known.join(', ')}`,
  })
}

/** A message of zod in the project's voice. */
function sentence(message = 'is no resource'): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
