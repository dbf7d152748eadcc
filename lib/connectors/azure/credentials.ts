import type { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { ConfigError } from '../../core/errors.ts'
import { millraceVersion } from '../../core/version.ts'
import { verifiedBy } from '../store-tls.ts'
import { refuseInTheClear } from './address.ts'
import type { Whence } from './answers.ts'
import { connectionOf } from './connection-string.ts'
import { NoToken } from './faults.ts'
import { type AzureOptions, SETTINGS } from './options.ts'
import { sasText } from './sas.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** By these the environment says who gives tokens to a managed or workload identity. */
const ISSUERS: readonly string[] = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_FEDERATED_TOKEN_FILE']
const SCOPE = 'https://storage.azure.com/.default'

/** How a copy reads its source: Azure does not take for granted that who may write the target may read it. */
export interface SourceAccess {
  readonly url: string
  readonly sourceAuthorization?: { readonly scheme: string; readonly value: string }
}

/** One container of an account, opened by the SDK with the store's credentials. */
export interface Account {
  readonly container: ContainerClient
  readonly whence: Whence
  sourceOf(name: string): Promise<SourceAccess>
}

/** Loads the SDK, and what gives credentials. @throws ConfigError when a package is missing or credentials are no such */
export async function accountFor(options: AzureOptions): Promise<Account> {
  const { account, container, endpoint: configured, tls = {} } = options
  const sdk = await blobPackage()
  const given = givenBy(options)
  const endpoint = given.endpoint ?? configured ?? `https://${account}.blob.core.windows.net`
  refuseInTheClear(endpoint)
  const whence: Whence = { credentials: given.reference, ...(endpoint !== defaultEndpoint(account) && { endpoint }) }
  const token = given.key === undefined && given.sas === undefined ? await defaultToken() : undefined
  const sharedKey = given.key === undefined ? undefined : sharedKeyOf(sdk, account, given.key, given.reference)
  const pipelineOptions = {
    // Retrying is ours, under preconditions.
    retryOptions: { maxTries: 1 },
    userAgentOptions: { userAgentPrefix: `millrace/${millraceVersion}` },
    redirectOptions: { maxRetries: 0 },
    tlsOptions: verifiedBy(tls, SETTINGS),
  }
  const pipeline = sdk.newPipeline(sharedKey ?? token ?? new sdk.AnonymousCredential(), pipelineOptions)
  const query = given.sas === undefined ? '' : `?${given.sas}`
  const client = new sdk.ContainerClient(`${endpoint.replace(/\/$/, '')}/${container}${query}`, pipeline)
  return {
    container: client,
    whence,
    sourceOf: async (name) => {
      const blob = client.getBlobClient(name)
      if (sharedKey) {
        const permissions = sdk.BlobSASPermissions.parse('r')
        return { url: await blob.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + HOUR_MS) }) }
      }
      if (!token) return { url: blob.url }
      const { token: value } = await token.getToken(SCOPE)
      return { url: blob.url, sourceAuthorization: { scheme: 'Bearer', value } }
    },
  }
}

const defaultEndpoint = (account: string): string => `https://${account}.blob.core.windows.net`

interface Given {
  /** Where the credentials come from. */
  readonly reference: string
  readonly key?: string
  readonly sas?: string
  /** Of a connection string. */
  readonly endpoint?: string
}

function givenBy({ account, key, sas, connectionString }: AzureOptions): Given {
  if (key) return { reference: key.reference, key: key.reveal() }
  if (sas) return { reference: sas.reference, sas: sasText(sas.reveal(), sas.reference) }
  if (connectionString) return { reference: connectionString.reference, ...connectionOf(connectionString, account) }
  return { reference: 'the default credentials of Azure' }
}

type Sdk = typeof import('@azure/storage-blob')

function sharedKeyOf(sdk: Sdk, account: string, key: string, reference: string): StorageSharedKeyCredential {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key) || key.length % 4 !== 0)
    throw new ConfigError(`${reference}, the key of azure, is no key of a storage account`, {
      hint: 'expected base64, as the portal shows it under "Access keys"',
    })
  return new sdk.StorageSharedKeyCredential(account, key)
}

interface AccessToken {
  readonly token: string
  readonly expiresOnTimestamp: number
}

interface Token {
  getToken(scopes: string | string[], options?: { readonly claims?: string; readonly tenantId?: string }): Promise<AccessToken>
}

/** The default credentials, whose failures are told apart from those of the store. A token serves until five minutes before its end, unless a server asks for another one. */
async function defaultToken(): Promise<Token> {
  const { DefaultAzureCredential } = await identityPackage()
  const credential = new DefaultAzureCredential({ retryOptions: { maxRetries: 2 } })
  let held: AccessToken | undefined
  return {
    getToken: async (scopes, options) => {
      const challenged = options?.claims !== undefined || options?.tenantId !== undefined
      if (!challenged && held && held.expiresOnTimestamp - Date.now() > 5 * MINUTE_MS) return held
      try {
        held = await credential.getToken(scopes, options)
        return held
      } catch (error) {
        throw new NoToken(
          error,
          ISSUERS.some((name) => process.env[name] !== undefined),
        )
      }
    },
  }
}

async function blobPackage(): Promise<Sdk> {
  try {
    return await import('@azure/storage-blob')
  } catch (error) {
    throw missingPackage(error, '@azure/storage-blob')
  }
}

async function identityPackage(): Promise<typeof import('@azure/identity')> {
  try {
    return await import('@azure/identity')
  } catch (error) {
    throw missingPackage(error, '@azure/identity')
  }
}

/** An optional peer that was not installed. */
export function missingPackage(error: unknown, name: string): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) return error
  const hint = `npm install ${name}${name === '@azure/identity' ? ', or give `key`, `sas` or `connectionString`' : ''}`
  return new ConfigError(`azure needs the package ${name}, which is not installed`, { cause: error, hint })
}
