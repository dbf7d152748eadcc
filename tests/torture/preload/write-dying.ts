import { open, readFile, rm } from 'node:fs/promises'
import type { Producer } from '../../../lib/engines/fifo-source.ts'
import { writeThroughFifo as real } from '../../../lib/export/write/write-csv.ts'
import { writeThroughFifo as endOfFile } from '../twins/end-of-file.ts'

let died = false

/** In place of lib's own, see dying-producer.ts. */
export const writeThroughFifo: typeof real = (request, produce, store) =>
  (process.env.TORTURE_FIFO === 'real' ? real : endOfFile)(request, died ? produce : dying(produce), store)

/** Writes half of what the producer writes into the FIFO, closes it as the kernel does for a process that dies, and fails. */
function dying(produce: Producer): Producer {
  died = true
  return async (path, signal) => {
    const whole = `${path}.whole`
    await produce(whole, signal)
    const bytes = await readFile(whole)
    await rm(whole)
    const fifo = await open(path, 'w')
    try {
      await fifo.write(bytes.subarray(0, Math.floor(bytes.length / 2)))
    } finally {
      await fifo.close()
    }
    throw new Error('the producer was killed')
  }
}
