import { ConfigError } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Export } from '../contract/export.ts'

/** Refuses an export that wants somebody told whom the profile does not know. @throws ConfigError placed at stage and dataset */
export function checkNotify(dataset: string, { path, notify }: Export<never>, known: readonly string[]): void {
  const unknown = notify.find((name) => !known.includes(name))
  if (unknown === undefined) return
  const place = { stage: 'export', dataset } as const
  const there = known.length === 0 ? 'the profile has none' : `the profile has: ${known.join(', ')}`
  throw new ConfigError(`export "${path}" notifies "${unknown}"${didYouMean(unknown, known)}; ${there}`, {
    ...place,
    hint: `name it in the profile: notify: { ${JSON.stringify(unknown)}: webhook({ … }) }`,
  })
}
