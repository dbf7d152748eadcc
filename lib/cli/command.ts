import type { EventSink } from '../observe/events.ts'
import type { OutletOptions } from '../observe/outlet.ts'

/** What a command gives back: printed by the frame, by nothing else. */
export interface CommandResult {
  /** For people; redacted when it is printed. */
  readonly text: string
  /** For `--json`: the same in full. */
  readonly json: unknown
  readonly exitCode: number
}

/** One option or argument of a command. Its name on the command line is the key in kebab case. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean' | 'number'
  readonly describe: string
  /** Given by its place, not by `--name`; in the order of the keys. */
  readonly positional?: true
  readonly required?: true
  /** May be given several times: its value is a list. */
  readonly repeats?: true
  readonly choices?: readonly string[]
  /** What stands for the value in the help: `--from <first>`. */
  readonly value?: string
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

type OneOf<S extends OptionSpec> = S['type'] extends 'boolean' ? boolean : S['type'] extends 'number' ? number : string
type ValueOf<S extends OptionSpec> = S extends { readonly repeats: true } ? readonly OneOf<S>[] : OneOf<S>

/** The options given, by name; what is not given is absent, a boolean then false. */
export type Values<S extends OptionSpecs> = {
  readonly [K in keyof S as S[K] extends { readonly required: true } | { readonly type: 'boolean' } ? K : never]: ValueOf<S[K]>
} & {
  readonly [K in keyof S as S[K] extends { readonly required: true } | { readonly type: 'boolean' } ? never : K]?: ValueOf<S[K]>
}

/** What the frame gives to every command. */
export interface CommandContext {
  /** Where to look for the project, upwards; absolute. */
  readonly folder: string
  readonly profile?: string
  /** Aborted by Ctrl-C and SIGTERM, with an InterruptedError; for a command that drains by the second one. */
  readonly signal: AbortSignal
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly drain: AbortSignal
  readonly color: boolean
  /** Cells of a line of the terminal; 100 where it is none. */
  readonly width: number
  /** The same, where it is a terminal. */
  readonly terminalWidth: number | undefined
  /** Begins to show events on standard error; the frame closes it before it prints. */
  events(options?: OutletOptions): Promise<EventSink>
}

/** A command: options in, a result out. It prints nothing and ends no process. */
export interface Command<S extends OptionSpecs = OptionSpecs> {
  readonly name: string
  /** One line, for lists. */
  readonly describe: string
  readonly options: S
  /** The first Ctrl-C lets it finish what it is at, the second stops it. */
  readonly drains?: true
  /** What it has finished when it is stopped is kept, and the same command goes on from there. */
  readonly resumes?: true
  /** A command line that works in a checkout, and what it does. */
  readonly example: readonly [line: string, does: string]
  handler(options: Values<S>, context: CommandContext): Promise<CommandResult>
}

/** A command whose options are not known to the type: what the frame works with. */
export interface AnyCommand extends Omit<Command, 'handler'> {
  handler(options: Readonly<Record<string, unknown>>, context: CommandContext): Promise<CommandResult>
}

/** Declares a command, so that its handler knows the types of its options. */
export function command<const S extends OptionSpecs>(definition: Command<S>): AnyCommand {
  return definition as unknown as AnyCommand
}

/** `keepGoing` on the command line: `keep-going`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
