import type { Dataset } from '../core/dataset.ts'
import type { StepWindow } from './bound.ts'
import type { SqlValue } from './steps.ts'

/** What `transform` computes, and from what. */
export interface TransformRequest {
  /** Extracted datasets by name, as steps see them; `customer.changes` where a wanted dataset is computed from it. */
  readonly inputs: Readonly<Record<string, Dataset>>
  /** Datasets to be written out: steps, or extracted ones (given back as they are, cut to the window if they have a lookback). */
  readonly wanted: readonly string[]
  readonly window: StepWindow
  readonly parameters: Readonly<Record<string, SqlValue>>
  /** IANA zone of the partitions. */
  readonly zone: string
}

/** An extracted dataset that the request must hold. */
export function given({ inputs }: TransformRequest, name: string): Dataset {
  const dataset = inputs[name]
  if (!dataset) throw new Error(`transform was not given ${name}`)
  return dataset
}
