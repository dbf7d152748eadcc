/** Where in a run something went wrong. Every field is optional: an error carries what its thrower knows, and outer layers add the rest. */
export interface ErrorPlace {
  readonly pipeline?: string
  readonly stage?: Stage
  readonly partition?: string
  readonly dataset?: string
  /** A table, or the path of an export. */
  readonly table?: string
  readonly column?: string
  /** 1-based row in `file`, or in the dataset where there is no file. */
  readonly row?: number
  readonly file?: string
  /** The offending value as text, cut to 200 characters. */
  readonly value?: string
}

/** The six stages of the road. */
export type Stage = 'extract' | 'land' | 'transform' | 'check' | 'load' | 'export'

export interface ErrorOptions extends ErrorPlace {
  readonly cause?: unknown
  /** What the reader can do about it, one sentence. */
  readonly hint?: string
}

/** The base of all errors that are not bugs. The message is one lower-case sentence without a full stop and without a secret. */
export abstract class MillraceError extends Error {
  /** The process's exit code when this error ends a run. */
  abstract readonly exitCode: number
  readonly hint: string | undefined
  place: ErrorPlace

  constructor(message: string, options: ErrorOptions = {}) {
    const { cause, hint, ...place } = options
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.hint = hint
    this.place = place
  }

  /** Adds what an outer layer knows; what is there already stays. */
  at(place: ErrorPlace): this {
    this.place = { ...place, ...this.place }
    return this
  }
}

/** The user's own mistake in code, configuration or command line: fix it, then run again. Exit 2. */
export class ConfigError extends MillraceError {
  readonly exitCode = 2
}

/** Data that cannot be what was declared: a value that does not fit its type, a failed check, a missing column. Exit 3. */
export class CheckError extends MillraceError {
  readonly exitCode = 3
}

/** A delivery beyond its gate: it waits for a person, and readers keep the last one. Nothing is broken. */
export class GateError extends CheckError {}

/** The outside did not answer as it should, or something is held by another process: may go through later. Retried where a retry is safe. Exit 75. */
export class TransientError extends MillraceError {
  readonly exitCode = 75
  /** How long the other side asked to wait, from `Retry-After`. */
  readonly retryAfterMs: number | undefined
  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number } = {}) {
    const { retryAfterMs, ...rest } = options
    super(message, rest)
    this.retryAfterMs = retryAfterMs
  }
}

/** Another run has committed what this one was about to commit: whoever looks again finds it done, or does the rest. */
export class OutrunError extends TransientError {}

/** Another process holds what this one wants: it will let go. */
export class HeldError extends TransientError {}

/** What was read is not what is stored, by the store's own checksum: damaged on the way, or in the store where it comes so again. */
export class DamagedError extends TransientError {}

/** The outside refused for good (401, 404, permission denied, disk full). Not retried. Exit 1. */
export class PermanentError extends MillraceError {
  readonly exitCode = 1
}

/** The run was asked to stop (Ctrl-C, SIGTERM). Exit 130. */
export class InterruptedError extends MillraceError {
  readonly exitCode = 130
}

/** A store's precondition does not hold: the key is there already (`ifAbsent`), or is another version (`ifVersion`). The caller decides what that means. */
export class PreconditionFailed extends MillraceError {
  readonly exitCode = 75
}

/** No object under that key. */
export class NotFound extends MillraceError {
  readonly exitCode = 1
}

/** Gives `error` its place when it is one of ours; anything else comes back as it is. */
export function placed(error: unknown, place: ErrorPlace): unknown {
  return error instanceof MillraceError ? error.at(place) : error
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
