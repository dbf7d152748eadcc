import { ConfigError } from '../core/errors.ts'

/** How a pipeline's data is cut. */
export type Partitioning =
  | { readonly by: 'time'; readonly unit: TimeUnit; readonly from: string; readonly to: string | undefined; readonly zone: string }
  | { readonly by: 'keys'; readonly keys: readonly string[] }

export type TimeUnit = 'hour' | 'day' | 'week' | 'month' | 'year'

export interface TimePartitionOptions {
  /** The first partition: `'2005'`, `'2005-05'`, `'2005-05-24'`, `'2005-05-24T13'`; a week by its Monday. */
  readonly from: string
  /** The end, exclusive. */
  readonly to?: string
  /** IANA zone in which windows begin and end. Default UTC. */
  readonly zone?: string
}

const unit =
  (unit: TimeUnit) =>
  ({ from, to, zone }: TimePartitionOptions): Partitioning => ({ by: 'time', unit, from, to, zone: zone ?? 'UTC' })

export const hour = unit('hour')
export const day = unit('day')
export const week = unit('week')
export const month = unit('month')
export const year = unit('year')

/** One partition for each key, in the order given. */
export function keys(names: readonly string[]): Partitioning {
  if (names.length === 0 || new Set(names).size !== names.length || names.includes(''))
    throw new ConfigError('keys() needs distinct, non-empty names')
  return { by: 'keys', keys: names }
}
