// A number that loses digits as a double has a run of so many digits and points, but for whole ones, which DuckDB keeps.
const LONG = 17

function isDigitOrPoint(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || byte === 0x2e)
}

const isNumberByte = (byte: number | undefined): boolean =>
  isDigitOrPoint(byte) || byte === 0x2d || byte === 0x2b || byte === 0x65 || byte === 0x45

export interface NumberKeeper {
  /** The bytes to write for these. */
  next(chunk: Uint8Array, last: boolean): Uint8Array[]
  /** Whether a number was put into quotes so far. */
  readonly changed: boolean
}

export interface NumberKeeperOptions {
  /** At which depth the rows' keys stand: 1 for an object a line, 2 for an array of objects. */
  readonly depth: 1 | 2
  /** Columns whose long numbers become texts, so that no digit is lost. */
  readonly quote: ReadonlySet<string>
  /** Columns whose numbers stay numbers: one that a double does not hold is given to `refuse`. */
  readonly keep: ReadonlySet<string>
  refuse(column: string, number: string): never
}

/**
 * Puts the long numbers of some columns of a JSON text into quotes: DuckDB reads every JSON number with a point as a double, and so loses digits without a word. Works chunk by chunk on
 * bytes, since the text has no structure yet; JSON that is malformed goes through for DuckDB to refuse.
 */
export function numberKeeper({ depth: rowDepth, quote, keep, refuse }: NumberKeeperOptions): NumberKeeper {
  let depth = 0
  let inString = false
  let keyNext = false
  let column: string | undefined
  let carry: Uint8Array = new Uint8Array()
  let changed = false

  function next(chunk: Uint8Array, last: boolean): Uint8Array[] {
    const bytes = carry.length > 0 ? Buffer.concat([carry, chunk]) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const out: Uint8Array[] = []
    let from = 0
    let i = 0
    while (i < bytes.length) {
      const byte = bytes[i]
      if (inString) {
        const end = stringEnd(bytes, i)
        if (end < 0) {
          // An escape may be cut in two: what follows the last whole one waits.
          i = safeEnd(bytes, i)
          break
        }
        inString = false
        i = end + 1
      } else if (byte === 0x22) {
        if (keyNext && depth === rowDepth) {
          const end = stringEnd(bytes, i + 1)
          if (end < 0) break
          column = keyOf(bytes.toString('utf8', i, end + 1))
          keyNext = false
          i = end + 1
        } else {
          inString = true
          i++
        }
      } else if (byte === 0x2d || isDigitOrPoint(byte)) {
        let end = i + 1
        while (isNumberByte(bytes[end])) end++
        if (end === bytes.length && !last) break
        if (end - i >= LONG && column !== undefined) {
          const number = bytes.toString('latin1', i, end)
          if (quote.has(column)) {
            out.push(bytes.subarray(from, i), Buffer.from(`"${number}"`))
            from = end
            changed = true
          } else if (keep.has(column) && !isDouble(number)) refuse(column, number)
        }
        i = end
      } else {
        if (byte === 0x7b || byte === 0x5b) {
          depth++
          keyNext = byte === 0x7b && depth === rowDepth
        } else if (byte === 0x7d || byte === 0x5d) {
          depth--
          if (depth < rowDepth) column = undefined
        } else if (byte === 0x2c && depth === rowDepth) keyNext = true
        i++
      }
    }
    carry = last ? new Uint8Array() : Uint8Array.from(bytes.subarray(i))
    out.push(last ? bytes.subarray(from) : bytes.subarray(from, i))
    return out
  }
  return {
    next,
    get changed() {
      return changed
    },
  }
}

/** Where a JSON string that goes on at `from` ends; -1 where it does not end in these bytes. */
function stringEnd(bytes: Buffer, from: number): number {
  for (let i = from; i < bytes.length; i++) {
    if (bytes[i] === 0x5c) i++
    else if (bytes[i] === 0x22) return i
  }
  return -1
}

/** The end of the bytes, or the backslash that ends them. */
function safeEnd(bytes: Buffer, from: number): number {
  let slashes = 0
  while (bytes.length - slashes > from && bytes[bytes.length - 1 - slashes] === 0x5c) slashes++
  return bytes.length - (slashes % 2)
}

function keyOf(text: string): string | undefined {
  try {
    return String(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Whether the shortest text of the nearest double has the same value. A whole number is kept by DuckDB to its last digit. */
export function isDouble(number: string): boolean {
  if (/^-?\d+$/.test(number)) return true
  const [a, b] = [digitsOf(number), digitsOf(String(Number(number)))]
  return a.digits === b.digits && (a.digits === '' || a.exponent === b.exponent)
}

/** Significant digits without zeros at either end, and the power of ten of the last one. */
function digitsOf(number: string): { readonly digits: string; readonly exponent: number } {
  const [, whole = '', fraction = '', power = '0'] = /^[+-]?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(number) ?? []
  const all = `${whole}${fraction}`.replace(/^0+/, '')
  const digits = all.replace(/0+$/, '')
  return { digits, exponent: Number(power) - fraction.length + (all.length - digits.length) }
}
