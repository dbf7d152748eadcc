import { ConfigError, MillraceError, messageOf, TransientError } from './errors.ts'
import { redact } from './secret.ts'

/** One thing that `millrace doctor` looked at. Never holds a secret. */
export interface Finding {
  /** What was looked at, one or two words: `clock`, `disk`, `rights`. */
  readonly what: string
  readonly state: 'ok' | 'warning' | 'fault'
  /** What was found, one line. */
  readonly found: string
  /** What to do about it, one sentence. */
  readonly advice?: string
  /** Of a fault, what it is: it decides the exit code. Absent: `other`. */
  readonly kind?: FaultKind
}

/** `configuration`: the user's to fix. `unreachable`: did not answer, may do so later. */
export type FaultKind = 'configuration' | 'unreachable' | 'other'

/** How far two clocks may be apart: beyond it windows end too early or too late, and signed requests are refused. */
const SKEW_MS = 60_000

export function fine(what: string, found: string): Finding {
  return { what, state: 'ok', found }
}

export function warning(what: string, found: string, advice?: string): Finding {
  return { what, state: 'warning', found, ...(advice !== undefined && { advice }) }
}

/** `advice` and `kind` win over what the error says. */
export function fault(what: string, error: unknown, own: { readonly advice?: string; readonly kind?: FaultKind } = {}): Finding {
  const advice = own.advice ?? (error instanceof MillraceError ? error.hint : undefined)
  const found = redact(typeof error === 'string' ? error : messageOf(error)).replace(/\s*\n\s*/g, '; ')
  return { what, state: 'fault', found, ...(advice !== undefined && { advice: redact(advice) }), kind: own.kind ?? kindOf(error) }
}

function kindOf(error: unknown): FaultKind {
  if (error instanceof ConfigError) return 'configuration'
  return error instanceof TransientError ? 'unreachable' : 'other'
}

/** What `look` finds; what it throws is a fault. */
export async function looking(what: string, look: () => Promise<Finding | readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    const found = await look()
    return 'what' in found ? [found] : found
  } catch (error) {
    return [fault(what, error)]
  }
}

/** How another machine's clock stands to ours. `accuracyMs`: what its answer cannot tell (an HTTP date has whole seconds). */
export function clockFinding(whose: string, theirs: Date, ours: Date, accuracyMs = 0): Finding {
  const skewMs = theirs.getTime() - ours.getTime()
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  if (Math.abs(skewMs) <= SKEW_MS)
    return fine('clock', Math.abs(skewMs) <= 1000 + accuracyMs ? `as ${whose}` : `${seconds} s from ${whose}`)
  return warning(
    'clock',
    `this machine is ${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} ${whose}`,
    'set the clocks by NTP: "now" decides which windows have ended',
  )
}
