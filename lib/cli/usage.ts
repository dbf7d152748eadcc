import yargs from 'yargs'
import { ConfigError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { millraceVersion } from '../core/version.ts'
import { type AnyCommand, kebab, type OptionSpec } from './command.ts'
import { commands } from './commands.ts'
import { GLOBAL, type Parsed, parsedCommand } from './parsed.ts'

const ENVIRONMENT = `Environment: MILLRACE_MEMORY and MILLRACE_THREADS are --memory and --threads; MILLRACE_LOG is progress, lines, json or off; MILLRACE_EXTENSIONS is the folder of DuckDB's extensions; NO_COLOR, FORCE_COLOR.
Exit codes: 0 done, 1 failed, 2 wrong code, configuration or command line, 3 data refused, 75 may go through later, 130 interrupted.`

/**
 * Parses a command line with yargs: gives the help and the version, and says what is wrong. `chosen` is the command that the line names; absent: it names none.
 * @throws ConfigError for what is unknown, missing or wrong, with the nearest name
 */
export async function parseWithYargs(chosen: AnyCommand | undefined, argv: readonly string[], width: number): Promise<Parsed> {
  const known = chosen ? [chosen] : await Promise.all(Object.values(commands).map((each) => each()))
  let called: AnyCommand | undefined
  const parser = yargs()
    .scriptName('millrace')
    .usage('$0 <command>\n\nLands raw data as Parquet, turns it with SQL and data frames, loads a warehouse, delivers CSV.')
    .locale('en')
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .wrap(width)
    .version(millraceVersion)
    .help()
    .strict()
    .epilogue(chosen ? '' : ENVIRONMENT)
    .demandCommand(1, 'no command')
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new ConfigError(message)
    })
  for (const [key, spec] of Object.entries(GLOBAL)) parser.option(key, { ...optionOf(spec), group: 'Options of every command:' })
  for (const each of known) {
    parser.command(
      usageOf(each),
      each.describe,
      (builder) => {
        const own = builder.usage(`$0 ${usageOf(each)}\n\n${each.describe}`).example(...each.example)
        for (const [key, spec] of Object.entries(each.options)) {
          if (spec.positional)
            own.positional(kebab(key), { describe: spec.describe, type: 'string', ...(spec.choices && { choices: spec.choices }) })
          else own.option(kebab(key), optionOf(spec))
        }
        return own
      },
      () => {
        called = each
      },
    )
  }
  if (!chosen) for (const each of known) if (each.name === 'init' || each.name === 'run') parser.example(...each.example)

  let print = ''
  let values: Readonly<Record<string, unknown>>
  try {
    if (chosen) refuseValues(chosen, argv)
    values = await parser.parseAsync([...argv], {}, (_error: unknown, _argv: unknown, output: string) => {
      print = output
    })
    if (chosen) refuseRepeats(chosen, values)
  } catch (error) {
    throw usageError(error, chosen)
  }
  return print !== '' || called === undefined ? { print } : parsedCommand(called, values)
}

/** yargs takes any `--json=value` for `--json=false`. */
function refuseValues({ options }: AnyCommand, argv: readonly string[]): void {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  for (const [key, { type }] of Object.entries({ ...GLOBAL, ...options }))
    if (type === 'boolean' && own.some((word) => word.startsWith(`--${kebab(key)}=`)))
      throw new ConfigError(`--${kebab(key)} takes no value: it is given, or it is not`)
}

function refuseRepeats({ options }: AnyCommand, values: Readonly<Record<string, unknown>>): void {
  for (const [key, { positional, repeats }] of Object.entries({ ...GLOBAL, ...options })) {
    const value = values[kebab(key)]
    if (!positional && !repeats && Array.isArray(value))
      throw new ConfigError(`--${kebab(key)} is given ${value.length} times; it takes one value`)
  }
}

function optionOf(spec: OptionSpec) {
  return {
    type: spec.type,
    describe: spec.value ? `<${spec.value}> ${spec.describe}` : spec.describe,
    ...(spec.type !== 'boolean' && { requiresArg: true }),
    ...(spec.choices && { choices: spec.choices }),
    ...(spec.required && { demandOption: true }),
  }
}

function usageOf({ name, options }: AnyCommand): string {
  const places = Object.entries(options).filter(([, { positional }]) => positional)
  return [name, ...places.map(([key, { required }]) => (required ? `<${kebab(key)}>` : `[${kebab(key)}]`))].join(' ')
}

/** A usage fault in the project's voice, with what was probably meant. */
function usageError(error: unknown, chosen: AnyCommand | undefined): unknown {
  if (!(error instanceof Error)) return error
  const hint = chosen ? `usage: millrace ${usageOf(chosen)}; millrace ${chosen.name} --help` : 'millrace --help lists the commands'
  const options = [...Object.keys(chosen?.options ?? {}).map(kebab), ...Object.keys(GLOBAL), 'help', 'version']
  const [, unknown] = /^Unknown (?:argument|command)s?: (.*)$/.exec(error.message) ?? []
  if (unknown !== undefined) {
    const [first = ''] = unknown.split(', ')
    const near = nearest(first, options)
    return new ConfigError(
      `unknown ${near === undefined ? 'argument' : 'option'} "${first}"${near === undefined ? '' : `; did you mean --${near}?`}`,
      { hint },
    )
  }
  const [, without] = /^Not enough arguments following: (.*)$/.exec(error.message) ?? []
  if (without !== undefined) return new ConfigError(`--${without} needs a value`, { hint })
  if (error.message.startsWith('Not enough non-option arguments'))
    return new ConfigError(`${chosen?.name} is missing an argument`, { hint })
  const [, argument, given, choices] = /Argument: (.*), Given: (.*), Choices: (.*)$/s.exec(error.message) ?? []
  if (argument !== undefined) return new ConfigError(`${argument} is ${given}; expected ${choices}`, { hint })
  if (error.name === 'YError' || error instanceof ConfigError)
    return new ConfigError(error.message.charAt(0).toLowerCase() + error.message.slice(1), { hint })
  return error
}
