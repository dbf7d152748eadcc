import { type Code, i32, i64, type Local } from '../core/wasm.ts'

/** Words that the kernel of the CSV reader is written in. */
export const n = i32.of
export const setting = (at: number): Code => i32.load(n(0), at)
export const byte = (address: Code, offset = 0): Code => i32.load8(address, offset)
export const increase = (of: Local, by = 1): Code => of.set(i32.add(of.get, n(by)))
export const folded = (x: Code): Code => i64.xor(x, i64.shr(x, i64.of(32n)))
export const anyOf = (conditions: readonly Code[]): Code => conditions.reduce((a, b) => i32.or(a, b))

/** The kernel's functions by their numbers. */
export const FUNCTION = { odd: 0, mixed: 1, textHash: 2, same: 3, days: 4, micros: 5, value: 6 } as const
