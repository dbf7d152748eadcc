import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { secret } from '../../../lib/config/secret.ts'
import { connectionOf } from '../../../lib/connectors/azure/connection-string.ts'
import { missingPackage } from '../../../lib/connectors/azure/credentials.ts'
import { azure } from '../../../lib/connectors/azure/index.ts'
import type { AzureOptions } from '../../../lib/connectors/azure/options.ts'
import { ConfigError } from '../../../lib/core/errors.ts'
import { redact, Secret } from '../../../lib/core/secret.ts'

const OK = { account: 'acme', container: 'deliveries' }
const KEY = Buffer.from('planted key of the account').toString('base64')

describe('azure', () => {
  it('is printable, without a secret, and opens nothing', () => {
    const connection = azure({ ...OK, prefix: 'daily/', key: secret('env:NOTHING') })
    expect(connection).toMatchObject({ kind: 'azure', location: 'azure://acme/deliveries/daily' })
    expect(JSON.stringify(connection.settings)).toContain('[secret]')
    expect(azure(OK).location).toBe('azure://acme/deliveries')
  })

  it.each<readonly [Partial<AzureOptions>, RegExp]>([
    [{ account: 'acme.blob.core.windows.net' }, /account "acme\.blob\.core\.windows\.net" of azure is no name/],
    [{ account: '' }, /no name of a storage account/],
    [{ container: 'A' }, /container "A" of azure is no name/],
    [{ container: 'a--b' }, /no name of a container/],
    [{ prefix: 'a//b' }, /prefix "a\/\/b" of azure has an empty part/],
    [{ prefix: '../x' }, /has the part ".."/],
    [{ prefix: 'a\\b' }, /has a part that Azure cannot have in a name/],
    [{ key: secret('env:K'), sas: secret('env:S') }, /one of key, sas and connectionString, not key and sas/],
    [{ connectionString: secret('env:C'), endpoint: 'https://acme.example' }, /endpoint or connectionString, not both/],
    [{ endpoint: 'localhost:10000' }, /no address of the blobs of account acme/],
    [{ endpoint: 'https://u:planted@h' }, /endpoint "https:\/\/…@h" of azure is no address/],
    [{ endpoint: 'https://h/?sig=planted' }, /endpoint "https:\/\/h\/\?…" of azure is no address/],
    [{ endpoint: 'https://h/container' }, /no address of the blobs/],
    [{ endpoint: 'http://example.org', key: secret('env:K') }, /in the clear/],
    [{ endpoint: 'http://127.0.0.1:10000/acme' }, /go over https only/],
    [{ endpoint: 'http://127.0.0.1:1', key: secret('env:K'), tls: { ca: 'a.pem' } }, /azure takes tls where endpoint is https/],
    [{ tls: { serverName: '10.0.0.1' } }, /tls\.serverName "10\.0\.0\.1" of azure is not a name/],
    [{ retries: -1 }, /retries -1 of azure/],
    [{ timeoutMs: 0 }, /timeoutMs 0 of azure/],
    [{ chunkSize: 5000 * 2 ** 20 }, /chunkSize \d+ of azure must be a number of bytes from 1 to/],
  ])('%j is refused', (options, message) => {
    const make = () => azure({ ...OK, ...options })
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(message)
    expect(make).not.toThrow(/planted/)
  })

  it.each([
    ['https://acme.blob.core.chinacloudapi.cn', undefined],
    ['https://blobs.internal/acme/', undefined],
    ['http://127.0.0.1:10000/acme', secret('env:K')],
  ])('takes the endpoint %s', (endpoint, key) => {
    expect(() => azure({ ...OK, endpoint, ...(key && { key }) })).not.toThrow()
  })

  it('says which credentials are no such, without them', async () => {
    onTestFinished(() => void vi.unstubAllEnvs())
    vi.stubEnv('PLANTED', 'planted, and no base64')
    const PLANTED = secret('env:PLANTED')
    for (const [options, message] of [
      [{ key: PLANTED }, 'env:PLANTED, the key of azure, is no key of a storage account'],
      [{ sas: PLANTED }, 'env:PLANTED of azure is no shared access signature'],
      [{ connectionString: PLANTED }, 'env:PLANTED, the connection string of azure, has neither AccountKey nor SharedAccessSignature'],
      [{ key: secret('env:MISSING_KEY') }, 'environment variable MISSING_KEY is not set'],
    ] as const) {
      const error = await azure({ ...OK, ...options })
        .openStore()
        .head('k')
        .catch((e: unknown) => e)
      expect(error).toBeInstanceOf(ConfigError)
      expect(String(error)).toContain(message)
      expect(`${String(error)} ${String((error as ConfigError).hint)}`).not.toContain('planted')
    }
  })

  it('says which package is missing, and how to install it', () => {
    const error = missingPackage(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' }), '@azure/storage-blob')
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({
      message: 'azure needs the package @azure/storage-blob, which is not installed',
      hint: 'npm install @azure/storage-blob',
    })
    const other = new Error('x')
    expect(missingPackage(other, '@azure/identity')).toBe(other)
  })
})

describe('connectionOf', () => {
  const connection = (text: string, account = 'acme') => connectionOf(new Secret('env:CONNECTION', () => text), account)

  it.each([
    [
      `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${KEY};EndpointSuffix=core.windows.net`,
      'https://acme.blob.core.windows.net',
    ],
    [`AccountName=acme;AccountKey=${KEY};EndpointSuffix=core.chinacloudapi.cn;`, 'https://acme.blob.core.chinacloudapi.cn'],
    [`AccountName=acme;AccountKey=${KEY};BlobEndpoint=http://127.0.0.1:1/acme`, 'http://127.0.0.1:1/acme'],
  ])('reads %s', (text, endpoint) => {
    expect(connection(text)).toEqual({ endpoint, key: KEY })
    expect(redact(`it said ${KEY}`)).toBe('it said [secret]')
  })

  it('reads a shared access signature, and keeps the signature out of texts', () => {
    const sas = 'sv=2024-11-04&sp=rcwdl&sig=c2lnbmVkLXBsYW50ZWQ%3D'
    expect(connection(`BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=${sas}`)).toEqual({
      endpoint: 'https://acme.blob.core.windows.net/',
      sas,
    })
    expect(redact('?x=1&sig=c2lnbmVkLXBsYW50ZWQ%3D')).toBe('?x=1&sig=[secret]')
    expect(redact('sig c2lnbmVkLXBsYW50ZWQ=')).toBe('sig [secret]')
  })

  it.each([
    [`AccountName=other;AccountKey=${KEY}`, /env:CONNECTION, the connection string of azure, is of account other, not acme/],
    ['AccountName=acme', /has neither AccountKey nor SharedAccessSignature/],
    ['UseDevelopmentStorage=true', /has neither AccountKey nor SharedAccessSignature/],
    [`AccountName=acme;AccountKey=${KEY};DefaultEndpointsProtocol=http`, /in the clear/],
    [`AccountName=acme;AccountKey=${KEY};BlobEndpoint=nonsense`, /endpoint "nonsense" of azure is no address/],
  ])('refuses %s', (text, message) => {
    expect(() => connection(text)).toThrow(ConfigError)
    expect(() => connection(text)).toThrow(message)
  })
})
