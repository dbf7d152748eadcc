import { type Code, i32, type Local, v128 } from './wasm.ts'

/** Words that our kernels are written in, above WebAssembly's own. */
export const n = i32.of
/** A number that the caller has put down at a fixed address. */
export const setting = (at: number): Code => i32.load(n(0), at)
export const byte = (address: Code, offset = 0): Code => i32.load8(address, offset)
export const ascii = (character: string): Code => n(character.charCodeAt(0))
export const isDigit = (of: Code): Code => i32.lt(i32.sub(of, ascii('0')), n(10))
export const increase = (of: Local, by = 1): Code => of.set(i32.add(of.get, n(by)))
export const anyOf = (conditions: readonly Code[]): Code => conditions.reduce((a, b) => i32.or(a, b))

/** Of sixteen bytes those that are digits, as bytes of ones. */
export const digitsIn = (sixteen: Code): Code => v128.below(v128.sub(sixteen, v128.of(ascii('0'))), v128.of(n(10)))
/** Of sixteen bytes one bit for each that is one of these, of which each fills a vector. */
export const whereAny = (sixteen: Code, specials: readonly Local[]): Code =>
  v128.bits(specials.map((each) => v128.eq(sixteen, each.get)).reduce((a, b) => v128.or(a, b)))
