import type { Settings } from '../store-tls.ts'

/** What hints about the server call its settings. */
export const SETTINGS: Settings = { of: 's3', endpoint: 'endpoint' }

export const DEFAULT_PART_BYTES: number = 8 * 2 ** 20
