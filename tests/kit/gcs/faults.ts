import type { Operation } from './request.ts'

/** What goes wrong with one request. */
export type Fault =
  /** Answered before anything is done. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly reason?: string
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** The connection is reset after that many bytes of the request's body; those are received. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** Nothing is done and nothing comes back, the connection stays open. */
  | { readonly kind: 'stall' }
  /** The request is done, and the connection reset before the answer. */
  | { readonly kind: 'lose-reply' }
  /** Only that many bytes of an upload's chunk are kept, in whole units of 256 KiB, and the answer says so. */
  | { readonly kind: 'keep'; readonly bytes: number }
  /** The answer tells another CRC32C than that of what was stored. */
  | { readonly kind: 'wrong-crc' }
  /** A byte is flipped in what is stored, after the checksums that were given ahead have been checked. */
  | { readonly kind: 'corrupt' }
  /** The answer's body breaks off after that many bytes. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The answer's body stops after that many bytes, the connection stays open. */
  | { readonly kind: 'stall-body'; readonly afterBytes: number }
  /** A byte of the answer's body is flipped. */
  | { readonly kind: 'flip' }

export interface FaultRule {
  readonly on: Operation | 'any'
  /** Part of the object's name. */
  readonly name?: string
  /** From which matching request on, counted from 1. Default 1. */
  readonly nth?: number
  /** How many. Default 1. */
  readonly times?: number
  readonly fault: Fault
}

/** Which request gets which fault. */
export interface FaultPlan {
  add(rules: readonly FaultRule[]): void
  clear(): void
  /** The fault for a request that has just begun. */
  next(operation: Operation, name: string): Fault | undefined
}

export function faultPlan(initial: readonly FaultRule[] = []): FaultPlan {
  let counted = initial.map((rule) => ({ rule, seen: 0 }))
  return {
    add: (rules) => {
      counted.push(...rules.map((rule) => ({ rule, seen: 0 })))
    },
    clear: () => {
      counted = []
    },
    next: (operation, name) => {
      let fault: Fault | undefined
      for (const each of counted) {
        const { on, name: part = '', nth = 1, times = 1 } = each.rule
        if ((on !== 'any' && on !== operation) || !name.includes(part)) continue
        each.seen++
        if (each.seen >= nth && each.seen < nth + times) fault ??= each.rule.fault
      }
      return fault
    },
  }
}
