import {
  again,
  block,
  type Code,
  call,
  either,
  i32,
  type Local,
  leave,
  leaveIf,
  loop,
  returned,
  v128,
  wasmFunction,
  when,
} from '../core/wasm.ts'
import { ascii, byte, digitsIn, increase, isDigit, n, setting } from '../core/wasm-words.ts'

/** Where the kernel has what in its memory: settings (i32), null texts (address and length of each), then what the caller puts there. */
export const AT = { delimiter: 0, quote: 4, escape: 8, columns: 12, nulls: 16, nullList: 20 } as const

/** What a column's fields have to be: anything, a date, a timestamp, or a number with so many digits behind its point at most. */
export const KIND = { any: 0, date: 1, timestamp: 2, number: (scale: number): number => 3 + scale } as const

export const all = (...conditions: readonly Code[]): Code => conditions.reduce((a, b) => i32.and(a, b))
/** One bit for each of the sixteen bytes from there that is a digit. */
const digitsAt = (address: Code): Code => v128.bits(digitsIn(v128.load(address)))

/** 1 where a field of more than sixteen bytes is of its kind. */
const long = wasmFunction(
  'long',
  { p: 'i32', length: 'i32', kind: 'i32' },
  'i32',
  { end: 'i32', digits: 'i32', behind: 'i32', points: 'i32' },
  ({ p, length, kind, end, digits, behind, points }) => [
    end.set(i32.add(p.get, length.get)),
    when(
      i32.eq(kind.get, n(KIND.timestamp)),
      // 2013-07-01 10:00:00, up to six digits behind a point
      when(i32.ne(digitsAt(p.get), n(0xdb6f)), returned(n(0))),
      when(i32.isZero(all(i32.eq(byte(p.get, 4), ascii('-')), i32.eq(byte(p.get, 7), ascii('-')))), returned(n(0))),
      when(i32.isZero(i32.or(i32.eq(byte(p.get, 10), ascii(' ')), i32.eq(byte(p.get, 10), ascii('T')))), returned(n(0))),
      when(i32.isZero(all(i32.eq(byte(p.get, 13), ascii(':')), i32.eq(byte(p.get, 16), ascii(':')))), returned(n(0))),
      when(i32.isZero(all(i32.ge(length.get, n(19)), isDigit(byte(p.get, 17)), isDigit(byte(p.get, 18)))), returned(n(0))),
      when(i32.eq(length.get, n(19)), returned(n(1))),
      when(i32.or(i32.ne(byte(p.get, 19), ascii('.')), i32.or(i32.lt(length.get, n(21)), i32.gt(length.get, n(26)))), returned(n(0))),
      increase(p, 20),
      loop(
        'fraction',
        when(i32.ge(p.get, end.get), returned(n(1))),
        when(i32.isZero(isDigit(byte(p.get))), returned(n(0))),
        increase(p),
        again('fraction'),
      ),
    ),
    when(i32.or(i32.lt(kind.get, n(KIND.number(0))), i32.gt(length.get, n(40))), returned(n(0))),
    when(i32.eq(byte(p.get), ascii('-')), increase(p)),
    block(
      'ended',
      loop(
        'number',
        leaveIf(i32.ge(p.get, end.get), 'ended'),
        either(
          isDigit(byte(p.get)),
          [increase(digits), behind.set(i32.add(behind.get, points.get))],
          [when(i32.or(i32.ne(byte(p.get), ascii('.')), points.get), returned(n(0))), points.set(n(1))],
        ),
        increase(p),
        again('number'),
      ),
    ),
    all(i32.gt(digits.get, n(0)), i32.le(behind.get, i32.sub(kind.get, n(KIND.number(0))))),
  ],
)

/** 1 where a field is one of the null texts. */
const isNull = wasmFunction(
  'isNull',
  { p: 'i32', length: 'i32' },
  'i32',
  { i: 'i32', at: 'i32', text: 'i32' },
  ({ p, length, i, at, text }) => [
    block(
      'none',
      loop(
        'text',
        leaveIf(i32.ge(i.get, setting(AT.nulls)), 'none'),
        block(
          'other',
          text.set(i32.shl(i.get, n(3))),
          leaveIf(i32.ne(i32.load(text.get, AT.nullList + 4), length.get), 'other'),
          text.set(i32.load(text.get, AT.nullList)),
          at.set(n(0)),
          loop(
            'byte',
            when(i32.ge(at.get, length.get), returned(n(1))),
            leaveIf(i32.ne(byte(i32.add(p.get, at.get)), byte(i32.add(text.get, at.get))), 'other'),
            increase(at),
            again('byte'),
          ),
        ),
        increase(i),
        again('text'),
      ),
    ),
    n(0),
  ],
)

export const fieldFunctions = [long, isNull]
/** The functions by their numbers. */
const FUNCTION = { long: 0, isNull: 1 } as const
export const DISPROVED: Code = returned(n(-1))

/** Goes on where the field of `length` bytes at `start` is of its kind, is empty, or is a null text. */
export function ofItsKind(
  of: Readonly<Record<'start' | 'length' | 'kind' | 'digits' | 'whole' | 'bits' | 'quoted', Local>>,
): readonly Code[] {
  const { start, length, kind, digits, whole, bits, quoted } = of
  // The bits of what is no digit, then.
  const others = bits
  const asNumber: readonly Code[] = [
    leaveIf(i32.isZero(all(digits.get, whole.get)), 'odd'),
    others.set(i32.xor(i32.and(digits.get, whole.get), whole.get)),
    leaveIf(i32.isZero(others.get), 'good'),
    when(all(others.get, i32.eq(byte(start.get), ascii('-'))), others.set(i32.and(others.get, n(-2)))),
    leaveIf(i32.isZero(others.get), 'good'),
    leaveIf(i32.and(others.get, i32.sub(others.get, n(1))), 'odd'),
    others.set(i32.zerosBelow(others.get)),
    leaveIf(i32.ne(byte(i32.add(start.get, others.get)), ascii('.')), 'odd'),
    leaveIf(i32.le(i32.sub(i32.sub(length.get, n(1)), others.get), i32.sub(kind.get, n(KIND.number(0)))), 'good'),
  ]
  const asDate: readonly Code[] = [
    leaveIf(i32.or(i32.ne(kind.get, n(KIND.date)), i32.ne(length.get, n(10))), 'odd'),
    leaveIf(i32.ne(i32.and(digits.get, whole.get), n(0x36f)), 'odd'),
    leaveIf(all(i32.eq(byte(start.get, 4), ascii('-')), i32.eq(byte(start.get, 7), ascii('-'))), 'good'),
  ]
  return [
    block(
      'good',
      leaveIf(i32.isZero(kind.get), 'good'),
      leaveIf(i32.isZero(length.get), 'good'),
      block(
        'odd',
        when(i32.gt(length.get, n(16)), leaveIf(call(FUNCTION.long, start.get, length.get, kind.get), 'good'), leave('odd')),
        digits.set(digitsAt(start.get)),
        whole.set(i32.sub(i32.shl(n(1), length.get), n(1))),
        either(i32.ge(kind.get, n(KIND.number(0))), asNumber, asDate),
      ),
      when(i32.isZero(quoted.get), leaveIf(call(FUNCTION.isNull, start.get, length.get), 'good')),
      DISPROVED,
    ),
  ]
}
