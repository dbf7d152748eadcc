import { type Code, i64 } from '../core/wasm.ts'

/** A 64-bit value with its upper half laid over the lower one. */
export const folded = (x: Code): Code => i64.xor(x, i64.shr(x, i64.of(32n)))

/** The kernel's functions by their numbers. */
export const FUNCTION = { odd: 0, mixed: 1, textHash: 2, same: 3, days: 4, micros: 5, value: 6 } as const
