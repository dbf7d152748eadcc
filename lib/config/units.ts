import { ConfigError } from '../core/errors.ts'

const units: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
}

/** Bytes of `'512MB'`, `'1.5 GB'` (powers of 1000) or `'4GiB'` (powers of 1024). */
export function bytesOf(text: string, setting: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)$/i.exec(text.trim())
  const unit = units[match?.[2]?.toUpperCase() ?? '']
  if (!match || unit === undefined || Number(match[1]) <= 0)
    throw new ConfigError(
      `${setting} is not an amount of memory: ${JSON.stringify(text)}; expected a number with MB, GB, MiB or GiB, as "4GB"`,
    )
  return Math.floor(Number(match[1]) * unit)
}

/** A number of threads, at least one. */
export function threadsOf(value: string | number, setting: string): number {
  const threads = Number(value)
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024)
    throw new ConfigError(`${setting} is not a number of threads: ${JSON.stringify(value)}; expected a whole number from 1`)
  return threads
}
