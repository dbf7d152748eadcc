import { ConfigError } from '../core/errors.ts'
import type { Export } from './contract/export.ts'
import { deliveryLayout } from './layout.ts'

/** What plan knows of a dataset that is to be exported. */
export interface ExportedDataset {
  readonly partitioned: boolean
  /** Float columns whose last digits depend on thread order. */
  readonly floatAggregates: readonly string[]
}

/**
 * Refuses at plan time a path that cannot be right for its dataset; gives the contract's float aggregates that it does not round, which plan warns of.
 * @throws ConfigError for `{partition}` without partitions, partitions without `{partition}`, an unknown placeholder, a path that is no key or millrace's own, and what `deliveryLayout` refuses
 */
export function checkExport(target: Export<never>, dataset: ExportedDataset): readonly string[] {
  const { path, contract, delivery } = target
  checkKey('export path', path)
  const placeholders = placeholdersOf('export path', path)
  if (dataset.partitioned && placeholders.length === 0)
    throw new ConfigError(
      `export path "${path}" of a partitioned dataset needs {partition}: each partition would replace the last one's file`,
    )
  if (!dataset.partitioned && placeholders.length > 0)
    throw new ConfigError(`export path "${path}" has {partition}, but its dataset has no partitions`)
  if (delivery !== undefined) {
    checkKey('delivery', delivery)
    if (delivery.split('/').some((part) => /^[._]/.test(part)))
      throw new ConfigError(`delivery "${delivery}" must not have a part that begins with "." or "_": readers take such folders for hidden`)
    if (placeholdersOf('delivery', delivery).length > 0 && !dataset.partitioned)
      throw new ConfigError(`delivery "${delivery}" has {partition}, but the dataset of "${path}" has no partitions`)
  }
  deliveryLayout(target, dataset.partitioned ? 'x' : undefined)
  const rounded: Readonly<Record<string, unknown>> = contract.round
  return dataset.floatAggregates.filter((column) => Object.hasOwn(contract.columns, column) && !Object.hasOwn(rounded, column))
}

function checkKey(what: string, path: string): void {
  if (path === '' || path.startsWith('/') || path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw new ConfigError(`${what} "${path}" must be a relative path without empty parts, "." and ".."`)
  const own = path.split('/').find((part) => part.startsWith('.millrace-'))
  if (own !== undefined)
    throw new ConfigError(`${what} "${path}" must not have "${own}" in it: names that begin with .millrace- are millrace's own`)
}

function placeholdersOf(what: string, path: string): readonly string[] {
  const names = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name ?? '')
  const unknown = names.find((name) => name !== 'partition')
  if (unknown !== undefined) throw new ConfigError(`${what} "${path}" has an unknown placeholder {${unknown}}; expected {partition}`)
  return names
}
