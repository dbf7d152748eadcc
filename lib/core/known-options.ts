import { ConfigError } from './errors.ts'
import { didYouMean } from './nearest.ts'

/** The options of something that a person writes, each once: the compiler refuses a list that lacks one. */
export type KnownOptions<T> = Readonly<Record<keyof T, true>>

/**
 * A misspelt option would be ignored without a word: configuration and pipeline files run without the compiler.
 * @throws ConfigError naming the first option that `of` does not have
 */
export function requireKnown<T extends object>(of: string, options: T, known: KnownOptions<T>): void {
  const names = Object.keys(known)
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name))
  if (unknown !== undefined)
    throw new ConfigError(`${of} has no option "${unknown}"${didYouMean(unknown, names)}`, { hint: `its options: ${names.join(', ')}` })
}

/** @throws ConfigError for a value of an option that is none of `allowed` */
export function requireOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value !== 'string' || !allowed.includes(value))
    throw new ConfigError(`unknown ${option} ${JSON.stringify(value)}; expected ${allowed.join(', ')}`)
}
