import type { prove as real } from '../../../lib/export/prove/prove.ts'

export { readTogether, writtenProof } from '../../../lib/export/prove/prove.ts'

/** In place of lib's own, see dying-producer.ts: takes whatever was written for the dataset. */
export const prove: typeof real = async () => undefined
