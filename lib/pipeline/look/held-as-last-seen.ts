import { GateError } from '../../core/errors.ts'
import { isHeldMessage } from '../../export/gate/held-message.ts'
import { readRunRecord } from '../../observe/record.ts'
import type { Project } from '../project.ts'
import type { LookingPlace } from './looking.ts'

/** What the last run has left held besides partitions, without a look at the store: named deliveries, and exports of what partitions share, or of a pipeline that has none. */
export async function heldAsLastSeen(
  { config }: Pick<Project, 'config'>,
  place: LookingPlace,
  pipeline: string,
): Promise<readonly string[]> {
  using ledger = place.ledger()
  const [last] = ledger.runs(pipeline, 1)
  const record = last && (await readRunRecord(config.state, last.run))
  const shared = ledger.partitions(pipeline).find(({ partition }) => partition === '')
  const targets = ledger
    .cells(pipeline)
    .filter(({ partition, stage, error }) => partition === '' && stage === 'export' && isHeldMessage(error))
    .map(({ target }) => target)
  return [
    ...(isHeldMessage(shared?.error) ? targets : []),
    ...(record?.deliveries ?? []).flatMap(({ delivery, error }) => (error?.kind === GateError.name ? [delivery] : [])),
  ]
}
