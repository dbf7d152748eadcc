/** What a Parquet file says of itself at its end. */
export interface ParquetFooter {
  readonly rows: number
  /** Names of the columns, without what is inside of them. */
  readonly columns: readonly string[]
}

const MAGIC = 'PAR1'

/**
 * Reads the footer from a file's last bytes: FileMetaData of parquet.thrift in Thrift's compact protocol. Knows only the fields that it needs.
 * @throws RangeError where it is none, or not whole
 */
export function parquetFooter(tail: Buffer): ParquetFooter {
  const metadata = metadataOf(tail)
  const [root, ...elements] = metadata.get(2) as readonly Struct[]
  const columns: string[] = []
  for (let at = 0; at < elements.length; at += width(elements, at)) columns.push(String(elements[at]?.get(4)))
  if (root?.get(5) !== columns.length) throw new RangeError('its schema is not whole')
  return { rows: Number(metadata.get(3)), columns }
}

/** Where the pages of one column of one row group lie. */
export interface ColumnChunk {
  /** Name of the column, also of what is inside of it. */
  readonly column: string
  readonly start: number
  readonly bytes: number
}

/** The pages of every column, row group by row group, in the order of the columns. @throws RangeError as `parquetFooter` does */
export function columnChunks(tail: Buffer): readonly ColumnChunk[] {
  const groups = (metadataOf(tail).get(4) ?? []) as readonly Struct[]
  return groups.flatMap((group) =>
    (group.get(1) as readonly Struct[]).map((chunk) => {
      const metadata = chunk.get(3) as Struct
      const [column] = metadata.get(3) as readonly string[]
      const [data, dictionary] = [Number(metadata.get(9)), metadata.get(11)]
      if (column === undefined || !Number.isSafeInteger(data)) throw new RangeError('its footer is damaged')
      return { column, start: dictionary === undefined ? data : Math.min(data, Number(dictionary)), bytes: Number(metadata.get(7)) }
    }),
  )
}

/** How many of a file's last bytes are its footer, as its last 8 bytes say. @throws RangeError where they do not */
export function footerBytes(end: Buffer): number {
  if (end.length < 8 || end.subarray(-4).toString('latin1') !== MAGIC) throw new RangeError('its footer is missing or not whole')
  return end.readUInt32LE(end.length - 8) + 8
}

function metadataOf(tail: Buffer): Struct {
  const size = tail.length < 12 ? 0 : tail.readUInt32LE(tail.length - 8)
  if (tail.subarray(-4).toString('latin1') !== MAGIC || size > tail.length - 8) throw new RangeError('its footer is missing or not whole')
  return reader(tail.subarray(tail.length - 8 - size, tail.length - 8)).struct()
}

/** How many elements a column takes with all that is inside of it. */
function width(elements: readonly Struct[], at: number): number {
  const children = Number(elements[at]?.get(5) ?? 0)
  let size = 1
  for (let i = 0; i < children; i++) size += width(elements, at + size)
  return size
}

type Value = boolean | number | string | readonly Value[] | Struct
/** By the number of the field. */
type Struct = ReadonlyMap<number, Value>

/** Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Whole numbers beyond 2^53 are inexact. */
function reader(bytes: Buffer) {
  let at = 0
  const byte = () => {
    const value = bytes[at++]
    if (value === undefined) throw new RangeError('its footer is not whole')
    return value
  }
  function varint(): number {
    let [value, factor] = [0, 1]
    for (;;) {
      const next = byte()
      value += (next & 0x7f) * factor
      if (next < 0x80) return value
      factor *= 128
    }
  }
  const zigzag = () => {
    const value = varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  function binary(): string {
    const length = varint()
    at += length
    if (at > bytes.length) throw new RangeError('its footer is not whole')
    return bytes.toString('utf8', at - length, at)
  }
  function list(): readonly Value[] {
    const head = byte()
    const size = head >> 4 === 15 ? varint() : head >> 4
    const type = head & 15
    return Array.from({ length: size }, () => (type === 1 || type === 2 ? byte() === 1 : value(type)))
  }
  function value(type: number): Value {
    if (type === 1 || type === 2) return type === 1
    if (type === 3) return byte()
    if (type >= 4 && type <= 6) return zigzag()
    if (type === 8) return binary()
    if (type === 9 || type === 10) return list()
    if (type === 12) return struct()
    if (type === 7) {
      at += 8
      return 0
    }
    throw new RangeError('its footer is damaged')
  }
  function struct(): Struct {
    const fields = new Map<number, Value>()
    let id = 0
    for (let head = byte(); head !== 0; head = byte()) {
      id = head >> 4 === 0 ? zigzag() : id + (head >> 4)
      fields.set(id, value(head & 15))
    }
    return fields
  }
  return { struct }
}
