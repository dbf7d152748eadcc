import { ConfigError } from '../../core/errors.ts'
import type { SplitRows } from './table-contract.ts'

/** Refuses options that have another value than one of a list. @throws ConfigError */
export function checkChoices<C extends object>(contract: C, choices: { readonly [K in keyof C]?: readonly unknown[] }): void {
  for (const [option, allowed] of Object.entries<readonly unknown[] | undefined>(choices)) {
    const chosen: unknown = Reflect.get(contract, option)
    if (allowed && !allowed.includes(chosen))
      throw new ConfigError(
        `contract ${option} ${JSON.stringify(chosen)} is unknown; expected ${allowed.map((each) => JSON.stringify(each)).join(', ')}`,
      )
  }
}

/** @throws ConfigError for anything but rows or bytes, a whole number from 1 on */
export function checkSplit(split: SplitRows | undefined): void {
  if (split === undefined) return
  const limits = Object.entries(split)
  const [name, limit] = limits[0] ?? []
  if (limits.length === 1 && (name === 'rows' || name === 'bytes') && Number.isSafeInteger(limit) && Number(limit) > 0) return
  throw new ConfigError(`contract split ${JSON.stringify(split)} must be { rows: n } or { bytes: n }, n a whole number from 1 on`)
}

/** @throws ConfigError for what is no IANA time zone */
export function checkZone(zone: string): void {
  if (zone === 'UTC') return
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
  } catch (cause) {
    throw new ConfigError(`contract zone ${JSON.stringify(zone)} is no IANA time zone`, { cause })
  }
}
