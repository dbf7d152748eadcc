import { ConfigError } from '../../core/errors.ts'
import { requireKnown } from '../../core/known-options.ts'
import { late, lateStore } from '../late.ts'
import type { StoreConnection } from '../store.ts'
import { checkTls } from '../store-tls.ts'
import { namePrefix } from './names.ts'
import { GCS_OPTIONS, type GcsOptions } from './options.ts'
import { SETTINGS } from './tls.ts'

export type { GcsOptions } from './options.ts'

const CHUNK_UNIT = 256 * 1024
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/**
 * A bucket of Google Cloud Storage as a store, for `landing` and `store`: `gcs({ bucket: 'deliveries', prefix: 'daily' })`. Credentials are application default ones unless `keyFile` or `credentials` says otherwise. Opens no
 * connection before the first use.
 * @throws ConfigError for settings that cannot be.
 */
export function gcs(options: GcsOptions): StoreConnection {
  requireKnown('gcs', options, GCS_OPTIONS)
  const { bucket, apiEndpoint, keyFile, credentials, retries, timeoutMs, chunkSize } = options
  if (typeof bucket !== 'string' || !/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket))
    throw new ConfigError(`bucket ${JSON.stringify(bucket)} of gcs is no name of a bucket`, {
      hint: 'write the name alone, as "deliveries", without gs://',
    })
  const prefix = namePrefix(options.prefix)
  if (keyFile !== undefined && credentials) throw new ConfigError('gcs takes keyFile or credentials, not both')
  if (apiEndpoint !== undefined) checkEndpoint(apiEndpoint, keyFile !== undefined || credentials !== undefined)
  checkTls(options.tls, apiEndpoint, SETTINGS)
  if (retries !== undefined && !(Number.isSafeInteger(retries) && retries >= 0))
    throw new ConfigError(`retries ${retries} of gcs must be a whole number of at least 0`)
  if (timeoutMs !== undefined && !(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw new ConfigError(`timeoutMs ${timeoutMs} of gcs must be above 0`)
  if (chunkSize !== undefined && !(Number.isSafeInteger(chunkSize) && chunkSize > 0 && chunkSize % CHUNK_UNIT === 0))
    throw new ConfigError(`chunkSize ${chunkSize} of gcs must be a multiple of ${CHUNK_UNIT}`, {
      hint: 'Cloud Storage takes uploads in multiples of 256 KiB',
    })
  return {
    kind: 'gcs',
    settings: { ...options },
    location: `gs://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`,
    openStore: () => {
      const store = late(async () => (await import('./store.ts')).openGcsStore(options))
      return {
        ...lateStore({ kind: 'gcs', localPath: () => undefined }, store),
        sweep: async (prefix) => (await store.get()).sweep(prefix),
      }
    },
    check: async (ctx) => (await import('./check.ts')).checkBucket(options, ctx),
  }
}

function checkEndpoint(text: string, withCredentials: boolean): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const shown = JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@'))
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new ConfigError(`apiEndpoint ${shown} of gcs is no address of a server`, { hint: 'write it as "https://storage.googleapis.com"' })
  if (url.protocol === 'http:' && withCredentials && !LOOPBACK.test(url.hostname))
    throw new ConfigError(`apiEndpoint ${shown} of gcs would send credentials in the clear`, { hint: 'use https' })
}
