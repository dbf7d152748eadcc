import type { Dataset } from '../../core/dataset.ts'

/** What was made for a target, and under which key it is committed. */
export interface Made {
  readonly dataset: Dataset
  readonly key: string
  readonly loads: Readonly<Record<string, number>>
  readonly load: string
  readonly tombstones?: readonly string[]
  readonly order?: string
  /** Whether its inputs are still the newest; absent: applied in their order, they are what they are. */
  readonly isCurrent?: () => Promise<boolean>
}
