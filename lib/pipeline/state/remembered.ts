import type { Ledger } from '../../state/ledger.ts'
import type { AttemptRow, CellRow, PartitionRow } from '../../state/ledger-rows.ts'
import { runningPartitions } from './running.ts'

/** What the ledger remembers of a pipeline, by partition. */
export interface Remembered {
  readonly partitions: ReadonlyMap<string, PartitionRow>
  readonly attempts: ReadonlyMap<string, AttemptRow>
  /** Attempts that are under way. */
  readonly running: ReadonlyMap<string, AttemptRow>
  /** By stage, dataset and target, with `\0` between. */
  readonly cells: ReadonlyMap<string, ReadonlyMap<string, CellRow>>
}

/** `workspaces`: the state's own, where living runs are known by. */
export function remembered(ledger: Pick<Ledger, 'partitions' | 'attempts' | 'cells'>, pipeline: string, workspaces: string): Remembered {
  const attempts = ledger.attempts(pipeline)
  const cells = new Map<string, Map<string, CellRow>>()
  for (const cell of ledger.cells(pipeline)) {
    const own = cells.get(cell.partition) ?? new Map<string, CellRow>()
    own.set([cell.stage, cell.dataset, cell.target].join('\0'), cell)
    cells.set(cell.partition, own)
  }
  return {
    partitions: new Map(ledger.partitions(pipeline).map((row) => [row.partition, row])),
    attempts: new Map(attempts.map((row) => [row.partition, row])),
    running: runningPartitions(attempts, workspaces),
    cells,
  }
}
