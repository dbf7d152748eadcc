import { ConfigError } from '../../core/errors.ts'
import { requireKnown } from '../../core/known-options.ts'
import { late, lateStore } from '../late.ts'
import type { StoreConnection } from '../store.ts'
import { checkTls } from '../store-tls.ts'
import { checkEndpoint } from './address.ts'
import { namePrefix, urlsIn } from './names.ts'
import { AZURE_OPTIONS, type AzureOptions, SETTINGS } from './options.ts'

export type { AzureOptions } from './options.ts'

const MOST_BLOCK_BYTES = 4000 * 2 ** 20

/**
 * A container of Azure Blob Storage as a store, for `landing` and `store`: `azure({ account: 'acme', container: 'deliveries', prefix: 'daily' })`. Credentials are the default ones of Azure unless `key`, `sas` or `connectionString`
 * says otherwise. Needs `npm install @azure/storage-blob`, and `@azure/identity` for the default credentials. Opens no connection before the first use.
 * @throws ConfigError for settings that cannot be.
 */
export function azure(options: AzureOptions): StoreConnection {
  requireKnown('azure', options, AZURE_OPTIONS)
  const { account, container, endpoint, key, sas, connectionString, retries, timeoutMs, chunkSize } = options
  if (typeof account !== 'string' || !/^[a-z0-9]{3,24}$/.test(account))
    throw new ConfigError(`account ${JSON.stringify(account)} of azure is no name of a storage account`, {
      hint: 'write the name alone, as "acme", without .blob.core.windows.net',
    })
  if (typeof container !== 'string' || !/^(?=.{3,63}$)(\$web|[a-z0-9]+(-[a-z0-9]+)*)$/.test(container))
    throw new ConfigError(`container ${JSON.stringify(container)} of azure is no name of a container`, {
      hint: 'write the name alone, as "deliveries", in small letters, digits and hyphens',
    })
  const prefix = namePrefix(options.prefix)
  const given = Object.entries({ key, sas, connectionString }).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (given.length > 1) throw new ConfigError(`azure takes one of key, sas and connectionString, not ${given.join(' and ')}`)
  if (endpoint !== undefined) {
    if (connectionString)
      throw new ConfigError('azure takes endpoint or connectionString, not both', { hint: 'write it into the string, as BlobEndpoint=…' })
    checkEndpoint(endpoint, account)
    if (given.length === 0 && !endpoint.startsWith('https:'))
      throw new ConfigError('the default credentials of azure go over https only', { hint: 'give `key` or `sas`, or use https' })
  }
  checkTls(options.tls, endpoint, SETTINGS)
  if (retries !== undefined && !(Number.isSafeInteger(retries) && retries >= 0))
    throw new ConfigError(`retries ${retries} of azure must be a whole number of at least 0`)
  if (timeoutMs !== undefined && !(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw new ConfigError(`timeoutMs ${timeoutMs} of azure must be above 0`)
  if (chunkSize !== undefined && !(Number.isSafeInteger(chunkSize) && chunkSize > 0 && chunkSize <= MOST_BLOCK_BYTES))
    throw new ConfigError(`chunkSize ${chunkSize} of azure must be a number of bytes from 1 to ${MOST_BLOCK_BYTES}`, {
      hint: 'Azure takes blocks of up to 4000 MiB',
    })
  return {
    kind: 'azure',
    settings: { ...options },
    location: urlsIn(options)(prefix).replace(/\/$/, ''),
    openStore: () =>
      lateStore(
        { kind: 'azure', localPath: () => undefined },
        late(async () => (await import('./store.ts')).openAzureStore(options)),
      ),
    check: async (ctx) => (await import('./check.ts')).checkContainer(options, ctx),
  }
}
