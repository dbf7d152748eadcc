import { limitsAnything } from '../../export/contract/gate-options.ts'
import { isWaiting, readHeld } from '../../export/gate/held.ts'
import { acceptCommand } from '../../export/gate/hold.ts'
import { lookAt } from '../../export/pointer.ts'
import type { Session } from '../run/session.ts'
import { pointersOf } from '../tidy/prune-deliveries.ts'

/** What waits for a person, a sentence each with the command that lets it through: of what has no partition of its own, and of these partitions. Asks only where a contract has a gate. */
export async function heldDeliveries(
  { pipeline, exports }: Pick<Session, 'pipeline' | 'exports'>,
  partitions: readonly string[],
): Promise<readonly string[]> {
  const sentences: string[] = []
  for (const { name, partition, pointer, members } of pointersOf(pipeline, partitions)) {
    if (!members.some((each) => limitsAnything(each.export.contract.gate))) continue
    const held = (await readHeld(exports, pointer))?.held
    if (held && isWaiting(held, (await lookAt(exports, pointer)).latest))
      sentences.push(
        `${partition === undefined ? name : `${name} ${partition}`} is held: ${held.beyond.join('; ')}; if it is right: ${acceptCommand(held)}`,
      )
  }
  return sentences
}
