import type { S3, S3ClientConfig } from '@aws-sdk/client-s3'
import { ConfigError } from '../../core/errors.ts'
import { reveal } from '../../core/secret.ts'
import { millraceVersion } from '../../core/version.ts'
import { verifiedBy } from '../store-tls.ts'
import type { S3Options } from './options.ts'
import { SETTINGS } from './settings.ts'

/** What a store asks of the SDK. */
export type S3Calls = Pick<
  S3,
  | 'putObject'
  | 'getObject'
  | 'headObject'
  | 'deleteObject'
  | 'listObjectsV2'
  | 'createMultipartUpload'
  | 'uploadPart'
  | 'uploadPartCopy'
  | 'completeMultipartUpload'
  | 'abortMultipartUpload'
  | 'destroy'
>

/** One client of the SDK. */
export interface Sdk {
  readonly calls: S3Calls
  /** Whether an error is an answer to a request of ours, and not one of a service that gives credentials. */
  isAnswer(error: unknown): boolean
  /** When the server last answered, by its clock. */
  answered(): Date | undefined
}

type Module = typeof import('@aws-sdk/client-s3')

/** Loads the SDK, an optional peer, and makes the one client of a store. @throws ConfigError when it is not installed, or a secret is missing */
export async function sdkFor(options: S3Options, load: () => Promise<Module> = () => import('@aws-sdk/client-s3')): Promise<Sdk> {
  const { S3, S3ServiceException } = await load().catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new ConfigError('s3 needs the package @aws-sdk/client-s3, which is not installed', {
      hint: 'npm install @aws-sdk/client-s3',
    })
  })
  const calls = new S3(configOf(options))
  let date: string | undefined
  calls.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      date = dateOf(result.response) ?? date
      return result
    },
    { step: 'deserialize', priority: 'low' },
  )
  return {
    calls,
    // An answer that the SDK cannot read has no `$fault`.
    isAnswer: (error) =>
      error instanceof S3ServiceException || (error instanceof Error && '$response' in error && !('$fault' in error) && !('code' in error)),
    answered: () => (date === undefined ? undefined : new Date(date)),
  }
}

function configOf(options: S3Options): S3ClientConfig {
  const { region, endpoint, profile, timeoutMs = 60_000, forcePathStyle = endpoint !== undefined } = options
  const { accessKeyId, secretAccessKey, sessionToken } = options
  return {
    region,
    forcePathStyle,
    ...(endpoint !== undefined && { endpoint }),
    ...(profile !== undefined && { profile }),
    ...(accessKeyId !== undefined &&
      secretAccessKey && {
        credentials: {
          accessKeyId: reveal(accessKeyId),
          secretAccessKey: secretAccessKey.reveal(),
          ...(sessionToken && { sessionToken: sessionToken.reveal() }),
        },
      }),
    // Repeating is ours: it knows what is safe to repeat. So are the checksums, native ones, and what is printed.
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
    customUserAgent: [['millrace', millraceVersion]],
    // With `Expect: 100-continue` the SDK opens another agent, without our authority (@smithy/node-http-handler 4.14).
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      httpsAgent: { keepAlive: true, maxSockets: 50, ...verified(options), ...proxied() },
    },
  }
}

function verified({ tls }: S3Options): { readonly ca?: string; readonly servername?: string } {
  return verifiedBy(tls ?? {}, SETTINGS)
}

/** Node's own agents read a proxy from the environment when they are told to; others have to be given it. */
function proxied(): { readonly proxyEnv?: NodeJS.ProcessEnv } {
  return process.env.NODE_USE_ENV_PROXY === '1' ? { proxyEnv: process.env } : {}
}

function dateOf(response: unknown): string | undefined {
  const headers = response !== null && typeof response === 'object' && 'headers' in response ? response.headers : undefined
  const date = headers !== null && typeof headers === 'object' && 'date' in headers ? headers.date : undefined
  return typeof date === 'string' ? date : undefined
}

const ignore = () => undefined
