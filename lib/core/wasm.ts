/**
 * Builds WebAssembly modules out of expressions: what JavaScript has no words for (64-bit arithmetic over bytes) without a compiler, a package or a binary in the repository. Only what our kernels need.
 * An expression is its bytes in stack order; labels become depths when a function is closed.
 */
export type Code = readonly (number | Mark)[]

type Mark = { readonly open: string } | { readonly close: true } | { readonly to: string }

export type ValueType = 'i32' | 'i64' | 'v128'

const TYPES = { i32: 0x7f, i64: 0x7e, v128: 0x7b } as const
const EMPTY = 0x40

const flat = (parts: readonly Code[]): Code => parts.flat()
const two =
  (opcode: number) =>
  (a: Code, b: Code): Code => [...a, ...b, opcode]
const one =
  (opcode: number) =>
  (a: Code): Code => [...a, opcode]
/** `offset` is added to the address. Not aligned: alignment is a hint only. */
const load =
  (opcode: number) =>
  (address: Code, offset = 0): Code => [...address, opcode, 0, ...unsigned(offset)]
const store =
  (opcode: number) =>
  (address: Code, value: Code, offset = 0): Code => [...address, ...value, opcode, 0, ...unsigned(offset)]

export const i32 = {
  of: (value: number): Code => [0x41, ...signed(BigInt(value))],
  isZero: one(0x45),
  zerosAbove: one(0x67),
  zerosBelow: one(0x68),
  eq: two(0x46),
  ne: two(0x47),
  lt: two(0x49),
  gt: two(0x4b),
  le: two(0x4d),
  ge: two(0x4f),
  add: two(0x6a),
  sub: two(0x6b),
  mul: two(0x6c),
  div: two(0x6e),
  and: two(0x71),
  or: two(0x72),
  xor: two(0x73),
  shl: two(0x74),
  shr: two(0x76),
  load: load(0x28),
  load8: load(0x2d),
  store: store(0x36),
  store8: store(0x3a),
} as const

export const i64 = {
  of: (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))],
  isZero: one(0x50),
  eq: two(0x51),
  add: two(0x7c),
  sub: two(0x7d),
  mul: two(0x7e),
  and: two(0x83),
  or: two(0x84),
  xor: two(0x85),
  shl: two(0x86),
  shr: two(0x88),
  load: load(0x29),
  store: store(0x37),
  /** From an i32, its sign kept. */
  signed: one(0xac),
  /** From an i32 without a sign. */
  unsigned: one(0xad),
} as const

/** Sixteen bytes at once. */
export const v128 = {
  load: (address: Code): Code => [...address, 0xfd, 0x00, 0, 0],
  /** One byte, sixteen times. */
  of: (value: Code): Code => [...value, 0xfd, 0x0f],
  /** All bits of the bytes that are equal. */
  eq: (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x23],
  /** All bits of the bytes that are less, without a sign. */
  below: (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x26],
  sub: (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x71],
  or: (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x50],
  /** One bit for each byte, as i32. */
  bits: (value: Code): Code => [...value, 0xfd, 0x64],
} as const

/** A function's argument or local variable. */
export interface Local {
  readonly get: Code
  set(value: Code): Code
}

const local = (index: number): Local => ({ get: [0x20, index], set: (value) => [...value, 0x21, index] })

export const returned = (value: Code): Code => [...value, 0x0f]
export const call = (index: number, ...args: readonly Code[]): Code => [...flat(args), 0x10, index]
export const when = (condition: Code, ...then: readonly Code[]): Code => [
  ...condition,
  0x04,
  EMPTY,
  { open: '' },
  ...flat(then),
  { close: true },
]
/** `otherwise` runs where the condition does not hold. */
export const either = (condition: Code, then: readonly Code[], otherwise: readonly Code[]): Code => [
  ...condition,
  ...[0x04, EMPTY, { open: '' }],
  ...flat(then),
  0x05,
  ...flat(otherwise),
  { close: true },
]
/** `leave(label)` inside goes to its end. */
export const block = (label: string, ...body: readonly Code[]): Code => [0x02, EMPTY, { open: label }, ...flat(body), { close: true }]
/** `again(label)` inside goes to its begin; without one it ends. */
export const loop = (label: string, ...body: readonly Code[]): Code => [0x03, EMPTY, { open: label }, ...flat(body), { close: true }]
export const leave = (label: string): Code => [0x0c, { to: label }]
export const again = leave
export const leaveIf = (condition: Code, label: string): Code => [...condition, 0x0d, { to: label }]
export const againIf = leaveIf

export const PAGE_BYTES = 2 ** 16

export interface WasmMemory {
  /** Another one after each `grow`. */
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

export interface WasmModule {
  readonly [Symbol.toStringTag]: string
}

// What TypeScript knows of it stands among the types of browsers.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => WasmModule
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => WasmMemory
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown }
}

/** What a caller knows of a function. */
export interface Signature {
  readonly name: string
  readonly args: readonly ValueType[]
  readonly gives: ValueType
}

export interface WasmFunction extends Signature {
  /** Types of the local variables, numbered after the arguments. */
  readonly locals: readonly ValueType[]
  readonly body: Code
}

/** A function of these arguments, local variables (zero at first) and body, whose last expression is what it gives. */
export function wasmFunction<A extends string, L extends string = never>(
  name: string,
  args: Readonly<Record<A, ValueType>>,
  gives: ValueType,
  locals: Readonly<Record<L, ValueType>>,
  body: (of: Readonly<Record<A | L, Local>>) => readonly Code[],
): WasmFunction {
  const types: Readonly<Record<string, ValueType>> = { ...args, ...locals }
  const of = Object.fromEntries(Object.keys(types).map((each, i) => [each, local(i)])) as Record<A | L, Local>
  return { name, args: Object.values(args), gives, locals: Object.values(locals), body: flat(body(of)) }
}

/** A module that imports `memory` and `imports` from `env`, whose functions are numbered first, and exports its functions by name. */
export function wasmModule(imports: readonly Signature[], functions: readonly WasmFunction[]): WasmModule {
  const all = [...imports, ...functions]
  const types = all.map(({ args, gives }) => [0x60, ...vector(args.map((each) => [TYPES[each]])), 1, TYPES[gives]])
  const imported = [
    [...text('env'), ...text('memory'), 0x02, 0x00, 0x01],
    ...imports.map(({ name }, i) => [...text('env'), ...text(name), 0x00, ...unsigned(i)]),
  ]
  const bodies = functions.map(({ locals, body }) => {
    const declared = vector(locals.map((each) => [1, TYPES[each]]))
    const code = [...declared, ...resolved(body), 0x0b]
    return [...unsigned(code.length), ...code]
  })
  const bytes = [
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector(imported)),
    ...section(3, vector(functions.map((_, i) => unsigned(imports.length + i)))),
    ...section(7, vector(functions.map(({ name }, i) => [...text(name), 0x00, ...unsigned(imports.length + i)]))),
    ...section(10, vector(bodies)),
  ]
  return new WebAssembly.Module(Uint8Array.from(bytes))
}

/** A memory of so many pages, which may grow to 4 GiB. */
export function wasmMemory(pages: number): WasmMemory {
  return new WebAssembly.Memory({ initial: pages, maximum: PAGE_BYTES })
}

/** A module at work, with its exported functions. */
export function wasmInstance<E>(module: WasmModule, env: Readonly<Record<string, unknown>>): E {
  return new WebAssembly.Instance(module, { env }).exports as E
}

/** Labels as depths. */
function resolved(code: Code): number[] {
  const open: string[] = []
  return code.flatMap((each) => {
    if (typeof each === 'number') return [each]
    if ('open' in each) {
      open.push(each.open)
      return []
    }
    if ('close' in each) {
      open.pop()
      return [0x0b]
    }
    const at = open.lastIndexOf(each.to)
    if (at < 0) throw new RangeError(`no block is called "${each.to}"`)
    return unsigned(open.length - 1 - at)
  })
}

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content]
const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()]
const text = (value: string): number[] => vector([...Buffer.from(value)].map((byte) => [byte]))

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn)
  const rest = value >> 7n
  return (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40) ? [low] : [low | 0x80, ...signed(rest)]
}
