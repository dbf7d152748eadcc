import { ConfigError } from '../core/errors.ts'
import type { DeliveryManifest } from './manifest.ts'

type Written = DeliveryManifest['contract']

/** What a change of a contract's columns breaks for a reader that goes by name or by place; nothing where columns were only added at the end. */
export function breakingChanges(before: Written, after: Written): readonly string[] {
  const now = new Map(after.columns.map((column, at) => [column.name, { ...column, at }]))
  return before.columns.flatMap(({ name, type, notNull }, at): string[] => {
    const column = now.get(name)
    if (!column) return [`"${name}" is gone`]
    return [
      ...(column.type === type ? [] : [`"${name}" was ${type} and is ${column.type}`]),
      ...(column.at === at ? [] : [`"${name}" was column ${at + 1} and is column ${column.at + 1}`]),
      ...(notNull && !column.notNull ? [`"${name}" was never NULL and may be now`] : []),
    ]
  })
}

/** @throws ConfigError for a contract that breaks the one that was delivered last without a higher version, or has a lower one */
export function refuseBreaking(before: Written, after: Written): void {
  if (after.version < before.version)
    throw new ConfigError(`the contract has version ${after.version}, and version ${before.version} was delivered`, {
      hint: `deliver another version beside it, to a path of its own, or give this contract version ${before.version} or higher`,
    })
  if (after.version > before.version) return
  const changes = breakingChanges(before, after)
  if (changes.length === 0) return
  throw new ConfigError(`the contract breaks what readers were promised: ${changes.join('; ')}`, {
    hint: `add columns at the end only; else tell the readers, and give the contract version: ${before.version + 1} (both versions can be delivered, to paths of their own)`,
  })
}
