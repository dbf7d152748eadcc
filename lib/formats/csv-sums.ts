import { PermanentError } from '../core/errors.ts'
import { reused } from '../core/reuse.ts'
import { PAGE_BYTES, type WasmMemory, wasmMemory } from '../core/wasm.ts'
import { csvKernel } from './csv-kernel.ts'
import { AT, COLUMN, FAULT, KIND } from './csv-memory.ts'
import { hashOfOdd, hashOfText } from './csv-odd-values.ts'
import type { ReadDialect } from './read-dialect.ts'

/**
 * What was read, in numbers that add up over files. Hashes are sums modulo 2⁶⁴ of DuckDB's `hash`, so that SQL has them of the rows that were to be written: of each value; `content` of each row's hash hashed once more; `order` likewise of the
 * hash of its key and its number, from 1 on.
 */
export interface CsvSums {
  readonly rows: number
  readonly content: bigint
  readonly order: bigint
  readonly columns: readonly ColumnSums[]
}

export interface ColumnSums {
  readonly nulls: number
  /** Empty texts. */
  readonly empty: number
  readonly hash: bigint
}

export interface CsvReader {
  /** The next bytes of a file in UTF-8 without byte-order mark. @throws PermanentError where they are not what the dialect says */
  add(chunk: Uint8Array): void
  /** After the last. @throws PermanentError where the file does not end behind a record */
  end(): CsvSums
}

const FIRST_BYTES = 2 ** 18
/** What stands between the bytes that are read and the values without their escapes: the line feed that the kernel puts behind the last byte. */
const BETWEEN = 16
/** Of one record. A WebAssembly memory has 4 GiB, half of it is for values without their escapes. */
const MOST_BYTES = 2 ** 30

/** Of a memory whose settings end at `buffer`: as many values without escapes as there are bytes to read. 16 bytes are looked at in one go. */
const pagesFor = (buffer: number, capacity: number): number => Math.ceil((buffer + 2 * capacity + BETWEEN + 16) / PAGE_BYTES)

const memories = reused<WasmMemory>()
/** A larger memory is not kept. */
const MOST_KEPT_BYTES = 4 * 2 ** 20

/**
 * Reads a CSV file back and sums up what it holds, chunk by chunk, with no code of the engine that wrote it. Stricter than most readers: a quote in an unquoted value, another line end, a field too many or too few, a
 * value that its column cannot have, or one without the quotes that were promised, is an error. `before`: rows of the same delivery in the files before this one.
 */
export function csvReader(dialect: ReadDialect, before = 0): CsvReader {
  const texts = [dialect.null, ...dialect.booleans].map((text) => Buffer.from(text))
  const keyList = AT.descriptors + dialect.columns.length * COLUMN.bytes
  const textAt = keyList + dialect.keys.length * 4
  const buffer = textAt + texts.reduce((sum, { length }) => sum + length, 0) + 8
  let capacity = FIRST_BYTES
  const pages = pagesFor(buffer, capacity)
  const memory = memories.take(() => wasmMemory(pages))
  if (memory.buffer.byteLength < pages * PAGE_BYTES) memory.grow(pages - memory.buffer.byteLength / PAGE_BYTES)
  let bytes = Buffer.from(memory.buffer).fill(0, 0, buffer)
  let [filled, wanted, header] = [0, 1, dialect.header !== undefined]
  const oddHash = (descriptor: number, at: number, length: number): bigint => {
    const number = (descriptor - AT.descriptors) / COLUMN.bytes
    const column = dialect.columns[number]
    const text = bytes.toString('utf8', at, at + length)
    const hash = column && hashOfOdd(text, column, dialect)
    if (hash !== undefined) return BigInt.asIntN(64, hash)
    throw unreadable(`${JSON.stringify(text.slice(0, 200))} is no ${column?.kind}`, number, text.slice(0, 200))
  }
  const { scan } = csvKernel(memory, oddHash)

  function unreadable(what: string, column: number, value?: string): PermanentError {
    const row = rowsRead() + 1
    return new PermanentError(`what was written does not read back: ${header ? 'in the header' : `in row ${row}`} ${what}`, {
      column: dialect.columns[column]?.name ?? '',
      ...(!header && { row }),
      ...(value !== undefined && { value }),
      hint: 'nothing is published; this is a fault of millrace or of its engine: report it with the contract',
    })
  }

  const rowsRead = (): number => Number(bytes.readBigUInt64LE(AT.rows))

  function settle(): void {
    const [nullText, yes, no] = texts.map((text, i) => {
      const at = textAt + texts.slice(0, i).reduce((sum, { length }) => sum + length, 0)
      bytes.set(text, at)
      return { at, length: text.length }
    })
    const numbers: readonly (readonly [number, number | undefined])[] = [
      [AT.nullBytes, nullText?.length],
      [AT.nullText, nullText?.at],
      [AT.yesBytes, yes?.length],
      [AT.yesText, yes?.at],
      [AT.noBytes, no?.length],
      [AT.noText, no?.at],
      [AT.delimiter, dialect.delimiter.charCodeAt(0)],
      [AT.quote, dialect.quote.charCodeAt(0)],
      [AT.escape, dialect.escape.charCodeAt(0)],
      [AT.wide, dialect.lineEnd === '\r\n' ? 1 : 0],
      [AT.columns, dialect.columns.length],
      [AT.point, dialect.decimalPoint.charCodeAt(0)],
      [AT.keyList, keyList],
      [AT.scratch, buffer + capacity + BETWEEN],
    ]
    for (const [at, number] of numbers) bytes.writeUInt32LE(number ?? 0, at)
    bytes.set([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], AT.monthDays)
    for (const [i, column] of dialect.keys.entries()) bytes.writeUInt32LE(AT.descriptors + column * COLUMN.bytes, keyList + i * 4)
    if (!header) beginRows()
  }

  /** From here on records are rows: until then all columns are texts. */
  function beginRows(): void {
    bytes.fill(0, AT.rows, keyList)
    bytes.writeBigUInt64LE(BigInt(before), AT.rows)
    bytes.writeUInt32LE(dialect.keys.length, AT.keys)
    for (const [i, { kind, scale = 0, quoted }] of dialect.columns.entries()) {
      const at = AT.descriptors + i * COLUMN.bytes
      bytes.writeUInt32LE(KIND[kind], at + COLUMN.kind)
      bytes.writeUInt32LE(Number(quoted), at + COLUMN.quoted)
      bytes.writeUInt32LE(scale, at + COLUMN.scale)
    }
    header = false
  }

  /** Room for so many bytes, twice what there was at least. */
  function grow(needed: number): void {
    if (needed > MOST_BYTES) throw unreadable(`a record has more than ${MOST_BYTES / 2 ** 20} MiB`, 0)
    capacity = Math.min(MOST_BYTES, Math.max(2 * capacity, needed))
    memory.grow(Math.max(0, pagesFor(buffer, capacity) - memory.buffer.byteLength / PAGE_BYTES))
    bytes = Buffer.from(memory.buffer)
    bytes.writeUInt32LE(buffer + capacity + BETWEEN, AT.scratch)
  }

  function faultAt(at: number): PermanentError | undefined {
    const fault = bytes.readUInt32LE(AT.fault)
    if (fault === FAULT.none) return undefined
    const column = bytes.readUInt32LE(AT.faultColumn)
    const near = JSON.stringify(bytes.toString('utf8', at, Math.min(at + 40, buffer + filled)))
    if (fault === FAULT.tooMany) return unreadable(`there are more than ${dialect.columns.length} fields, before ${near}`, column - 1)
    if (fault === FAULT.tooFew) return unreadable(`there are ${column + 1} fields, not ${dialect.columns.length}`, column)
    if (fault === FAULT.unquoted) return unreadable(`a value has no quotes, before ${near}`, column)
    return unreadable(`a field does not end before ${near}`, column)
  }

  /** Reads what is whole, and moves the rest to the front. */
  function read(): void {
    let from = buffer
    const end = buffer + filled
    if (header) {
      const behind = scan(from, end, 1)
      const fault = faultAt(behind)
      if (fault) throw fault
      if (behind > from) {
        checkHeader(from, behind)
        beginRows()
      }
      from = behind
    }
    if (!header) {
      const stopped = scan(from, end, 0xffffffff)
      const fault = faultAt(stopped)
      if (fault) throw fault
      from = stopped
    }
    bytes.copyWithin(buffer, from, end)
    filled = end - from
    // A record that is longer than what has come is not looked at again before there is twice as much.
    wanted = from === buffer ? 2 * filled : 1
  }

  function checkHeader(from: number, to: number): void {
    const at = (i: number) => AT.descriptors + i * COLUMN.bytes
    const other = (dialect.header ?? []).findIndex((name, i) => bytes.readBigUInt64LE(at(i) + COLUMN.hash) !== hashOfText(name))
    if (other >= 0)
      throw unreadable(
        `the name is not ${JSON.stringify(dialect.header?.[other])}, but one of ${JSON.stringify(bytes.toString('utf8', from, Math.min(to, from + 200)))}`,
        other,
      )
  }

  settle()
  return {
    add: (chunk) => {
      for (let taken = 0; taken < chunk.length; ) {
        if (filled === capacity) grow(capacity + 1)
        const part = chunk.subarray(taken, taken + capacity - filled)
        bytes.set(part, buffer + filled)
        filled += part.length
        taken += part.length
        if (filled >= wanted || filled === capacity) read()
      }
    },
    end: () => {
      if (filled > 0) read()
      if (filled > 0 || header)
        throw new PermanentError(`what was written does not read back: it ends within ${header ? 'the header' : `row ${rowsRead() + 1}`}`, {
          hint: 'nothing is published; this is a fault of millrace or of its engine: report it with the contract',
        })
      const columns = dialect.columns.map((_, i): ColumnSums => {
        const at = AT.descriptors + i * COLUMN.bytes
        return {
          nulls: Number(bytes.readBigUInt64LE(at + COLUMN.nulls)),
          empty: Number(bytes.readBigUInt64LE(at + COLUMN.empty)),
          hash: bytes.readBigUInt64LE(at + COLUMN.sum),
        }
      })
      const rows = rowsRead() - before
      const sums = { rows, content: bytes.readBigUInt64LE(AT.content), order: bytes.readBigUInt64LE(AT.order), columns }
      if (memory.buffer.byteLength <= MOST_KEPT_BYTES) memories.giveBack(memory)
      return sums
    },
  }
}
