import type { Columns, Dataset } from '../../lib/core/dataset.ts'
import { type ContractOptions, contract } from '../../lib/export/contract/contract.ts'
import { csv, type Export } from '../../lib/export/contract/export.ts'
import type { DeliveryRequest } from '../../lib/export/deliver.ts'

export const keyOf = (digit: string) => digit.repeat(64)

export const idName = { id: 'int64', name: 'text' } as const

/** Options of a contract that leaves formulas as they are where it says nothing. */
export type TestContract<R extends Columns> = Omit<ContractOptions<R>, 'formulas'> & Partial<Pick<ContractOptions<R>, 'formulas'>>

/** An export with any contract. */
export function exportOf<R extends Columns>(path: string, options: TestContract<R>, plain = false, delivery?: string): Export {
  const about = { plain, ...(delivery !== undefined && { delivery }) }
  return csv(path, { contract: contract({ formulas: 'raw', ...options } as ContractOptions<R>), ...about }) as unknown as Export
}

/** A request of pipeline `p`, partition 2018-02-04, to `names/{partition}.csv`. */
export function requestOfNames(dataset: Dataset, overrides: Partial<DeliveryRequest> = {}): DeliveryRequest {
  return {
    pipeline: 'p',
    dataset,
    export: exportOf('names/{partition}.csv', { columns: idName, orderBy: ['id'] }, true),
    partition: '2018-02-04',
    inputKey: keyOf('a'),
    ...overrides,
  }
}
