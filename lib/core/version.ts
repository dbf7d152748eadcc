import { createRequire } from 'node:module'

/** millrace's own version, as package.json says it. */
export const millraceVersion: string = String(createRequire(import.meta.url)('millrace/package.json').version)
