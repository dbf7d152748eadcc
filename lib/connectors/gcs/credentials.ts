import { readFile } from 'node:fs/promises'
import { ConfigError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { type Doing, errorOfCredentials, type Whence } from './faults.ts'
import type { GcsOptions } from './options.ts'

const GOOGLE = 'https://storage.googleapis.com'

/** What a store uses of the SDK's `Storage`. */
export interface Credentials {
  readonly endpoint: string
  readonly whence: Whence
  /** The SDK's version. */
  readonly sdk: string
  /** The headers that authorise a request; none where no credentials are sent. */
  headersFor(url: string, doing: Doing): Promise<Readonly<Record<string, string>>>
  /** Drops the token that a server has refused, so that the next request fetches another one. */
  refuse(authorization: string): Promise<void>
}

/** Loads the SDK and makes the one `Storage` of a store. @throws ConfigError when the credentials are no JSON of Google's */
export async function credentialsFor(options: GcsOptions): Promise<Credentials> {
  const { keyFile, apiEndpoint, timeoutMs = 60_000, userProject } = options
  const json = await credentialsJson(options)
  const { Storage } = await import('@google-cloud/storage')
  // Its retries are off: retrying is ours, and calls without a precondition cannot switch off what is off.
  const storage = new Storage({ apiEndpoint: apiEndpoint ?? GOOGLE, retryOptions: { autoRetry: false } })
  const auth = storage.authClient
  if (json) {
    // The constructor's own `credentials` and `keyFilename` print a warning on every start, and so does a workload identity when it is loaded (google-auth-library 11).
    auth.jsonContent = json
    silently(() => auth.getClient().catch(() => undefined))
  }
  const whence: Whence = {
    credentials: options.credentials?.reference ?? keyFile ?? 'application default credentials',
    ...(apiEndpoint !== undefined && { apiEndpoint }),
  }
  const endpoint = apiEndpoint ?? GOOGLE
  const anonymous = !json && !isGoogle(endpoint)
  return {
    endpoint,
    whence,
    sdk: String((storage as unknown as { packageJson?: { version?: string } }).packageJson?.version ?? ''),
    headersFor: async (url, doing) => {
      const billed: Record<string, string> = userProject === undefined ? {} : { 'x-goog-user-project': userProject }
      if (anonymous) return billed
      try {
        const headers = await within(timeoutMs, auth.getRequestHeaders(url))
        return { ...Object.fromEntries(headers), ...billed }
      } catch (error) {
        throw errorOfCredentials(error, doing, whence)
      }
    },
    refuse: async (authorization) => {
      const client = await auth.getClient()
      // Another request may have fetched a new token meanwhile.
      if (`Bearer ${client.credentials.access_token}` === authorization) client.setCredentials({ ...client.credentials, expiry_date: 1 })
    },
  }
}

type GoogleJson = NonNullable<import('@google-cloud/storage').Storage['authClient']['jsonContent']>

async function credentialsJson({ keyFile, credentials }: GcsOptions): Promise<GoogleJson | undefined> {
  if (credentials) return parse(credentials.reveal(), credentials.reference)
  if (keyFile === undefined) return undefined
  try {
    return parse(await readFile(keyFile, 'utf8'), keyFile)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw new ConfigError(`keyFile ${keyFile} of gcs cannot be read${code}`, { file: keyFile, hint: 'correct `keyFile` of gcs(…)' })
  }
}

function parse(text: string, whence: string): GoogleJson {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  if (json === null || typeof json !== 'object' || !('type' in json))
    throw new ConfigError(`${whence}, the credentials of gcs, is no JSON of Google credentials`, {
      hint: 'expected a service account key or a workload identity configuration, as `gcloud iam` writes them',
    })
  // A part of the text that is printed must be redacted as the whole is.
  for (const field of ['private_key', 'client_secret', 'refresh_token'])
    if (field in json) new Secret(whence, () => String((json as Record<string, unknown>)[field])).reveal()
  return json as GoogleJson
}

/** Runs what warns before its first wait. */
function silently(work: () => void): void {
  const { warn } = console
  console.warn = () => undefined
  try {
    work()
  } finally {
    console.warn = warn
  }
}

const isGoogle = (endpoint: string): boolean => /(^|\.)googleapis\.com$/.test(new URL(endpoint).hostname)

/** The library sets no limit of its own. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no token'), { code: 'ETIMEDOUT' })), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
