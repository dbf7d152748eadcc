import { ConfigError } from '../../core/errors.ts'
import { requireKnown } from '../../core/known-options.ts'
import { Secret } from '../../core/secret.ts'
import { late, lateStore } from '../late.ts'
import type { StoreConnection } from '../store.ts'
import { checkTls } from '../store-tls.ts'
import { namePrefix } from './names.ts'
import { S3_OPTIONS, type S3Options } from './options.ts'
import { SETTINGS } from './settings.ts'

export type { S3Options } from './options.ts'

const LEAST_PART = 5 * 2 ** 20
const LARGEST_PART = 5 * 2 ** 30
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/**
 * A bucket of Amazon S3, or of another server that speaks S3, as a store for `landing` and `store`: `s3({ bucket: 'deliveries', region: 'eu-central-1', prefix: 'daily' })`. Credentials are those that the AWS SDK finds unless a key or `profile`
 * says otherwise. Needs `@aws-sdk/client-s3` beside millrace. Opens no connection before the first use.
 * @throws ConfigError for settings that cannot be.
 */
export function s3(options: S3Options): StoreConnection {
  requireKnown('s3', options, S3_OPTIONS)
  const { bucket, region, retries, timeoutMs, partSize } = options
  if (typeof bucket !== 'string' || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new ConfigError(`bucket ${JSON.stringify(bucket)} of s3 is no name of a bucket`, {
      hint: 'write the name alone, as "deliveries", without s3://',
    })
  if (bucket.endsWith('--x-s3'))
    throw new ConfigError(`bucket ${JSON.stringify(bucket)} of s3 is a directory bucket: it does not list keys in order`, {
      hint: 'use a general purpose bucket',
    })
  if (typeof region !== 'string' || !/^[a-z0-9-]{1,63}$/i.test(region))
    throw new ConfigError(`region ${JSON.stringify(region)} of s3 is no name of a region`, { hint: 'write it as "eu-central-1"' })
  const prefix = namePrefix(options.prefix)
  checkCredentials(options)
  if (options.endpoint !== undefined) checkEndpoint(options.endpoint)
  checkTls(options.tls, options.endpoint, SETTINGS)
  if (retries !== undefined && !(Number.isSafeInteger(retries) && retries >= 0))
    throw new ConfigError(`retries ${retries} of s3 must be a whole number of at least 0`)
  if (timeoutMs !== undefined && !(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw new ConfigError(`timeoutMs ${timeoutMs} of s3 must be above 0`)
  if (partSize !== undefined && !(Number.isSafeInteger(partSize) && partSize >= LEAST_PART && partSize <= LARGEST_PART))
    throw new ConfigError(`partSize ${partSize} of s3 must be from ${LEAST_PART} to ${LARGEST_PART}`, {
      hint: 'S3 takes parts of 5 MiB to 5 GiB',
    })
  return {
    kind: 's3',
    settings: { ...options },
    location: `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`,
    openStore: () =>
      lateStore(
        { kind: 's3', localPath: () => undefined },
        late(async () => (await import('./store.ts')).openS3Store(options)),
      ),
    check: async (ctx) => (await import('./check.ts')).checkBucket(options, ctx),
  }
}

function checkCredentials({ accessKeyId, secretAccessKey, sessionToken, profile }: S3Options): void {
  for (const [name, value] of Object.entries({ secretAccessKey, sessionToken }))
    if (value !== undefined && !(value instanceof Secret))
      throw new ConfigError(`${name} of s3 stands in the clear`, { hint: `write it as ${name}: secret('env:NAME')` })
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw new ConfigError('s3 takes accessKeyId and secretAccessKey together', { hint: 'give both, or none' })
  if (sessionToken && !secretAccessKey)
    throw new ConfigError('s3 takes sessionToken with a key alone', { hint: 'give accessKeyId and secretAccessKey, too' })
  if (profile !== undefined && secretAccessKey) throw new ConfigError('s3 takes a key or profile, not both')
}

function checkEndpoint(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const shown = JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@'))
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new ConfigError(`endpoint ${shown} of s3 is no address of a server`, { hint: 'write it as "https://s3.example.com"' })
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname))
    throw new ConfigError(`endpoint ${shown} of s3 would send credentials and data in the clear`, { hint: 'use https' })
}
