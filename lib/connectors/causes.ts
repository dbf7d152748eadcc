import { messageOf } from '../core/errors.ts'

// What the SDKs of stores throw is read field by field: their classes are loaded late, and what lies within is another library's.

/** Code and words of what went wrong. */
export interface Failure {
  readonly code: string
  readonly message: string
}

/** The innermost cause, and its code. */
export function deepest(error: unknown): Failure {
  let at = error
  let code = ''
  for (let i = 0; i < 10; i++) {
    const own = fieldOf(at, 'code')
    if (typeof own === 'string') code = own
    const inner = at instanceof AggregateError ? at.errors[0] : fieldOf(at, 'cause')
    if (!(inner instanceof Error)) break
    at = inner
  }
  return { code, message: messageOf(at) }
}

export function fieldOf(value: unknown, name: string): unknown {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[name] : undefined
}

/** Whether a server answered something else than TLS: so OpenSSL says; Node's codes alone, EPROTO above all, are those of other failures too. */
export function isNoTls({ code, message }: Failure): boolean {
  return /^(EPROTO$|ERR_SSL_)/.test(code) && /wrong version number|packet length too long/i.test(message)
}
