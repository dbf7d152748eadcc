import type { GivenLimits } from '../config/limits.ts'

/** Options of the commands that compute: what the run may take of the machine. */
export const LIMITS = {
  memory: { type: 'string', value: 'size', describe: 'memory of the run, as 2GB: what is more is spilled to disk' },
  threads: { type: 'string', value: 'count', describe: 'threads of each engine; default the cores' },
} as const

/** What was given of them. */
export function givenLimits({ memory, threads }: { readonly [K in keyof GivenLimits]: GivenLimits[K] | undefined }): GivenLimits {
  return { ...(memory !== undefined && { memory }), ...(threads !== undefined && { threads }) }
}
