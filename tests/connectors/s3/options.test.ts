import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { secret } from '../../../lib/config/secret.ts'
import { s3 } from '../../../lib/connectors/s3/index.ts'
import type { S3Options } from '../../../lib/connectors/s3/options.ts'
import { sdkFor } from '../../../lib/connectors/s3/sdk.ts'
import { openS3Store } from '../../../lib/connectors/s3/store.ts'
import { ConfigError } from '../../../lib/core/errors.ts'
import { manualClock, temporaryFolder } from '../../kit/context.ts'

const BUCKET = { bucket: 'deliveries', region: 'eu-central-1' } as const
const KEY = { accessKeyId: 'AKIA1', secretAccessKey: secret('env:PLANTED_SECRET') }

afterEach(() => void vi.unstubAllEnvs())

describe('s3', () => {
  it('says where the objects are, and shows no secret', () => {
    vi.stubEnv('PLANTED_SECRET', 'planted')
    const connection = s3({ ...BUCKET, ...KEY, prefix: 'daily/' })
    expect(connection).toMatchObject({ kind: 's3', location: 's3://deliveries/daily' })
    expect(s3(BUCKET).location).toBe('s3://deliveries')
    expect(inspect(connection) + JSON.stringify(connection.settings)).not.toContain('planted')
  })

  it.each<[Partial<Record<keyof S3Options, unknown>>, RegExp]>([
    [{ bucket: 's3://deliveries' }, /^bucket "s3:\/\/deliveries" of s3 is no name of a bucket/],
    [{ bucket: undefined }, /^bucket undefined of s3 is no name of a bucket/],
    [{ bucket: 'a--use1-az4--x-s3' }, /is a directory bucket: it does not list keys in order/],
    [{ region: undefined }, /^region undefined of s3 is no name of a region/],
    [{ region: 'eu central' }, /^region "eu central" of s3 is no name of a region/],
    [{ prefix: 'a//b' }, /^prefix "a\/\/b" of s3 has an empty part/],
    [{ secretAccessKey: KEY.secretAccessKey }, /^s3 takes accessKeyId and secretAccessKey together/],
    [{ accessKeyId: 'AKIA1' }, /^s3 takes accessKeyId and secretAccessKey together/],
    [{ accessKeyId: 'AKIA1', secretAccessKey: 'planted' }, /^secretAccessKey of s3 stands in the clear$/],
    [{ ...KEY, sessionToken: 'planted' }, /^sessionToken of s3 stands in the clear$/],
    [{ sessionToken: KEY.secretAccessKey }, /^s3 takes sessionToken with a key alone/],
    [{ ...KEY, profile: 'work' }, /^s3 takes a key or profile, not both/],
    [{ endpoint: 's3.example.com' }, /^endpoint "s3\.example\.com" of s3 is no address of a server/],
    [{ endpoint: 'https://planted:planted@s3.example.com' }, /^endpoint "https:\/\/…@s3\.example\.com" of s3 is no address of a server/],
    [{ endpoint: 'https://s3.example.com/bucket' }, /is no address of a server/],
    [{ endpoint: 'http://s3.example.com' }, /would send credentials and data in the clear/],
    [{ endpoint: 'http://127.0.0.1:1', tls: { ca: 'a.pem' } }, /^s3 takes tls where endpoint is https/],
    [{ tls: { serverName: '10.0.0.1' } }, /^tls\.serverName "10\.0\.0\.1" of s3 is not a name/],
    [{ retries: -1 }, /^retries -1 of s3 must be/],
    [{ timeoutMs: 0 }, /^timeoutMs 0 of s3 must be above 0/],
    [{ partSize: 2 ** 20 }, /^partSize 1048576 of s3 must be from 5242880 to 5368709120/],
  ])('refuses %j', (options, message) => {
    const make = () => s3({ ...BUCKET, ...options } as S3Options)
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(message)
    expect(make).not.toThrow(/planted/)
  })

  it('without its package is a ConfigError that says how to install it', async () => {
    const missing = Object.assign(new Error("Cannot find package '@aws-sdk/client-s3'"), { code: 'ERR_MODULE_NOT_FOUND' })
    const error = await sdkFor(BUCKET, () => Promise.reject(missing)).catch((problem: unknown) => problem)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({
      message: 's3 needs the package @aws-sdk/client-s3, which is not installed',
      hint: 'npm install @aws-sdk/client-s3',
    })
  })

  it.each([{}, { profile: 'nobody' }])('without credentials, %j, is a ConfigError, tried once', async (options) => {
    const home = temporaryFolder()
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
    for (const [name, value] of Object.entries({ HOME: home, AWS_EC2_METADATA_DISABLED: 'true' })) vi.stubEnv(name, value)
    const clock = manualClock()
    const store = openS3Store({ ...BUCKET, endpoint: 'http://127.0.0.1:9', ...options }, clock)
    const error = await store.head('k').catch((problem: unknown) => problem)
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).message).toMatch(/^cannot look at s3:\/\/deliveries\/k: there are no credentials: /)
    expect((error as ConfigError).hint).toContain(options.profile === undefined ? 'the default credentials' : 'profile "nobody"')
    expect(clock.slept).toEqual([])
  })

  it('with a secret that is not set is a ConfigError that names it', async () => {
    const error = await openS3Store({ ...BUCKET, ...KEY })
      .head('k')
      .catch((problem: unknown) => problem)
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).message).toContain('PLANTED_SECRET')
  })
})
