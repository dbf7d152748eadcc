import { open } from 'node:fs/promises'
import { reused } from '../core/reuse.ts'
import { PAGE_BYTES, wasmMemory } from '../core/wasm.ts'
import { AT, KIND } from './plain-csv-fields.ts'
import { type PlainCsvKernel, plainCsvKernel } from './plain-csv-kernel.ts'

/**
 * What a column's fields have to be, beside empty and the null texts: anything; a date `2013-07-01`; a timestamp without zone to the second or with up to six digits behind; a number of digits, with at most `scale` behind its point, and a minus. Forms of which every reader that
 * takes the type at all makes the same value.
 */
export type PlainKind = 'any' | 'date' | 'timestamp' | { readonly scale: number }

/** How a CSV file is written, and what its columns hold. Delimiter, quote and escape are one ASCII character each. */
export interface PlainCsv {
  readonly delimiter: string
  readonly quote: string
  readonly escape: string
  readonly header: boolean
  readonly nulls: readonly string[]
  readonly kinds: readonly PlainKind[]
}

/** Looks at a CSV file that comes piece by piece: whether each field is what its column holds, and fields are parted in no way that readers of CSV may differ in. */
export interface PlainCsvCheck extends Disposable {
  /** Where the next bytes may be put, for `filled`. */
  room(): Buffer
  /** Looks at so many bytes that were put there. False where the file is not plain: then there is nothing more to ask. */
  filled(bytes: number): boolean
  /** The same with bytes that lie elsewhere. */
  add(chunk: Uint8Array): boolean
  /** After the last. */
  end(): boolean
}

const SETTINGS_BYTES = PAGE_BYTES
/** A record that is longer is not plain. */
const BUFFER_BYTES = 2 ** 20
const BOM = Buffer.from([0xef, 0xbb, 0xbf])

type Checker = { readonly memory: Buffer; readonly kernel: PlainCsvKernel }

const checkers = reused<Checker>()

function newChecker(): Checker {
  // A page more, since sixteen bytes are looked at in one go.
  const memory = wasmMemory((SETTINGS_BYTES + BUFFER_BYTES) / PAGE_BYTES + 1)
  return { memory: Buffer.from(memory.buffer), kernel: plainCsvKernel(memory) }
}

export function plainCsvCheck(csv: PlainCsv): PlainCsvCheck {
  const checker = checkers.take(newChecker)
  const { memory, kernel } = checker
  const kinds = settle(memory, csv)
  let [plain, filled, begun, header] = [kinds !== undefined, 0, false, csv.header]

  function look(last: boolean): boolean {
    let at = SETTINGS_BYTES
    const end = SETTINGS_BYTES + filled
    if (!begun && (filled >= BOM.length || last)) {
      begun = true
      if (memory.subarray(at, end).subarray(0, BOM.length).equals(BOM)) at += BOM.length
    }
    if (!begun || !kinds) return plain
    if (header) {
      const behind = kernel.scan(at, end, 1, kinds.ofHeader)
      header = behind === at
      at = behind
    }
    if (!header && at >= 0) at = kernel.scan(at, end, ALL, kinds.ofRows)
    plain = at >= 0
    if (!plain) return false
    memory.copyWithin(SETTINGS_BYTES, at, end)
    filled = end - at
    // A record that does not fit.
    if (filled === BUFFER_BYTES) plain = false
    return plain
  }
  const room = () => memory.subarray(SETTINGS_BYTES + filled, SETTINGS_BYTES + BUFFER_BYTES)
  const more = (bytes: number): boolean => {
    filled += bytes
    return plain && look(false)
  }
  return {
    room,
    filled: more,
    add: (chunk) => {
      for (let at = 0; at < chunk.length && plain; ) {
        const piece = chunk.subarray(at, at + room().length)
        room().set(piece)
        more(piece.length)
        at += piece.length
      }
      return plain
    },
    end: () => {
      if (!plain) return false
      if (filled > 0 && memory[SETTINGS_BYTES + filled - 1] !== 0x0a) memory[SETTINGS_BYTES + filled++] = 0x0a
      return look(true) && filled === 0
    },
    [Symbol.dispose]: () => checkers.giveBack(checker),
  }
}

/** More records than fit. */
const ALL = 2 ** 30

/** Puts down what the kernel has to know; undefined where there is no room for it. */
function settle(memory: Buffer, csv: PlainCsv): { readonly ofHeader: number; readonly ofRows: number } | undefined {
  const texts = csv.nulls.filter((text) => text !== '').map((text) => Buffer.from(text))
  const ofHeader = AT.nullList + 8 * texts.length
  const ofRows = ofHeader + 4 * csv.kinds.length
  let at = ofRows + 4 * csv.kinds.length
  if (at + texts.reduce((sum, { length }) => sum + length, 0) > SETTINGS_BYTES) return undefined
  memory.fill(0, 0, at)
  const put = (address: number, value: number) => memory.writeInt32LE(value, address)
  put(AT.delimiter, csv.delimiter.charCodeAt(0))
  put(AT.quote, csv.quote.charCodeAt(0))
  put(AT.escape, csv.escape.charCodeAt(0))
  put(AT.columns, csv.kinds.length)
  put(AT.nulls, texts.length)
  texts.forEach((text, i) => {
    put(AT.nullList + 8 * i, at)
    put(AT.nullList + 8 * i + 4, text.length)
    memory.set(text, at)
    at += text.length
  })
  csv.kinds.forEach((kind, i) => {
    put(ofRows + 4 * i, typeof kind === 'string' ? KIND[kind] : KIND.number(kind.scale))
  })
  return { ofHeader, ofRows }
}

/** Whether a file that is not compressed is plain. */
export async function isPlainCsv(path: string, csv: PlainCsv, signal: AbortSignal): Promise<boolean> {
  using check = plainCsvCheck(csv)
  await using file = await open(path)
  for (;;) {
    signal.throwIfAborted()
    const buffer = check.room()
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
    if (bytesRead === 0) return check.end()
    if (!check.filled(bytesRead)) return false
  }
}
