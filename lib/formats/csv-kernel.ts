import {
  again,
  againIf,
  block,
  type Code,
  call,
  either,
  i32,
  i64,
  type Local,
  leave,
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
import { FUNCTION, folded } from './csv-code.ts'
import { AT, COLUMN, FAULT, MIX, NULL_HASH, STATE } from './csv-memory.ts'
import { valueFunctions } from './csv-value-kernel.ts'

const [LF, CR] = [0x0a, 0x0d]

const add64 = (address: Code, offset: number, value: Code): Code => i64.store(address, i64.add(i64.load(address, offset), value), offset)

/**
 * Reads whole records from `p` on, at most `limit`, and gives where it stopped: at the end, before a record that is not whole, or where `fault` is set, at the byte that is one. A line feed must stand at `end`.
 */
const scan = wasmFunction(
  'scan',
  { p: 'i32', end: 'i32', limit: 'i32' },
  'i32',
  {
    record: 'i32',
    start: 'i32',
    stop: 'i32',
    column: 'i32',
    c: 'i32',
    escaped: 'i32',
    out: 'i32',
    bits: 'i32',
    delimiter: 'i32',
    quote: 'i32',
    nullBytes: 'i32',
    behindLast: 'i32',
    h: 'i64',
    r: 'i64',
    sixteen: 'v128',
    delimiters: 'v128',
    quotes: 'v128',
    escapes: 'v128',
    lineFeeds: 'v128',
    returns: 'v128',
  },
  ({
    p,
    end,
    limit,
    record,
    start,
    stop,
    column,
    c,
    escaped,
    out,
    bits,
    delimiter,
    quote,
    nullBytes,
    behindLast,
    h,
    r,
    sixteen,
    delimiters,
    quotes,
    escapes,
    lineFeeds,
    returns,
  }) => {
    const unfinished: Code = when(i32.ge(p.get, end.get), returned(record.get))
    const fault = (what: number): Code => [
      ...i32.store(n(0), n(what), AT.fault),
      ...i32.store(n(0), i32.div(i32.sub(column.get, n(AT.descriptors)), n(COLUMN.bytes)), AT.faultColumn),
      ...returned(p.get),
    ]
    // Sixteen bytes at once, up to the first that is one of these; the line feed at `end` is one of them.
    const skipTo = (...specials: readonly Local[]): Code =>
      block(
        'found',
        loop(
          'bytes',
          bits.set(whereAny(sixteen.get, specials)),
          leaveIf(bits.get, 'found'),
          increase(p, 16),
          sixteen.set(v128.load(p.get)),
          again('bytes'),
        ),
      )
    const skip = (...specials: readonly Local[]): readonly Code[] => [
      sixteen.set(v128.load(p.get)),
      skipTo(...specials),
      p.set(i32.add(p.get, i32.zerosBelow(bits.get))),
    ]
    const unquoted: readonly Code[] = [
      start.set(p.get),
      ...skip(delimiters, lineFeeds, returns, quotes),
      c.set(byte(p.get)),
      when(i32.ne(c.get, delimiter.get), unfinished, when(i32.eq(c.get, quote.get), fault(FAULT.stray))),
      stop.set(i32.sub(p.get, start.get)),
      block(
        'known',
        when(
          i32.eq(stop.get, nullBytes.get),
          when(
            call(FUNCTION.same, start.get, setting(AT.nullText), stop.get),
            h.set(i64.of(NULL_HASH)),
            i32.store(column.get, n(STATE.isNull), COLUMN.state),
            leave('known'),
          ),
        ),
        when(i32.load(column.get, COLUMN.quoted), fault(FAULT.unquoted)),
        h.set(call(FUNCTION.value, column.get, start.get, stop.get)),
      ),
    ]
    // Without escapes between, a value is where it stands; else it goes to the scratch, each escape dropped.
    const unescaped: readonly Code[] = [
      out.set(setting(AT.scratch)),
      block(
        'whole',
        loop(
          'byte',
          leaveIf(i32.ge(start.get, stop.get), 'whole'),
          when(i32.eq(byte(start.get), setting(AT.escape)), increase(start)),
          i32.store8(out.get, byte(start.get)),
          increase(start),
          increase(out),
          again('byte'),
        ),
      ),
      start.set(setting(AT.scratch)),
      stop.set(out.get),
    ]
    const quoted: readonly Code[] = [
      increase(p),
      start.set(p.get),
      escaped.set(n(0)),
      block(
        'closed',
        loop(
          'byte',
          ...skip(quotes, escapes, lineFeeds),
          unfinished,
          c.set(byte(p.get)),
          when(i32.eq(c.get, n(LF)), increase(p), again('byte')),
          when(
            i32.eq(c.get, quote.get),
            // Where the quote escapes itself, the byte behind it decides; which of the two it is may come only with more bytes.
            leaveIf(i32.ne(quote.get, setting(AT.escape)), 'closed'),
            when(i32.ge(i32.add(p.get, n(1)), end.get), returned(record.get)),
            leaveIf(i32.ne(byte(p.get, 1), quote.get), 'closed'),
          ),
          escaped.set(n(1)),
          increase(p, 2),
          unfinished,
          again('byte'),
        ),
      ),
      stop.set(p.get),
      increase(p),
      unfinished,
      c.set(byte(p.get)),
      when(escaped.get, ...unescaped),
      h.set(call(FUNCTION.value, column.get, start.get, i32.sub(stop.get, start.get))),
    ]
    const combined: Code = i64.xor(i64.mul(folded(r.get), i64.of(MIX)), h.get)
    // Sums of what the record has: nothing is added up for a record that is not whole.
    const commit: readonly Code[] = [
      add64(n(0), AT.rows, i64.of(1n)),
      add64(n(0), AT.content, call(FUNCTION.mixed, r.get)),
      column.set(n(AT.descriptors)),
      loop(
        'column',
        add64(column.get, COLUMN.sum, i64.load(column.get, COLUMN.hash)),
        c.set(i32.load(column.get, COLUMN.state)),
        when(
          c.get,
          either(
            i32.eq(c.get, n(STATE.isNull)),
            [add64(column.get, COLUMN.nulls, i64.of(1n))],
            [add64(column.get, COLUMN.empty, i64.of(1n))],
          ),
        ),
        increase(column, COLUMN.bytes),
        againIf(i32.lt(column.get, behindLast.get), 'column'),
      ),
      // The place of the record: the hashes of its key, and its number.
      when(
        setting(AT.keys),
        start.set(setting(AT.keyList)),
        stop.set(i32.add(start.get, i32.shl(setting(AT.keys), n(2)))),
        r.set(i64.load(i32.load(start.get), COLUMN.hash)),
        increase(start, 4),
        block(
          'keys',
          loop(
            'key',
            leaveIf(i32.ge(start.get, stop.get), 'keys'),
            h.set(i64.load(i32.load(start.get), COLUMN.hash)),
            r.set(combined),
            increase(start, 4),
            again('key'),
          ),
        ),
        h.set(call(FUNCTION.mixed, i64.load(n(0), AT.rows))),
        add64(n(0), AT.order, call(FUNCTION.mixed, combined)),
      ),
    ]
    return [
      i32.store8(end.get, n(LF)),
      delimiter.set(setting(AT.delimiter)),
      quote.set(setting(AT.quote)),
      nullBytes.set(setting(AT.nullBytes)),
      behindLast.set(i32.add(n(AT.descriptors), i32.mul(setting(AT.columns), n(COLUMN.bytes)))),
      delimiters.set(v128.of(delimiter.get)),
      quotes.set(v128.of(quote.get)),
      escapes.set(v128.of(setting(AT.escape))),
      lineFeeds.set(v128.of(n(LF))),
      returns.set(v128.of(n(CR))),
      loop(
        'record',
        record.set(p.get),
        unfinished,
        when(i32.isZero(limit.get), returned(p.get)),
        column.set(n(AT.descriptors)),
        r.set(i64.of(0n)),
        block(
          'ended',
          loop(
            'field',
            i32.store(column.get, n(STATE.value), COLUMN.state),
            either(i32.eq(byte(p.get), quote.get), quoted, unquoted),
            i64.store(column.get, h.get, COLUMN.hash),
            either(i32.eq(column.get, n(AT.descriptors)), [r.set(h.get)], [r.set(combined)]),
            when(
              i32.eq(c.get, delimiter.get),
              increase(p),
              increase(column, COLUMN.bytes),
              when(i32.eq(column.get, behindLast.get), fault(FAULT.tooMany)),
              unfinished,
              again('field'),
            ),
          ),
        ),
        // What stands behind a field is a line end, as the dialect has it, or a fault.
        when(setting(AT.wide), when(i32.ne(c.get, n(CR)), fault(FAULT.stray)), increase(p), unfinished, c.set(byte(p.get))),
        when(i32.ne(c.get, n(LF)), fault(FAULT.stray)),
        when(i32.ne(i32.add(column.get, n(COLUMN.bytes)), behindLast.get), fault(FAULT.tooFew)),
        increase(p),
        ...commit,
        increase(limit, -1),
        again('record'),
      ),
      n(0),
    ]
  },
)

export interface CsvKernel {
  /** As `scan` above. */
  scan(from: number, end: number, limit: number): number
}

let compiled: WasmModule | undefined

/** The kernel on a memory, compiled once in a process. `odd` gives the hash of a value in a form that is seldom, of the column whose descriptor lies there. */
export function csvKernel(memory: WasmMemory, odd: (descriptor: number, address: number, bytes: number) => bigint): CsvKernel {
  compiled ??= wasmModule([{ name: 'odd', args: ['i32', 'i32', 'i32'], gives: 'i64' }], [...valueFunctions, scan])
  return wasmInstance<CsvKernel>(compiled, { memory, odd })
}
