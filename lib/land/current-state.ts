import type { Store } from '../connectors/store.ts'
import type { RunContext } from '../core/context.ts'
import type { Columns, Dataset } from '../core/dataset.ts'

export interface CurrentStateRequest {
  readonly pipeline: string
  readonly dataset: string
  readonly columns: Columns
  readonly key: readonly string[]
  readonly cursor: string
}

/** The current state of a cursor dataset: the latest row of each key over all loads, less those that are gone. */
export async function currentState(_store: Store, _request: CurrentStateRequest, _ctx: RunContext): Promise<Dataset> {
  throw new Error('not built yet')
}
