import type { Reader } from '../../lib/engines/reader.ts'

/** For reads that need none. */
export const noReader: Reader = {
  execute: () => Promise.reject(new Error('a read needs no reader')),
  cpuMs: async () => undefined,
  close: async () => {},
}
