import type { Settings } from '../store-tls.ts'

/** What hints about the server call its settings. */
export const SETTINGS: Settings = { of: 'gcs', endpoint: 'apiEndpoint' }
