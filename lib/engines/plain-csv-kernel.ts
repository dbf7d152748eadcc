import {
  again,
  block,
  type Code,
  either,
  i32,
  type Local,
  leaveIf,
  loop,
  returned,
  v128,
  type WasmMemory,
  type WasmModule,
  wasmFunction,
  wasmInstance,
  wasmModule,
  when,
} from '../core/wasm.ts'
import { byte, increase, n, setting, whereAny } from '../core/wasm-words.ts'
import { AT, all, DISPROVED, fieldFunctions, ofItsKind } from './plain-csv-fields.ts'

const [LF, CR] = [0x0a, 0x0d]

/**
 * Reads whole records from `p` on, at most `limit`, whose columns are of the kinds (i32) at `kinds`. Gives where the first record that was not read begins; -1 where a field is not of its kind, or where readers of CSV
 * might part fields differently: a quote inside, something behind one, an escape for what needs none, a carriage return alone, another number of fields. 16 bytes behind `end` may be read.
 */
const scan = wasmFunction(
  'scan',
  { p: 'i32', end: 'i32', limit: 'i32', kinds: 'i32' },
  'i32',
  {
    record: 'i32',
    start: 'i32',
    stop: 'i32',
    length: 'i32',
    quoted: 'i32',
    column: 'i32',
    last: 'i32',
    kind: 'i32',
    bits: 'i32',
    digits: 'i32',
    whole: 'i32',
    c: 'i32',
    quote: 'i32',
    escape: 'i32',
    sixteen: 'v128',
    delimiters: 'v128',
    quotes: 'v128',
    escapes: 'v128',
    lineFeeds: 'v128',
    returns: 'v128',
  },
  (of) => {
    const { p, end, limit, kinds, record, start, stop, length, quoted, column, last, kind, bits, c, quote, escape: escaper } = of
    const { sixteen, delimiters, quotes, escapes, lineFeeds, returns } = of
    const notWhole: Code = returned(record.get)
    // Sixteen bytes at once, up to the first that is one of these, which may lie behind the end.
    const seek = (...specials: readonly Local[]): readonly Code[] => [
      block(
        'found',
        loop(
          'seek',
          when(i32.ge(stop.get, end.get), notWhole),
          sixteen.set(v128.load(stop.get)),
          bits.set(whereAny(sixteen.get, specials)),
          leaveIf(bits.get, 'found'),
          increase(stop, 16),
          again('seek'),
        ),
      ),
      stop.set(i32.add(stop.get, i32.zerosBelow(bits.get))),
    ]
    const unquotedEnd: readonly Code[] = [
      start.set(p.get),
      stop.set(p.get),
      quoted.set(n(0)),
      ...seek(lineFeeds, returns, quotes, escapes, delimiters),
      when(i32.ge(stop.get, end.get), notWhole),
      length.set(i32.sub(stop.get, p.get)),
    ]
    const quotedEnd: readonly Code[] = [
      start.set(i32.add(p.get, n(1))),
      stop.set(start.get),
      quoted.set(n(1)),
      block(
        'closed',
        loop(
          'inside',
          ...seek(quotes, escapes),
          when(i32.ge(i32.add(stop.get, n(1)), end.get), notWhole),
          c.set(byte(stop.get, 1)),
          either(
            i32.eq(quote.get, escaper.get),
            [leaveIf(i32.ne(c.get, quote.get), 'closed')],
            [
              leaveIf(i32.eq(byte(stop.get), quote.get), 'closed'),
              when(all(i32.ne(c.get, quote.get), i32.ne(c.get, escaper.get)), DISPROVED),
            ],
          ),
          increase(stop, 2),
          again('inside'),
        ),
      ),
      length.set(i32.sub(stop.get, start.get)),
      increase(stop),
    ]
    return [
      last.set(i32.sub(setting(AT.columns), n(1))),
      quote.set(setting(AT.quote)),
      escaper.set(setting(AT.escape)),
      delimiters.set(v128.of(setting(AT.delimiter))),
      quotes.set(v128.of(quote.get)),
      escapes.set(v128.of(escaper.get)),
      lineFeeds.set(v128.of(n(LF))),
      returns.set(v128.of(n(CR))),
      loop(
        'record',
        record.set(p.get),
        when(i32.isZero(limit.get), notWhole),
        column.set(n(0)),
        loop(
          'field',
          when(i32.ge(p.get, end.get), notWhole),
          either(i32.eq(byte(p.get), quote.get), quotedEnd, unquotedEnd),
          kind.set(i32.load(i32.add(kinds.get, i32.shl(column.get, n(2))))),
          ...ofItsKind(of),
          c.set(byte(stop.get)),
          when(
            i32.eq(c.get, setting(AT.delimiter)),
            when(i32.ge(column.get, last.get), DISPROVED),
            p.set(i32.add(stop.get, n(1))),
            increase(column),
            again('field'),
          ),
        ),
        when(i32.eq(c.get, n(CR)), increase(stop), when(i32.ge(stop.get, end.get), notWhole), c.set(byte(stop.get))),
        when(i32.or(i32.ne(c.get, n(LF)), i32.ne(column.get, last.get)), DISPROVED),
        p.set(i32.add(stop.get, n(1))),
        increase(limit, -1),
        again('record'),
      ),
      n(-1),
    ]
  },
)

export interface PlainCsvKernel {
  /** As `scan` above. */
  scan(from: number, end: number, limit: number, kinds: number): number
}

let compiled: WasmModule | undefined

/** The kernel on a memory, compiled once in a process. */
export function plainCsvKernel(memory: WasmMemory): PlainCsvKernel {
  compiled ??= wasmModule([], [...fieldFunctions, scan])
  return wasmInstance<PlainCsvKernel>(compiled, { memory })
}
