import { again, againIf, block, type Code, call, either, i32, i64, leaveIf, loop, returned, wasmFunction, when } from '../core/wasm.ts'
import { anyOf, byte, increase, n, setting } from '../core/wasm-words.ts'
import { FUNCTION, folded } from './csv-code.ts'
import { AT, COLUMN, KIND, MIX, STATE, TEXT_LENGTH, TEXT_SEED } from './csv-memory.ts'

const NO_DATE = -0x80000000
const [MINUS, PLUS, FULL_STOP, ZERO, COLON, CAPITAL_T, CAPITAL_Z] = [0x2d, 0x2b, 0x2e, 0x30, 0x3a, 0x54, 0x5a]

const digit = (address: Code, offset = 0): Code => i32.sub(byte(address, offset), n(ZERO))

/** DuckDB's hash of a 64-bit value. */
const mixed = wasmFunction('mixed', { x: 'i64' }, 'i64', {}, ({ x }) => [
  x.set(i64.mul(folded(x.get), i64.of(MIX))),
  x.set(i64.mul(folded(x.get), i64.of(MIX))),
  folded(x.get),
])

/** DuckDB's hash of a text. Reads up to 7 bytes beyond it, and drops them. */
const textHash = wasmFunction('textHash', { p: 'i32', bytes: 'i32' }, 'i64', { h: 'i64' }, ({ p, bytes, h }) => {
  const rest: Code = i64.sub(i64.shl(i64.of(1n), i64.unsigned(i32.shl(bytes.get, n(3)))), i64.of(1n))
  return [
    h.set(i64.xor(i64.of(TEXT_SEED), i64.mul(i64.unsigned(bytes.get), i64.of(TEXT_LENGTH)))),
    block(
      'blocks',
      loop(
        'block',
        leaveIf(i32.lt(bytes.get, n(8)), 'blocks'),
        h.set(i64.mul(i64.xor(h.get, i64.load(p.get)), i64.of(MIX))),
        increase(p, 8),
        increase(bytes, -8),
        again('block'),
      ),
    ),
    when(bytes.get, h.set(i64.mul(i64.xor(h.get, i64.and(i64.load(p.get), rest)), i64.of(MIX)))),
    call(FUNCTION.mixed, h.get),
  ]
})

/** Whether two stretches of so many bytes are equal. */
const same = wasmFunction('same', { a: 'i32', b: 'i32', bytes: 'i32' }, 'i32', {}, ({ a, b, bytes }) => {
  return [
    block(
      'equal',
      loop(
        'byte',
        leaveIf(i32.isZero(bytes.get), 'equal'),
        when(i32.ne(byte(a.get), byte(b.get)), returned(n(0))),
        increase(a),
        increase(b),
        increase(bytes, -1),
        again('byte'),
      ),
    ),
    n(1),
  ]
})

/** Days since 1970 of `2018-02-04`; NO_DATE where that is none of the years 1 to 9999, and for the 29th of February, which needs a closer look. */
const days = wasmFunction('days', { p: 'i32' }, 'i32', { y: 'i32', m: 'i32', d: 'i32', bad: 'i32' }, ({ p, y, m, d, bad }) => {
  const era: Code = i32.div(y.get, n(400))
  const yearOfEra: Code = i32.sub(y.get, i32.mul(era, n(400)))
  const monthFromMarch: Code = i32.add(m.get, i32.sub(n(9), i32.mul(i32.gt(m.get, n(2)), n(12))))
  const dayOfYear: Code = i32.add(i32.div(i32.add(i32.mul(monthFromMarch, n(153)), n(2)), n(5)), i32.sub(d.get, n(1)))
  const leaps: Code = i32.sub(i32.div(yearOfEra, n(4)), i32.div(yearOfEra, n(100)))
  const digits = [0, 1, 2, 3, 5, 6, 8, 9].map((at) => i32.gt(digit(p.get, at), n(9)))
  const dashes = [4, 7].map((at) => i32.ne(byte(p.get, at), n(MINUS)))
  const number = (...at: readonly number[]): Code =>
    at.map((each) => digit(p.get, each)).reduce((sum, each) => i32.add(i32.mul(sum, n(10)), each))
  return [
    bad.set(anyOf([...digits, ...dashes])),
    y.set(number(0, 1, 2, 3)),
    m.set(number(5, 6)),
    d.set(number(8, 9)),
    bad.set(i32.or(bad.get, i32.or(i32.isZero(y.get), i32.gt(i32.sub(m.get, n(1)), n(11))))),
    when(bad.get, returned(n(NO_DATE))),
    when(i32.ge(i32.sub(d.get, n(1)), byte(m.get, AT.monthDays - 1)), returned(n(NO_DATE))),
    y.set(i32.sub(y.get, i32.lt(m.get, n(3)))),
    i32.add(i32.sub(i32.mul(era, n(146_097)), n(719_468)), i32.add(i32.add(i32.mul(yearOfEra, n(365)), leaps), dayOfYear)),
  ]
})

/** Microseconds of a day of `05:06:07`; -1 where it is none. */
const micros = wasmFunction('micros', { p: 'i32' }, 'i64', {}, ({ p }) => {
  const digits = [0, 1, 3, 4, 6, 7].map((at) => i32.gt(digit(p.get, at), n(9)))
  const colons = [2, 5].map((at) => i32.ne(byte(p.get, at), n(COLON)))
  const number = (at: number): Code => i32.add(i32.mul(digit(p.get, at), n(10)), digit(p.get, at + 1))
  const beyond = [i32.gt(number(0), n(23)), i32.gt(number(3), n(59)), i32.gt(number(6), n(59))]
  const seconds: Code = i32.add(i32.mul(i32.add(i32.mul(number(0), n(60)), number(3)), n(60)), number(6))
  return [when(anyOf([...digits, ...colons, ...beyond]), returned(i64.of(-1n))), i64.mul(i64.unsigned(seconds), i64.of(1_000_000n))]
})

/** The hash of a value that is not NULL, by its column's kind; what is not in the form that most values have is left to `odd`. */
const value = wasmFunction(
  'value',
  { column: 'i32', p: 'i32', bytes: 'i32' },
  'i64',
  { kind: 'i32', at: 'i32', end: 'i32', minus: 'i32', dot: 'i32', v: 'i64', part: 'i64' },
  ({ column, p, bytes, kind, at, end, minus, dot, v, part }) => {
    const odd = returned(call(FUNCTION.odd, column.get, p.get, bytes.get))
    const oddWhen = (condition: Code): Code => when(condition, odd)
    const is = (of: number): Code => i32.eq(kind.get, n(of))
    const digits: Code = i32.sub(i32.sub(end.get, at.get), i32.ne(dot.get, end.get))
    const number: readonly Code[] = [
      end.set(i32.add(p.get, bytes.get)),
      minus.set(i32.eq(byte(p.get), n(MINUS))),
      at.set(i32.add(p.get, minus.get)),
      dot.set(end.get),
      when(
        i32.load(column.get, COLUMN.scale),
        dot.set(i32.sub(end.get, i32.add(i32.load(column.get, COLUMN.scale), n(1)))),
        // DuckDB writes no zero before the point where a type has no digits there.
        oddWhen(i32.gt(at.get, dot.get)),
        oddWhen(i32.ne(byte(dot.get), setting(AT.point))),
      ),
      oddWhen(i32.gt(i32.sub(i32.sub(end.get, at.get), n(1)), n(18))),
      // Neither -0 nor 007: nobody writes such numbers.
      when(
        i32.eq(byte(at.get), n(ZERO)),
        oddWhen(i32.gt(i32.sub(dot.get, at.get), n(1))),
        oddWhen(i32.and(minus.get, i32.eq(dot.get, end.get))),
      ),
      either(
        i32.lt(digits, n(9)),
        [
          v.set(i64.load(i32.sub(end.get, n(8)))),
          when(
            i32.ne(dot.get, end.get),
            part.set(i64.shl(i64.of(-1n), i64.unsigned(i32.sub(n(64), i32.shl(i32.load(column.get, COLUMN.scale), n(3)))))),
            v.set(i64.xor(i64.load(i32.sub(end.get, n(9))), i64.and(i64.xor(v.get, i64.load(i32.sub(end.get, n(9)))), part.get))),
          ),
          part.set(i64.unsigned(i32.sub(n(64), i32.shl(digits, n(3))))),
          v.set(i64.shl(i64.shr(i64.xor(v.get, i64.of(0x3030303030303030n)), part.get), part.get)),
          when(
            i32.isZero(i64.isZero(i64.and(i64.or(i64.add(v.get, i64.of(0x7676767676767676n)), v.get), i64.of(0x8080808080808080n)))),
            odd,
          ),
          v.set(i64.add(i64.mul(v.get, i64.of(10n)), i64.shr(v.get, i64.of(8n)))),
          v.set(
            i64.shr(
              i64.add(
                i64.mul(i64.and(v.get, i64.of(0x000000ff000000ffn)), i64.of(0x000f424000000064n)),
                i64.mul(i64.and(i64.shr(v.get, i64.of(16n)), i64.of(0x000000ff000000ffn)), i64.of(0x0000271000000001n)),
              ),
              i64.of(32n),
            ),
          ),
        ],
        [
          loop(
            'digit',
            when(
              i32.ne(at.get, dot.get),
              oddWhen(i32.gt(digit(at.get), n(9))),
              v.set(i64.add(i64.mul(v.get, i64.of(10n)), i64.unsigned(digit(at.get)))),
            ),
            increase(at),
            againIf(i32.lt(at.get, end.get), 'digit'),
          ),
        ],
      ),
      // Beyond 63 bits.
      when([...i64.shr(v.get, i64.of(63n)), 0xa7], odd),
      when(minus.get, v.set(i64.sub(i64.of(0n), v.get))),
      returned(call(FUNCTION.mixed, v.get)),
    ]
    const instant: readonly Code[] = [
      end.set(i32.add(p.get, bytes.get)),
      oddWhen(i32.lt(bytes.get, n(19))),
      dot.set(call(FUNCTION.days, p.get)),
      part.set(call(FUNCTION.micros, i32.add(p.get, n(11)))),
      oddWhen(i32.eq(dot.get, n(NO_DATE))),
      oddWhen(i64.eq(part.get, i64.of(-1n))),
      oddWhen(i32.ne(byte(p.get, 10), n(CAPITAL_T))),
      v.set(i64.add(i64.mul(i64.signed(dot.get), i64.of(86_400_000_000n)), part.get)),
      // From here on `end` is that of the fraction.
      when(
        is(KIND.timestamptz),
        increase(end, -1),
        when(
          i32.ne(byte(end.get), n(CAPITAL_Z)),
          increase(end, -5),
          oddWhen(i32.lt(i32.sub(end.get, p.get), n(19))),
          // Only what every zone has had since 1972, hours and minutes.
          oddWhen(i32.ne(byte(end.get, 3), n(COLON))),
          oddWhen(anyOf([1, 2, 4, 5].map((each) => i32.gt(digit(end.get, each), n(9))))),
          part.set(
            i64.mul(
              i64.unsigned(
                i32.add(
                  i32.mul(i32.add(i32.mul(digit(end.get, 1), n(10)), digit(end.get, 2)), n(60)),
                  i32.add(i32.mul(digit(end.get, 4), n(10)), digit(end.get, 5)),
                ),
              ),
              i64.of(60_000_000n),
            ),
          ),
          either(
            i32.eq(byte(end.get), n(MINUS)),
            [v.set(i64.add(v.get, part.get))],
            [oddWhen(i32.ne(byte(end.get), n(PLUS))), v.set(i64.sub(v.get, part.get))],
          ),
        ),
      ),
      at.set(i32.add(p.get, n(19))),
      when(
        i32.ne(at.get, end.get),
        oddWhen(i32.ne(byte(at.get), n(FULL_STOP))),
        oddWhen(i32.gt(i32.sub(i32.sub(end.get, at.get), n(2)), n(5))),
        // Nobody writes a fraction longer than it needs.
        oddWhen(i32.eq(byte(i32.sub(end.get, n(1))), n(ZERO))),
        part.set(i64.of(0n)),
        minus.set(n(6)),
        loop(
          'fraction',
          increase(at),
          oddWhen(i32.gt(digit(at.get), n(9))),
          part.set(i64.add(i64.mul(part.get, i64.of(10n)), i64.unsigned(digit(at.get)))),
          increase(minus, -1),
          againIf(i32.lt(i32.add(at.get, n(1)), end.get), 'fraction'),
        ),
        block(
          'scaled',
          loop(
            'scale',
            leaveIf(i32.isZero(minus.get), 'scaled'),
            part.set(i64.mul(part.get, i64.of(10n))),
            increase(minus, -1),
            again('scale'),
          ),
        ),
        v.set(i64.add(v.get, part.get)),
      ),
      returned(call(FUNCTION.mixed, v.get)),
    ]
    const isText = (text: number, length: number): Code =>
      i32.and(
        i32.eq(bytes.get, setting(length)),
        call(FUNCTION.same, p.get, setting(text), i32.mul(bytes.get, i32.eq(bytes.get, setting(length)))),
      )
    return [
      kind.set(i32.load(column.get, COLUMN.kind)),
      when(
        i32.isZero(kind.get),
        when(i32.isZero(bytes.get), i32.store(column.get, n(STATE.empty), COLUMN.state)),
        returned(call(FUNCTION.textHash, p.get, bytes.get)),
      ),
      when(i32.le(kind.get, n(KIND.decimal)), ...number),
      when(
        is(KIND.date),
        oddWhen(i32.ne(bytes.get, n(10))),
        dot.set(call(FUNCTION.days, p.get)),
        oddWhen(i32.eq(dot.get, n(NO_DATE))),
        returned(call(FUNCTION.mixed, i64.unsigned(dot.get))),
      ),
      when(
        is(KIND.boolean),
        when(isText(AT.yesText, AT.yesBytes), returned(call(FUNCTION.mixed, i64.of(1n)))),
        when(isText(AT.noText, AT.noBytes), returned(call(FUNCTION.mixed, i64.of(0n)))),
        odd,
      ),
      ...instant,
      i64.of(0n),
    ]
  },
)

/** In the order of their numbers. */
export const valueFunctions = [mixed, textHash, same, days, micros, value]
