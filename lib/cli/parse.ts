import { parseArgs } from 'node:util'
import { ConfigError } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import { type AnyCommand, kebab } from './command.ts'
import { commands } from './commands.ts'
import { GLOBAL, type Parsed, parsedCommand } from './parsed.ts'

/**
 * Parses a command line (without node and script). Imports the module of the named command only; of all commands for the help. A line that needs no explanation is read by
 * Node's own parser, anything else (help, version, every fault) by yargs, whose import costs a quarter of the start of `plan`.
 * @throws ConfigError (exit 2) for what is unknown, missing or wrong, with the nearest name
 */
export async function parse(argv: readonly string[], width = 100): Promise<Parsed> {
  const name = commandName(argv)
  if (name !== undefined && !Object.hasOwn(commands, name))
    throw new ConfigError(`unknown command "${name}"${didYouMean(name, Object.keys(commands))}`, {
      hint: `there are: ${Object.keys(commands).join(', ')}`,
    })
  const chosen = name === undefined ? undefined : await commands[name]?.()
  const plain = chosen && parsePlain(chosen, argv)
  if (plain) return plain
  const { parseWithYargs } = await import('./usage.ts')
  return parseWithYargs(chosen, argv, width)
}

/** A faultless command line, read; undefined for every other one. */
export function parsePlain(command: AnyCommand, argv: readonly string[]): Parsed | undefined {
  if (argv.includes('--')) return undefined
  const specs = Object.entries({ ...GLOBAL, ...command.options })
  const options = Object.fromEntries(
    specs.flatMap(([key, { type, positional, repeats }]) =>
      positional
        ? []
        : [[kebab(key), { type: type === 'boolean' ? ('boolean' as const) : ('string' as const), multiple: repeats === true }]],
    ),
  )
  let found: ReturnType<typeof parseArgs>
  try {
    found = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true, tokens: true })
  } catch {
    return undefined
  }
  const valued = found.tokens?.flatMap((token) => (token.kind === 'option' && token.value !== undefined ? [token.name] : [])) ?? []
  const once = valued.filter((name) => !specs.some(([key, { repeats }]) => repeats && kebab(key) === name))
  if (new Set(once).size < once.length) return undefined
  const words = found.positionals.slice(1)
  const places = specs.filter(([, { positional }]) => positional)
  if (words.length > places.length) return undefined
  const values: Record<string, unknown> = { ...found.values }
  for (const [i, [key]] of places.entries()) values[kebab(key)] = words[i]
  for (const [key, { type, required, choices }] of specs) {
    const value = values[kebab(key)]
    if (value === undefined ? required : [value].flat().includes('') || (choices && !choices.includes(String(value)))) return undefined
    if (type === 'number' && value !== undefined) {
      values[kebab(key)] = Number(value)
      if (!/^\d+$/.test(String(value))) return undefined
    }
  }
  return parsedCommand(command, values)
}

/** The first word that is neither an option nor an option's value. */
function commandName(argv: readonly string[]): string | undefined {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (!word.startsWith('-')) return word
    if (word.startsWith('--') && GLOBAL[word.slice(2)]?.type === 'string') i++
  }
  return undefined
}
