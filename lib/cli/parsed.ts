import { ConfigError } from '../core/errors.ts'
import { type AnyCommand, kebab, type OptionSpec } from './command.ts'

/** What a command line asks for: a text to print (help, version), or a command with its options. */
export type Parsed =
  | { readonly print: string }
  | {
      readonly command: AnyCommand
      readonly options: Readonly<Record<string, unknown>>
      readonly json: boolean
      readonly profile?: string
      readonly project?: string
    }

/** Options that every command takes. */
export const GLOBAL: Readonly<Record<string, OptionSpec>> = {
  profile: { type: 'string', value: 'name', describe: "the profile of millrace.config.ts; default the file's, else dev" },
  project: { type: 'string', value: 'folder', describe: 'where to look for millrace.config.ts, upwards; default the working folder' },
  json: { type: 'boolean', describe: 'print the result as one JSON document, and logs as JSON lines' },
}

/** A command with the values that a parser found, by their names on the command line. @throws ConfigError for a number that is none */
export function parsedCommand(command: AnyCommand, values: Readonly<Record<string, unknown>>): Parsed {
  const text = (key: string) => (typeof values[key] === 'string' ? { [key]: values[key] } : {})
  return { command, options: optionsOf(command, values), json: values.json === true, ...text('profile'), ...text('project') }
}

function optionsOf({ options }: AnyCommand, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = Object.entries(options).map(([key, { type, repeats }]) => {
    const value = values[kebab(key)]
    if (type === 'boolean') return [key, value === true] as const
    return [key, repeats && value !== undefined ? [value].flat() : value] as const
  })
  for (const [key, value] of given)
    if (typeof value === 'number' && Number.isNaN(value)) throw new ConfigError(`--${kebab(key)} is not a number`)
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}
