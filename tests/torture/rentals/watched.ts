import type { RunOptions } from '../child.ts'
import type { Content } from '../content.ts'
import { strikeAt, type Trial } from '../trial.ts'
import { startReader } from './reader.ts'
import { type Ground, type GroundOptions, groundOf, type KnownStep, type RentalsReference } from './reference.ts'
import { WAREHOUSE } from './systems.ts'

/** Does something on a ground while a reader reads it all the time; adds what the reader has seen that is in none of the states. */
export async function watched(
  { systems }: Pick<RentalsReference, 'systems'>,
  { prefix }: Ground,
  states: readonly Content[],
  work: () => Promise<Trial>,
  url = systems.bucket.url,
): Promise<Trial> {
  const reader = startReader({ warehouse: () => systems.postgres.client(WAREHOUSE), url, prefix: `${prefix}/store`, states })
  let trial: Trial | undefined
  try {
    trial = await work()
  } finally {
    const { looks, faults } = await reader.stop()
    if (trial) trial = { ...trial, faults: [...trial.faults, ...faults, ...(looks === 0 ? ['the reader has never read to the end'] : [])] }
  }
  return trial
}

/** One step from the state before it, struck and run again, while a reader reads. */
export async function strikeStep(
  reference: RentalsReference,
  known: KnownStep,
  name: string,
  attempts: readonly RunOptions[],
  options: GroundOptions = {},
): Promise<Trial> {
  const ground = await groundOf(reference, known.saved, [], options)
  const strike = () => strikeAt(ground.place(reference.runner, known.step), known, name, attempts)
  return watched(reference, ground, [known.before, known.after], strike)
}
