import { limitsAnything } from '../../export/contract/gate-options.ts'
import { isWaiting, readHeld } from '../../export/gate/held.ts'
import { acceptCommand } from '../../export/gate/hold.ts'
import { lookAt } from '../../export/pointer.ts'
import type { Session } from '../run/session.ts'
import { pointersOf } from '../tidy/prune-deliveries.ts'

/** A delivery that its gate holds. */
export interface WaitingDelivery {
  /** The export's path or the delivery's name. */
  readonly name: string
  /** undefined: it is not one partition's. */
  readonly partition: string | undefined
  /** Paths of the exports that it holds, as the pipeline has them. */
  readonly paths: readonly string[]
  /** What is beyond the gate, and the command that lets it through. */
  readonly sentence: string
}

/** What waits for a person: of what has no partition of its own, and of these partitions. Asks only where a contract has a gate. */
export async function waitingDeliveries(
  { pipeline, exports }: Pick<Session, 'pipeline' | 'exports'>,
  partitions: readonly string[],
): Promise<readonly WaitingDelivery[]> {
  const waiting: WaitingDelivery[] = []
  for (const { name, partition, pointer, members } of pointersOf(pipeline, partitions)) {
    if (!members.some((each) => limitsAnything(each.export.contract.gate))) continue
    const held = (await readHeld(exports, pointer))?.held
    if (held && isWaiting(held, (await lookAt(exports, pointer)).latest))
      waiting.push({
        name,
        partition,
        paths: members.map((each) => each.export.path),
        sentence: `${partition === undefined ? name : `${name} ${partition}`} is held: ${held.beyond.join('; ')}; if it is right: ${acceptCommand(held)}`,
      })
  }
  return waiting
}

/** The same, a sentence each. */
export async function heldDeliveries(
  session: Pick<Session, 'pipeline' | 'exports'>,
  partitions: readonly string[],
): Promise<readonly string[]> {
  return (await waitingDeliveries(session, partitions)).map(({ sentence }) => sentence)
}
