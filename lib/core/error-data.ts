import {
  CheckError,
  ConfigError,
  DamagedError,
  type ErrorPlace,
  GateError,
  HeldError,
  InterruptedError,
  MillraceError,
  messageOf,
  NotFound,
  OutrunError,
  PermanentError,
  PreconditionFailed,
  TransientError,
} from './errors.ts'
import { redact, redactJson } from './secret.ts'

/** An error as it crosses from one process to another: plain data, redacted. */
export interface ErrorData {
  /** Its class; of an error that is none of ours, a bug, the name. */
  readonly kind: string
  readonly message: string
  readonly hint?: string
  readonly place?: ErrorPlace
  readonly exitCode?: number
  readonly retryAfterMs?: number
  /** Of a bug only. */
  readonly stack?: string
  readonly cause?: ErrorData
}

const KINDS = {
  ConfigError,
  CheckError,
  GateError,
  TransientError,
  OutrunError,
  HeldError,
  DamagedError,
  PermanentError,
  InterruptedError,
  PreconditionFailed,
  NotFound,
}

/** The base of a kind that is only known where it was thrown. */
const BY_EXIT: Readonly<Record<number, (typeof KINDS)[keyof typeof KINDS]>> = {
  2: ConfigError,
  3: CheckError,
  75: TransientError,
  130: InterruptedError,
}

/** Causes of causes beyond this are left out. */
const DEPTH = 5

/** What another process needs to throw the same error again. */
export function errorData(error: unknown, depth = 0): ErrorData {
  const ours = error instanceof MillraceError ? error : undefined
  const plain = error instanceof Error ? error : undefined
  const { retryAfterMs } = error instanceof TransientError ? error : {}
  return {
    kind: ours?.name ?? plain?.name ?? 'Error',
    message: redact(messageOf(error)),
    ...(ours && { place: redactJson(ours.place), exitCode: ours.exitCode }),
    ...(ours?.hint !== undefined && { hint: redact(ours.hint) }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(!ours && plain?.stack !== undefined && { stack: redact(plain.stack) }),
    ...(plain?.cause !== undefined && depth < DEPTH && { cause: errorData(plain.cause, depth + 1) }),
  }
}

/** The error again: of its class, or of that class's base where only the other process knows it; a bug with the stack that it had there. */
export function errorFromData(data: ErrorData): Error {
  const { kind, message, hint, place, exitCode, retryAfterMs, stack } = data
  const cause = data.cause && errorFromData(data.cause)
  if (exitCode === undefined) {
    const bug = new Error(message, cause && { cause })
    bug.name = kind
    if (stack !== undefined) bug.stack = stack
    return bug
  }
  const options = { ...place, ...(hint !== undefined && { hint }), ...(cause && { cause }) }
  const Kind = (Object.hasOwn(KINDS, kind) && KINDS[kind as keyof typeof KINDS]) || (BY_EXIT[exitCode] ?? PermanentError)
  if (Kind === TransientError) return new TransientError(message, { ...options, ...(retryAfterMs !== undefined && { retryAfterMs }) })
  return new Kind(message, options)
}
