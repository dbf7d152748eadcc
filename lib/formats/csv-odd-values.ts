import { MIX, TEXT_LENGTH, TEXT_SEED } from './csv-memory.ts'
import type { ReadColumn, ReadDialect } from './read-dialect.ts'

const BITS = 64
const bits = (value: bigint): bigint => BigInt.asUintN(BITS, value)

/** DuckDB's hash of a 64-bit value. */
export function hashOfNumber(value: bigint): bigint {
  const once = (x: bigint) => bits((x ^ (x >> 32n)) * MIX)
  const twice = once(once(bits(value)))
  return twice ^ (twice >> 32n)
}

/** DuckDB's hash of a text. */
export function hashOfText(text: string): bigint {
  const bytes = Buffer.from(text)
  const padded = Buffer.concat([bytes, Buffer.alloc(8)])
  let hash = TEXT_SEED ^ bits(BigInt(bytes.length) * TEXT_LENGTH)
  for (let at = 0; at < bytes.length; at += 8) hash = bits((hash ^ padded.readBigUInt64LE(at)) * MIX)
  return hashOfNumber(hash)
}

/** The hash of a value that is not as most are: a number of many digits, a date before the year 1 or after 9999, infinity. undefined: no such value is written. */
export function hashOfOdd(
  text: string,
  { kind, scale = 0 }: Pick<ReadColumn, 'kind' | 'scale'>,
  { decimalPoint }: Pick<ReadDialect, 'decimalPoint'>,
): bigint | undefined {
  const value =
    kind === 'whole' || kind === 'decimal'
      ? numberOf(text, scale, decimalPoint)
      : kind === 'date'
        ? dateOf(text)
        : kind === 'boolean' || kind === 'text'
          ? undefined
          : instantOf(text, kind === 'timestamptz')
  if (value === undefined) return undefined
  return hashOfNumber(kind === 'date' ? BigInt.asUintN(32, value) : value)
}

/** The digits of a number as they are written without a choice: no plus, no zeros before it, as many decimal places as its type has. */
function numberOf(text: string, scale: number, point: string): bigint | undefined {
  const [, minus, whole = '', fraction = ''] = /^(-?)(0|[1-9]\d*|(?=[.,]))(?:[.,](\d+))?$/.exec(text) ?? []
  if (minus === undefined || fraction.length !== scale || (scale > 0 && text.at(-1 - scale) !== point)) return undefined
  const value = BigInt(`${whole}${fraction}`)
  if (minus !== '' && value === 0n) return undefined
  const signed = minus === '' ? value : -value
  return signed < -(2n ** 63n) || signed >= 2n ** 64n ? undefined : signed
}

const DATE = String.raw`(\d{4,})-(\d\d)-(\d\d)( \(BC\))?`
const FOREVER = { date: 2n ** 31n - 1n, instant: 2n ** 63n - 1n }

function dateOf(text: string): bigint | undefined {
  if (text === 'infinity' || text === '-infinity') return text === 'infinity' ? FOREVER.date : -FOREVER.date
  const days = daysOf(new RegExp(`^${DATE}$`).exec(text)?.slice(1) ?? [])
  return days === undefined || days <= -FOREVER.date || days >= FOREVER.date ? undefined : days
}

function instantOf(text: string, zoned: boolean): bigint | undefined {
  if (text === 'infinity' || text === '-infinity') return text === 'infinity' ? FOREVER.instant : -FOREVER.instant
  const zone = zoned ? String.raw`(Z|[+-]\d\d(?::\d\d)?)` : '()'
  const parts = new RegExp(String.raw`^${DATE}[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{0,5}[1-9]))?${zone}$`).exec(text)
  if (!parts) return undefined
  const [hours, minutes, seconds] = parts.slice(5, 8).map(Number)
  const days = daysOf(parts.slice(1, 5))
  if (
    days === undefined ||
    hours === undefined ||
    minutes === undefined ||
    seconds === undefined ||
    hours > 23 ||
    minutes > 59 ||
    seconds > 59
  )
    return undefined
  const [, sign, offsetHours = 0, offsetMinutes = 0] = /^([+-])(\d\d)(?::(\d\d))?$/.exec(parts[9] ?? '') ?? []
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -1 : 1)
  const minute = days * 1440n + BigInt(hours * 60 + minutes - offset)
  const instant = minute * 60_000_000n + BigInt(seconds) * 1_000_000n + BigInt((parts[8] ?? '').padEnd(6, '0'))
  return instant <= -FOREVER.instant || instant >= FOREVER.instant ? undefined : instant
}

/** Days since 1970 in the calendar that goes on without end (Howard Hinnant, chrono-compatible low-level date algorithms). */
function daysOf([year, month, day, before]: readonly (string | undefined)[]): bigint | undefined {
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  if (!(y > 0 && m >= 1 && m <= 12 && d >= 1)) return undefined
  const full = before ? 1 - y : y
  const leap = full % 4 === 0 && (full % 100 !== 0 || full % 400 === 0)
  if (d > (m === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(m) ? 30 : 31)) return undefined
  const shifted = m <= 2 ? full - 1 : full
  const era = Math.floor(shifted / 400)
  const ofEra = shifted - era * 400
  const ofYear = Math.floor((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5) + d - 1
  return BigInt(era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468)
}
