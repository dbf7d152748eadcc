import { reused } from '../core/reuse.ts'
import {
  again,
  block,
  type Code,
  either,
  i32,
  leaveIf,
  loop,
  PAGE_BYTES,
  returned,
  v128,
  type WasmModule,
  wasmFunction,
  wasmInstance,
  wasmMemory,
  wasmModule,
  when,
} from '../core/wasm.ts'
import { anyOf, ascii, byte, digitsIn, increase, isDigit, n } from '../core/wasm-words.ts'

const CHUNK_BYTES = 2 ** 20

/**
 * Looks for a run of many digits, points and underscores in bytes that come in pieces. A number that loses digits as a double has one of 17, and of 16 where it is whole; a double holds every number of 15 digits: with a point 16 bytes.
 */
export interface LongNumberFinder extends Disposable {
  /** Bytes that are read into it need not be copied. Another finder's after the end of this one. */
  readonly buffer: Buffer
  /** Whether such a run ends in these bytes; it may have begun in those before. */
  foundIn(bytes: Uint8Array): boolean
}

interface Kernel {
  /** How long the run is that reaches from before `p`, where it has `run` bytes already, to `end`; -1 where one of `length` is found. */
  run(p: number, end: number, length: number, run: number): number
}

type Finder = { readonly buffer: Buffer; readonly kernel: Kernel }

/** Sixteen bytes at once: bits are bytes, the lowest the first. */
const run = wasmFunction(
  'run',
  { p: 'i32', end: 'i32', length: 'i32', run: 'i32' },
  'i32',
  { rest: 'i32', sixteen: 'v128' },
  ({ p, end, length, run, rest, sixteen }) => {
    const are = (character: string) => v128.eq(sixteen.get, v128.of(ascii(character)))
    const others = i32.xor(v128.bits(v128.or(digitsIn(sixteen.get), v128.or(are('.'), are('_')))), n(0xffff))
    const found: Code = returned(n(-1))
    const here = byte(p.get)
    const isHere = anyOf([isDigit(here), i32.eq(here, ascii('.')), i32.eq(here, ascii('_'))])
    return [
      block(
        'blocks',
        loop(
          'block',
          leaveIf(i32.gt(i32.add(p.get, n(16)), end.get), 'blocks'),
          sixteen.set(v128.load(p.get)),
          rest.set(others),
          // What is longer than fifteen bytes touches an end of sixteen.
          when(i32.ge(i32.add(run.get, i32.zerosBelow(i32.or(rest.get, n(0x10000)))), length.get), found),
          either(i32.isZero(rest.get), [increase(run, 16)], [run.set(i32.zerosAbove(i32.shl(rest.get, n(16))))]),
          increase(p, 16),
          again('block'),
        ),
      ),
      block(
        'bytes',
        loop(
          'byte',
          leaveIf(i32.ge(p.get, end.get), 'bytes'),
          either(isHere, [increase(run)], [run.set(n(0))]),
          when(i32.ge(run.get, length.get), found),
          increase(p),
          again('byte'),
        ),
      ),
      run.get,
    ]
  },
)

let compiled: WasmModule | undefined
const finders = reused<Finder>()

function newFinder(): Finder {
  compiled ??= wasmModule([], [run])
  const memory = wasmMemory(CHUNK_BYTES / PAGE_BYTES)
  return { buffer: Buffer.from(memory.buffer), kernel: wasmInstance<Kernel>(compiled, { memory }) }
}

/** A finder of runs of `length` bytes, at least 16. */
export function longNumberFinder(length: number): LongNumberFinder {
  const finder = finders.take(newFinder)
  const { buffer, kernel } = finder
  let sofar = 0
  const foundAt = (start: number, end: number): boolean => {
    sofar = kernel.run(start, end, length, Math.max(sofar, 0))
    return sofar < 0
  }
  return {
    buffer,
    foundIn: (bytes) => {
      if (bytes.buffer === buffer.buffer) return foundAt(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
      for (let at = 0; at < bytes.length; at += buffer.length) {
        const piece = bytes.subarray(at, at + buffer.length)
        buffer.set(piece)
        if (foundAt(0, piece.length)) return true
      }
      return false
    },
    [Symbol.dispose]: () => finders.giveBack(finder),
  }
}
