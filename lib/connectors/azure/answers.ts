import { ConfigError, type MillraceError, NotFound, PermanentError, PreconditionFailed, TransientError } from '../../core/errors.ts'

/** What an error has to name. */
export interface Doing {
  /** In the words of an error: `write azure://account/container/a.csv`. */
  readonly what: string
  /** `azure://account/container/a.csv`. */
  readonly file: string
}

/** Where the credentials come from, for hints, and the endpoint, where it is another than the account's own. */
export interface Whence {
  readonly credentials: string
  readonly endpoint?: string
}

/** How the service answered. */
export interface Answer {
  readonly status: number
  /** `x-ms-error-code`, '' where something else answered. */
  readonly code: string
  /** In its own words. */
  readonly said: string
  readonly retryAfterMs?: number
}

/** Blocks that were sent are not there any more: another write of the name drops them. Only a body that can be read again from its start can be sent again. */
export class LostBlocks extends PermanentError {}

const RETRIED: readonly number[] = [408, 429, 500, 502, 503, 504]
const MOST_SAID = 300
const ROLE =
  'the role "Storage Blob Data Contributor" on the container, or read, create, write, delete and list in a shared access signature'

/** A refusal in other words than Azure's. */
interface Known {
  readonly kind: 'config' | 'transient' | 'permanent'
  readonly why: string
  readonly hint: (whence: Whence) => string
}

const refused = (why: string): Known => ({
  kind: 'config',
  why,
  hint: ({ credentials }) => `check the credentials, ${credentials}, and this machine's clock, which may be 15 minutes off at most`,
})
const denied: Known = {
  kind: 'config',
  why: 'permission denied',
  hint: ({ credentials }) =>
    `check the credentials, ${credentials}; they need ${ROLE}. The account's firewall may also keep this machine out`,
}
const advised = (kind: Known['kind'], why: string, hint: string): Known => ({ kind, why, hint: () => hint })
const noContainer = advised('config', 'the container does not exist', 'make the container, or correct `container` of azure(…)')
const otherBlocks = advised(
  'permanent',
  'another program has left a blob or blocks of another kind there',
  'remove the blob; blocks that were never finished go after a week, or when a blob is written there and removed',
)

/** By the service's code ("Status and error codes", "Blob service error codes"). */
const KNOWN: Readonly<Record<string, Known>> = {
  ContainerNotFound: noContainer,
  ResourceNotFound: noContainer,
  ContainerBeingDeleted: advised('transient', 'the container is being deleted', 'make it again in half a minute'),
  ContainerDisabled: advised('config', 'the container is disabled', 'ask who owns the account'),
  AccountIsDisabled: advised('config', 'the account is disabled', 'ask who owns the account'),
  AccountBeingCreated: advised('transient', 'the account is being made', 'run again later'),
  AuthenticationFailed: refused('the credentials were refused'),
  InvalidAuthenticationInfo: refused('the credentials were refused'),
  NoAuthenticationInformation: refused('the credentials were refused'),
  KeyBasedAuthenticationNotPermitted: advised(
    'config',
    'the account takes no keys',
    'leave `key` and `connectionString` out of azure(…), and use the default credentials',
  ),
  AuthorizationFailure: denied,
  AuthorizationPermissionMismatch: denied,
  AuthorizationProtocolMismatch: denied,
  AuthorizationResourceTypeMismatch: denied,
  AuthorizationServiceMismatch: denied,
  AuthorizationSourceIPMismatch: denied,
  InsufficientAccountPermissions: denied,
  PublicAccessNotPermitted: denied,
  BlobImmutableDueToPolicy: advised('config', 'a policy keeps the blob as it is', 'write where nothing is immutable'),
  BlobArchived: advised('config', 'the blob is archived', 'rehydrate it'),
  SnapshotsPresent: advised('config', 'the blob has snapshots', 'remove them'),
  PendingCopyOperation: advised('transient', 'another program copies to it', 'run again later'),
  InvalidBlobOrBlock: otherBlocks,
  InvalidBlobType: otherBlocks,
  Md5Mismatch: advised('transient', 'it was damaged on the way', 'run again'),
  RequestBodyTooLarge: advised('config', 'the block is too large', 'lower `chunkSize` of azure(…)'),
  BlockCountExceedsLimit: advised('config', 'it has more than 50,000 blocks', 'raise `chunkSize` of azure(…)'),
}

/**
 * The error of an answer that is not what was wanted: 408, 429 and 5xx are transient, with the wait that `Retry-After` asks for, and so is a lease; 412 and "already exists" are PreconditionFailed, 404 NotFound, except
 * that of a container; credentials, rights and a container are for a person to put right.
 */
export function errorOfAnswer({ status, code, said, retryAfterMs }: Answer, doing: Doing, whence: Whence): MillraceError {
  const place = { file: doing.file }
  const words = said === '' || said === code ? '' : `: ${JSON.stringify(said.length > MOST_SAID ? `${said.slice(0, MOST_SAID)}…` : said)}`
  const answer = `${status}${code === '' ? '' : ` ${code}`}`
  const failed = (why: string) => `cannot ${doing.what}: ${why} (${answer})${words}`
  if (RETRIED.includes(status)) {
    const hint = retryAfterMs === undefined ? 'run again later' : `Azure asks to wait ${retryAfterMs / 1000} s: run again then`
    return new TransientError(`cannot ${doing.what}: Azure answered ${answer}${words}`, {
      ...place,
      hint,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }
  if (/^Lease/.test(code))
    return new TransientError(failed('a lease holds it'), { ...place, hint: 'release or break the lease, and run again' })
  if (status === 412 || code === 'BlobAlreadyExists')
    return new PreconditionFailed(`cannot ${doing.what}: it is another version than expected`, place)
  if (code === 'InvalidBlockList')
    return new LostBlocks(failed('another write of it has dropped the blocks that were sent'), { ...place, hint: 'run again' })
  const known = KNOWN[code] ?? (status === 401 ? refused('the credentials were refused') : status === 403 ? denied : undefined)
  if (known) {
    const ErrorKind = { config: ConfigError, transient: TransientError, permanent: PermanentError }[known.kind]
    return new ErrorKind(failed(known.why), { ...place, hint: known.hint(whence) })
  }
  if (status === 404) return new NotFound(`no object ${doing.file}`, place)
  return new PermanentError(`cannot ${doing.what}: Azure answered ${answer}${words}`, {
    ...place,
    hint: "look the code up in Azure's documentation, and check `endpoint`",
  })
}
